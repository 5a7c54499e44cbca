"""`python -m tests.kit.simulators.meta send --url … --secret … --from 34600111222 --text hola`: one signed webhook."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time

from .server import MetaSim
from .signing import escape_body, sign


def main(argv=None) -> int:
    """python -m tests.kit.simulators.meta send --url … --secret … --from 34600111222 --text hola   (one signed inbound webhook)"""
    ap = argparse.ArgumentParser(prog="python -m tests.kit.simulators.meta")
    ap.add_argument("cmd", choices=["send", "print", "verify"])
    ap.add_argument("--url", default="http://127.0.0.1:5000/webhook/whatsapp")
    ap.add_argument("--secret", default=MetaSim.DEFAULTS["app_secret"])
    ap.add_argument("--verify-token", default=MetaSim.DEFAULTS["verify_token"])
    ap.add_argument("--phone-number-id", default=MetaSim.DEFAULTS["phone_number_id"])
    ap.add_argument("--from", dest="frm", default="34600111222")
    ap.add_argument("--text", default="hola")
    ap.add_argument("--spec", help="JSON: a message spec, or a list of them")
    ap.add_argument("--layout", default="batch")
    ap.add_argument("--signature", default="ok")
    ap.add_argument("--duplicates", type=int, default=0)
    a = ap.parse_args(argv)

    async def go():
        sim = MetaSim(
            webhook_url=a.url,
            app_secret=a.secret,
            verify_token=a.verify_token,
            phone_number_id=a.phone_number_id,
            seed=int(time.time() * 1000) & 0xFFFFFF,
        )
        sim.base_url = "http://127.0.0.1:0"
        specs = json.loads(a.spec) if a.spec else {"from": a.frm, "type": "text", "body": a.text}
        specs = specs if isinstance(specs, list) else [specs]
        if a.cmd == "print":
            b = escape_body(sim.inbound_body(specs, a.layout))
            sys.stdout.write(b.decode() + "\n")
            sys.stderr.write(f"X-Hub-Signature-256: {sign(a.secret, b)}\n")
            return
        await sim.outbox.start()
        try:
            print(
                json.dumps(
                    await (
                        sim.verify_webhook()
                        if a.cmd == "verify"
                        else sim.send_inbound(
                            {
                                "messages": specs,
                                "layout": a.layout,
                                "signature": a.signature,
                                "duplicates": a.duplicates,
                            }
                        )
                    ),
                    indent=1,
                )
            )
        finally:
            await sim.outbox.stop()

    asyncio.run(go())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
