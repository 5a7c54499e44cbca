"""The lead page in a real browser, in a frame of a page that stands for Chatwoot's: the link comes through Chatwoot alone."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from src.data_dir import lead_token
from src.integrations.chatwoot.links import ATTRIBUTE
from tests.dashboard.browser import Browser, chromium
from tests.kit.product import ADMIN_TOKEN, OPERATOR, Product, eventually
from tests.kit.rig import Rig, free_port

MARTA = "34600111222"
DESK = """<!doctype html><title>Desk</title><iframe id="app" src="{page}"></iframe><script>
async function tell() {{
  const answer = await fetch("/api/v1/accounts/1/conversations/{number}", {{ headers: {{ "Api-Access-Token": "{token}" }} }});
  const conversation = await answer.json();
  const data = {{ conversation, contact: conversation.meta.sender, currentAgent: {{ id: 1 }} }};
  const told = {{ event: "appContext", data }};
  document.getElementById("app").contentWindow.postMessage(JSON.stringify(told), "*");
}}
addEventListener("message", (event) => {{ if (event.data === "chatwoot-dashboard-app:fetch-info") tell(); }});
</script>"""
"""What Chatwoot's conversation view does for a dashboard app: it tells the context when it is asked, and nothing else."""


class Desk(ThreadingHTTPServer):
    """The simulator's API and a page of its own under one address, as Chatwoot has both."""

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), _Desk)
        self.behind, self.page = behind, ""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Desk(BaseHTTPRequestHandler):
    server: Desk

    def do_GET(self) -> None:
        if self.path == "/desk":
            return self._answer(200, self.server.page.encode(), "text/html")
        return self._pass_on()

    def _pass_on(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        kept = {name: value for name, value in self.headers.items() if name.casefold() in ("api-access-token", "content-type")}
        answer = requests.request(self.command, self.server.behind + self.path, data=raw, headers=kept, timeout=20)
        self._answer(answer.status_code, answer.content, answer.headers.get("Content-Type", "application/json"))

    do_POST = do_PATCH = do_DELETE = _pass_on  # noqa: N815 - the library's names

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rig, Desk, Product]]:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with Rig(address) as rig:
        env = {**rig.env("meta", "chatwoot"), "PUBLIC_BASE_URL": address}
        desk = Desk(env["CHATWOOT_BASE_URL"])
        threading.Thread(target=desk.serve_forever, daemon=True).start()
        with Product(tmp_path_factory.mktemp("lead"), {**env, "CHATWOOT_BASE_URL": desk.address}, port=port) as product:
            rig.meta.inbound(MARTA, "hola")
            (conversation,) = eventually(lambda: rig.chatwoot.state()["conversations"])
            page = f"{address}/chatwoot/lead#{lead_token(ADMIN_TOKEN)}"
            desk.page = DESK.format(page=page, number=conversation["id"], token=env["CHATWOOT_USER_TOKEN"])
            yield rig, desk, product
        desk.shutdown()
        desk.server_close()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    if chromium() is None:
        pytest.skip("chromium is not installed here: apt-get install chromium")
    window = Browser(tmp_path / "profile")
    yield window
    window.close()


def links(rig: Rig) -> list[str]:
    """The link that Chatwoot holds for the conversation now."""
    (conversation,) = rig.chatwoot.state()["conversations"]
    return [conversation["custom_attributes"][ATTRIBUTE]] if ATTRIBUTE in conversation["custom_attributes"] else []


def owner(product: Product) -> str:
    return str(product.conversation(MARTA)["owner"])


def in_frame(browser: Browser, expression: str) -> Any:
    """The value of an expression on the framed page, which is of another origin than the page around it."""
    frames = browser.call("Page.getFrameTree")["frameTree"].get("childFrames", [])
    framed = [one["frame"]["id"] for one in frames if "/chatwoot/lead" in one["frame"]["url"]]
    if not framed:
        return None
    context = browser.call("Page.createIsolatedWorld", frameId=framed[0])["executionContextId"]
    answer = browser.call("Runtime.evaluate", expression=expression, contextId=context, returnByValue=True)
    assert "exceptionDetails" not in answer, answer
    return answer["result"].get("value")


def test_who_sees_the_conversation_sees_the_lead_and_acts_on_it(installed: tuple[Rig, Desk, Product], browser: Browser) -> None:
    rig, desk, product = installed
    assert links(rig) == []
    browser.go(f"{desk.address}/desk")
    stage = "document.getElementById('card').hidden ? '' : document.getElementById('stage').textContent"
    assert eventually(lambda: in_frame(browser, stage)) == "Primer contacto"
    [first] = links(rig)
    in_frame(browser, "document.getElementById('takeover').click()")
    eventually(lambda: owner(product) == "human")
    assert links(rig) == [first], "one link is good for a while"

    taken_back = requests.delete(f"{product.address}/webhook/conversation/{MARTA}/lead-links", headers=OPERATOR, timeout=10)
    assert taken_back.json() == {"status": "revoked"}
    in_frame(browser, "document.getElementById('handback').click()")
    eventually(lambda: owner(product) == "bot")
    assert links(rig) != [first], "a new one was shown, and what was wanted was done with it"
    assert lead_token(ADMIN_TOKEN) not in json.dumps(rig.chatwoot.state()["conversations"])


def test_the_address_alone_shows_nothing(installed: tuple[Rig, Desk, Product], browser: Browser) -> None:
    """Copied into a window of its own there is no Chatwoot that could show it a link."""
    _, _, product = installed
    browser.go(f"{product.address}/chatwoot/lead#{lead_token(ADMIN_TOKEN)}")
    assert browser.js("document.getElementById('card').hidden")
    proof = {"Authorization": f"Bearer {lead_token(ADMIN_TOKEN)}"}
    wanted = {"conversation": "1", "source_id": f"wa:{MARTA}"}
    assert requests.post(f"{product.address}/chatwoot/lead/card", json=wanted, headers=proof, timeout=10).status_code == 401
