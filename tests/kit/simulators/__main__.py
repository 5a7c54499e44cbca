"""All simulators in one process with their control API: `python -m tests.kit.simulators --help`."""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import json
import os
import signal
import sys

from tests.kit.simulators.control import Control
from tests.kit.simulators.vendors import Vendors

PORTS = {"control": 8100, "meta": 8101, "twilio": 8102, "chatwoot": 8103, "llm": 8104}


def arguments(environ: dict[str, str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.kit.simulators",
        description="Vendor simulators; everything listens on 127.0.0.1 only. Prints one JSON line: the ports and the product's"
        " environment. Port 0 picks a free one.",
    )
    for name, port in PORTS.items():
        parser.add_argument(f"--{name}-port", type=int, default=port)
    product = f"http://127.0.0.1:{environ.get('WEBHOOK_PORT', '5000')}"
    parser.add_argument("--product-url", default=product, help="where the product listens (webhooks are posted there)")
    parser.add_argument("--public-base-url", default="", help="the URL that Twilio signs, when it differs")
    parser.add_argument("--config", type=json.loads, default={}, help='JSON, e.g. {"chatwoot":{"version":"4.17.0"}}')
    parser.add_argument("--ignore-environment", action="store_true", help="own credentials, whatever is exported")
    parser.add_argument("--end-with-parent", action="store_true", help="end when the starting thread ends (Linux)")
    return parser.parse_args()


async def serve(options: argparse.Namespace, environ: dict[str, str]) -> None:
    vendors = Vendors(
        options.product_url,
        {name: getattr(options, f"{name}_port") for name in PORTS if name != "control"},
        public_base_url=options.public_base_url,
        options=options.config,
        environ={} if options.ignore_environment else environ,
    )
    control = Control(vendors)
    await vendors.start()
    await control.start(options.control_port)
    sys.stdout.write(json.dumps({"ports": vendors.ports, "env": vendors.env()}) + "\n")
    sys.stdout.flush()
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await stop.wait()
    await vendors.stop()
    await control.stop()


def end_with_parent() -> None:
    """Asks Linux for SIGTERM at the parent's death, so that a killed test run leaves nothing behind."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGTERM)
    if os.getppid() != parent:  # it died in between
        sys.exit(1)


def main() -> None:
    environ = dict(os.environ)
    options = arguments(environ)
    if options.end_with_parent:
        end_with_parent()
    asyncio.run(serve(options, environ))


if __name__ == "__main__":
    main()
