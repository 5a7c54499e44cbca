"""The straight way of the sale over HTTP with the Meta simulator: signed in, replies out, receipts back, kept for ever."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.contracts import assert_conversation
from tests.kit.product import Product, eventually
from tests.kit.rig import Rig, free_port

PHONE = "34600111222"


@pytest.fixture
def rig_and_product(tmp_path: Path) -> Iterator[tuple[Rig, Product]]:
    port = free_port()
    with Rig(f"http://127.0.0.1:{port}") as rig:
        product = Product(tmp_path, rig.env("meta"), port=port).start()
        yield rig, product
        product.stop()


class Prospect:
    """Says things on WhatsApp and reads what comes back."""

    def __init__(self, rig: Rig, phone: str = PHONE) -> None:
        self._rig, self._phone = rig, phone
        self._read = 0

    def say(self, text: str) -> str:
        self._rig.meta.inbound(self._phone, text)
        return self.hear()

    def press(self, title: str) -> str:
        """Presses the button with that title under the last message."""
        last = self._rig.meta.sent(self._phone)[-1]["payload"]["interactive"]["action"]
        choices = [button["reply"] for button in last.get("buttons", [])]
        choices += [row for section in last.get("sections", []) for row in section["rows"]]
        chosen = next(choice for choice in choices if title in choice["title"])
        kind = "button_reply" if "buttons" in last else "list_reply"
        self._rig.meta.inbound(self._phone, type=kind, reply_id=chosen["id"], title=chosen["title"])
        return self.hear()

    def hear(self) -> str:
        """What was said since last time; the answer to one turn."""
        eventually(lambda: len(self._rig.meta.sent(self._phone)) > self._read)
        self._rig.wait_quiet(idle_ms=700, only=["meta"])
        fresh = self._rig.meta.sent(self._phone)[self._read :]
        self._read += len(fresh)
        return "\n".join(sent["text"] for sent in fresh)


def test_from_hello_to_an_accepted_proposal(rig_and_product: tuple[Rig, Product]) -> None:
    rig, product = rig_and_product
    marta = Prospect(rig)
    assert "privacidad" in marta.say("hola").casefold()
    marta.press("Sí")
    answers = {
        "name": "Marta",
        "birth_date": "12/03/1991",
        "age": "35",
        "smoker": "no",
        "occupation": "administrativa",
        "dependents": "dos hijos",
        "monthly_income": "1900 al mes",
        "mortgage_balance": "me quedan 120.000",
        "existing_cover": "no",
        "savings": "no",
        "marital_status": "casada",
    }
    for _ in range(len(answers)):
        conversation = product.conversation(PHONE)
        if conversation["awaiting"] == "choice":
            break
        marta.say(answers[conversation["awaiting"].removeprefix("confirm:")])
    conversation = product.conversation(PHONE)
    assert_conversation(conversation)
    assert (conversation["stage"], conversation["awaiting"]) == ("PRESENTACION_PROPUESTA", "choice")
    assert [quote["tier"] for quote in conversation["quotes"]] == ["esencial", "equilibrada", "completa"]

    product.kill_everything()
    product.start()
    assert product.conversation(PHONE) == conversation, "everything is as it was, after every process was killed"

    marta.say("la de en medio")
    assert product.conversation(PHONE)["awaiting"] == "accept"
    marta.say("sí, la acepto")
    conversation = product.conversation(PHONE)
    assert (conversation["stage"], conversation["outcome"], conversation["owner"]) == ("FINALIZADO", "accepted", "bot")
    assert conversation["selected_quote"] == conversation["quotes"][1]["id"]
    statuses = {row["status"] for row in conversation["messages"] if row["role"] == "bot"}
    assert statuses <= {"delivered", "read"}, "every reply came back with its receipts"

    counters = rig.counters(PHONE)
    assert counters["rig_errors"] == {} or not counters["rig_errors"]
    log = product.log_file.read_text()
    for private in (PHONE, "Marta", "administrativa", "120.000", rig.env("meta")["WHATSAPP_TOKEN"]):
        assert private not in log
