"""One signed webhook from the command line: `python -m tests.kit.simulators.meta send --secret … --text hola`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from .server import MetaSim
from .signing import escape_body, sign


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.kit.simulators.meta")
    parser.add_argument("command", choices=["send", "print", "verify"])
    parser.add_argument("--url", default="http://127.0.0.1:5000/webhook/whatsapp")
    parser.add_argument("--secret", default=MetaSim.DEFAULTS["app_secret"])
    parser.add_argument("--verify-token", default=MetaSim.DEFAULTS["verify_token"])
    parser.add_argument("--phone-number-id", default=MetaSim.DEFAULTS["phone_number_id"])
    parser.add_argument("--from", dest="sender", default="34600111222")
    parser.add_argument("--text", default="hola")
    parser.add_argument("--spec", type=json.loads, help="JSON: a message, or a list of them; see tests/kit/README.md")
    parser.add_argument("--layout", default="batch")
    parser.add_argument("--signature", default="ok")
    parser.add_argument("--duplicates", type=int, default=0)
    return parser.parse_args()


async def run(options: argparse.Namespace) -> None:
    sim = MetaSim(
        webhook_url=options.url,
        app_secret=options.secret,
        verify_token=options.verify_token,
        phone_number_id=options.phone_number_id,
    )
    sim.base_url = "http://127.0.0.1:0"
    spec = options.spec or {"from": options.sender, "type": "text", "body": options.text}
    messages = spec if isinstance(spec, list) else [spec]
    if options.command == "print":
        body = escape_body(sim.inbound_body(messages, options.layout))
        sys.stdout.write(body.decode() + "\n")
        sys.stderr.write(f"X-Hub-Signature-256: {sign(options.secret, body)}\n")
        return
    delivery = {"layout": options.layout, "signature": options.signature, "duplicates": options.duplicates}
    await sim.outbox.start(concurrency=8)
    try:
        seen = await (
            sim.verify_webhook() if options.command == "verify" else sim.send_inbound({"messages": messages, **delivery})
        )
    finally:
        await sim.outbox.stop()
    sys.stdout.write(json.dumps(seen, indent=1) + "\n")


if __name__ == "__main__":
    asyncio.run(run(arguments()))
