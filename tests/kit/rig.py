"""The vendor simulators for synchronous tests: another process, driven over its control API.

    with Rig(product_url=f"http://127.0.0.1:{port}") as rig:
        start_the_product(env=rig.env())
        rig.meta.inbound("34600111222", "hola")
        rig.wait_quiet()
        assert [m["text"] for m in rig.meta.sent("34600111222")] == [...]

What each switch, option and ledger field means stands in `tests/kit/README.md`.
"""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

PROJECT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 10
HTTP_MARGIN_S = 30

# What `inbound` says about the delivery; every other keyword describes the message.
DELIVERY_OPTIONS = frozenset({"layout", "split", "reorder", "duplicates", "gap_s", "signature", "statuses", "wait", "url"})


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago; the product's address must be known before the rig starts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ControlApi:
    """JSON over HTTP to the simulators' control port. An answer that is not 2xx is an AssertionError with its body."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy in the environment must not see loopback calls

    def get(self, path: str, timeout_s: float = HTTP_MARGIN_S, **query: Any) -> Any:
        given = {name: value for name, value in query.items() if value is not None}
        return self._answer(self._session.get(self._base_url + path, params=given, timeout=timeout_s))

    def post(self, path: str, body: Any = None, timeout_s: float = HTTP_MARGIN_S) -> Any:
        return self._answer(self._session.post(self._base_url + path, json=body, timeout=timeout_s))

    def delete(self, path: str, **query: Any) -> Any:
        return self._answer(self._session.delete(self._base_url + path, params=query, timeout=HTTP_MARGIN_S))

    def close(self) -> None:
        self._session.close()

    @staticmethod
    def _answer(response: requests.Response) -> Any:
        assert response.ok, f"control API {response.url}: {response.status_code} {response.text[:2000]}"
        return response.json()


class Vendor:
    """What every simulator offers."""

    def __init__(self, name: str, control: ControlApi) -> None:
        self.name = name
        self._control = control

    def ledger(self, contact: str | None = None, **query: Any) -> Any:
        """All that the vendor took in; filters: since, limit, kind, conversation."""
        return self._control.get(f"/{self.name}/ledger", contact=contact, **query)

    def state(self) -> dict[str, Any]:
        return dict(self._control.get(f"/{self.name}/state"))

    def deliveries(self, **query: Any) -> list[dict[str, Any]]:
        """Every attempt to post a webhook to the product, with status and milliseconds."""
        return list(self._control.get(f"/{self.name}/deliveries", **query))

    def config(self, **options: Any) -> dict[str, Any]:
        """Changes the named options, if any; returns all of them."""
        path = f"/{self.name}/config"
        return dict(self._control.post(path, options) if options else self._control.get(path))

    def faults(self, *switches: dict[str, Any]) -> list[dict[str, Any]]:
        """Adds fault switches, e.g. `{"kind": "error", "status": 500, "times": 2}`; returns all with their hits."""
        if switches:
            self._control.post(f"/{self.name}/faults", list(switches))
        return list(self._control.get(f"/{self.name}/faults"))

    def clear_faults(self) -> None:
        self._control.delete(f"/{self.name}/faults")

    def reset(self, keep_config: bool = False) -> None:
        self._control.post(f"/{self.name}/reset", {"keep_config": keep_config})


class MessagingVendor(Vendor):
    """Meta or Twilio: prospects write in, the product's messages come out."""

    def inbound(self, sender: str | None = None, body: str | None = None, **more: Any) -> dict[str, Any]:
        """One message of a prospect. `type`, `user_id`, `reply_id`, `title` … describe it (`sender=None`: no phone);
        `signature`, `duplicates`, `wait` … describe its delivery. Returns the ids and the product's answers."""
        message = {name: value for name, value in more.items() if name not in DELIVERY_OPTIONS}
        delivery = {name: value for name, value in more.items() if name in DELIVERY_OPTIONS}
        if sender is not None:
            message["from"] = sender
        if body is not None:
            message["body"] = body
        return self.inbound_batch([message], **delivery)

    def inbound_batch(self, messages: list[dict[str, Any]], **delivery: Any) -> dict[str, Any]:
        """Several messages; `layout`, `split`, `reorder`, `duplicates`, `gap_s` … say how they travel."""
        return dict(self._control.post(f"/{self.name}/inbound", {"messages": messages, **delivery}, timeout_s=120))

    def inbound_raw(self, body: Any, **delivery: Any) -> dict[str, Any]:
        """Signs and posts a body as it is: a string goes out unchanged, anything else in Meta's escaped JSON."""
        return dict(self._control.post(f"/{self.name}/inbound", {"raw": body, **delivery}, timeout_s=120))

    def sent(self, contact: str | None = None) -> list[dict[str, Any]]:
        """The product's accepted messages in order: `text`, `type`, `payload`, `statuses`, `inside_window` …"""
        return list(self.ledger(contact, kind="message")["accepted"])

    def rejected(self) -> list[dict[str, Any]]:
        return list(self.ledger()["rejected"])

    def fail_next(self, code: int, to: str | None = None, times: int = 1) -> None:
        """The next accepted message (to that contact) ends in a failed status with this error code."""
        rule: dict[str, Any] = {"code": code, "times": times}
        if to is not None:
            rule["to"] = to
        self._control.post(f"/{self.name}/fail", rule)


class MetaVendor(MessagingVendor):
    def verify(self, **query: Any) -> dict[str, Any]:
        """The GET handshake (`token`, `challenge`, `mode`); `ok` when the product answered with the bare challenge."""
        return dict(self._control.post("/meta/verify", query))

    def template(self, name: str, **fields: Any) -> dict[str, Any]:
        """Creates a message template, or changes one (`language`, `status`, `category`, `components`)."""
        return dict(self._control.post("/meta/templates", {"name": name, **fields}))


class ChatwootVendor(Vendor):
    def agent(self, action: str, **arguments: Any) -> dict[str, Any]:
        """A person works in Chatwoot: reply, note, assign, resolve … on `conversation_id` or `phone`."""
        return dict(self._control.post("/chatwoot/agent", {"action": action, **arguments}))


class LlmVendor(Vendor):
    def script(self, *replies: dict[str, Any]) -> None:
        """Queues answers, e.g. `{"content": "…"}` or `{"tool_calls": [["name", {…}]]}`."""
        self._control.post("/llm/script", list(replies))

    def rules(self, *rules: dict[str, Any]) -> None:
        """Replaces the answers by regular expression: `{"match": "hola", "reply": {"content": "…"}}`."""
        self._control.post("/llm/rules", list(rules))

    def search(self, *patterns: str) -> dict[str, list[int]]:
        """Which requests (by sequence number) carried a text that matches each pattern."""
        return dict(self._control.post("/llm/search", {"patterns": list(patterns)}))


class VendorClock:
    """The clock of all vendors at once: 24 h windows and 5-minute media URLs pass without waiting."""

    def __init__(self, control: ControlApi) -> None:
        self._control = control

    def advance(self, seconds: float) -> None:
        self._control.post("/clock", {"advance": seconds})


class Rig:
    """All simulators in one child process. It ends with `stop()`, with the `with` block, or (Linux) with the thread
    that started it, so nothing is left running when a test run is killed."""

    def __init__(
        self,
        product_url: str = "",
        *,
        public_base_url: str = "",
        config: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        """`product_url`: where webhooks go; `public_base_url`: what Twilio signs, when that differs; `config`: options
        per simulator that survive a reset, e.g. `{"meta": {"pair_limit": False}}`."""
        command = [sys.executable, "-m", "tests.kit.simulators", "--end-with-parent", "--ignore-environment"]
        command += ["--product-url", product_url, "--public-base-url", public_base_url]
        for vendor in ("meta", "twilio", "chatwoot", "llm", "control"):
            command += [f"--{vendor}-port", "0"]
        if config:
            command += ["--config", json.dumps(config)]
        self.process = subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        try:
            announcement = self._first_line()
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        self.ports: dict[str, int] = announcement["ports"]
        self._env: dict[str, str] = announcement["env"]
        self._control = ControlApi(f"http://127.0.0.1:{self.ports['control']}")
        self.meta = MetaVendor("meta", self._control)
        self.twilio = MessagingVendor("twilio", self._control)
        self.chatwoot = ChatwootVendor("chatwoot", self._control)
        self.llm = LlmVendor("llm", self._control)
        self.clock = VendorClock(self._control)

    def _first_line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], START_TIMEOUT_S)
        line = self.process.stdout.readline() if ready else ""
        assert line, f"the simulators did not start (exit code {self.process.poll()})"
        return dict(json.loads(line))

    def env(self, *vendors: str) -> dict[str, str]:
        """The environment a product needs to talk to these simulators; of the named vendors only, when given
        (`meta`, `twilio`, `chatwoot`, `llm`)."""
        prefixes = {"meta": "WHATSAPP_", "twilio": "TWILIO_", "chatwoot": "CHATWOOT_", "llm": "OPENAI_"}
        wanted = tuple(prefixes[vendor] for vendor in vendors or prefixes)
        return {name: value for name, value in self._env.items() if name.startswith(wanted)}

    def wait_quiet(
        self,
        idle_ms: float = 500,
        timeout_s: float = 30,
        *,
        ignore_retries: bool = False,
        only: list[str] | None = None,
    ) -> None:
        """Returns when no request is under way, no webhook waits and nothing happened for `idle_ms`; else fails.
        `idle_ms` must be longer than the product's own pauses (its debounce)."""
        question = {"idle_ms": idle_ms, "timeout_s": timeout_s, "ignore_retries": ignore_retries, "only": only}
        self._control.post("/wait-quiet", question, timeout_s=timeout_s + HTTP_MARGIN_S)

    def counters(self, contact: str | None = None) -> dict[str, Any]:
        """Sends, order, duplicates, window violations, mirror differences, LLM calls; `rig_errors` must be empty."""
        return dict(self._control.get("/counters", contact=contact))

    def reset(self, keep_config: bool = False) -> None:
        """Empty simulators, the vendors' clocks at real time; identifiers go on and never repeat."""
        self._control.post("/reset", {"keep_config": keep_config})

    def stop(self) -> None:
        self._control.close()
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
