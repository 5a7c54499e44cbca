"""The dashboard on a real ledger, with conversations in any state, and somebody who looks at it."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from src.agent import state as states
from src.agent.state import new_conversation
from src.dashboard.pages import Backstage, pages
from src.desk import jobs
from src.desk.checks import Check
from src.desk.desk import Desk
from src.desk.finding import listed_under
from src.desk.inbox import Inbox
from src.desk.operators import Operators, dead_letter_id
from src.desk.ports import Channel, Settlement
from src.integrations.identity import typed_key
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.revocations import RedisRevocations
from src.integrations.ledger.views import RedisRecords
from src.integrations.simulator_channel import SimulatorChannel
from src.messages import PLAYED, Contact, Content, Inbound, Option, Outbound
from src.quoting import Projection, size_need
from src.webhooks import security
from tests.kit.kept import a_quote

ADMIN = "the-operators-token-in-tests"
MARTA = "34600000001"
MARTA_KEY = f"whatsapp:{MARTA}"


class Office:
    """The store behind the dashboard: people write, and turns are settled as told."""

    def __init__(self, ledger: RedisLedger) -> None:
        self.ledger = ledger
        self.records = RedisRecords(ledger)
        self.desk = Desk(ledger, self.records, typed_key=typed_key)
        self.channels: dict[str, Channel] = {"whatsapp": SimulatorChannel(), PLAYED: SimulatorChannel()}
        self.operators = Operators(ledger, self.records, self.channels, ledger.server_time, retention_days=lambda: 10)

    def hears(self, text: str, number: str = MARTA, **more: Any) -> str:
        """Somebody writes; the id of the message."""
        contact = Contact(key=f"whatsapp:{number}", channel="whatsapp", phone=f"+{number}", name=more.pop("name", None))
        message_id = f"wamid.{number}.{len(text)}.{more.get('kind', 'text')}"
        inbound = Inbound(
            id=message_id, contact=contact, kind=more.pop("kind", "text"), at=self.ledger.server_time(), text=text
        )
        self.desk.receive([inbound], [])
        return message_id

    def settles(
        self,
        number: str = MARTA,
        *,
        channel: str = "whatsapp",
        replies: tuple[Content, ...] = (),
        owner: str = "",
        state: bytes = b"",
        **changes: Any,
    ) -> None:
        """What was heard is answered with these replies, and the conversation is then as the changes say."""
        claim = self.ledger.claim("turns", f"{channel}:{number}")
        assert claim is not None
        inbounds = [jobs.inbound_of(job.body) for job in claim.jobs]
        contact = inbounds[0].contact
        conversation = msgspec.structs.replace(new_conversation(contact, claim.now), **changes)
        outbounds = [
            Outbound(id=f"{claim.turn_id}.{position}", contact=contact, content=reply, at=claim.now)
            for position, reply in enumerate(replies)
        ]
        settlement = Settlement(
            done=[job.id for job in claim.jobs],
            state=state or states.encode(conversation),
            stage=conversation.stage,
            name=listed_under(conversation),
            owner=owner,
            rows=[jobs.outbound_row(outbound) for outbound in outbounds],
            deliveries=[(outbound.id, msgspec.json.encode(outbound)) for outbound in outbounds],
            counts={"turns": 1, "replies": len(outbounds)},
        )
        self.ledger.commit(claim, settlement)

    def gives_up(self, number: str = MARTA, *, reason: str = "BotFailed: three times") -> str:
        """Somebody's message becomes a dead letter; its id."""
        self.hears("¿hola?", number=number)
        claim = self.ledger.claim("turns", f"whatsapp:{number}")
        assert claim is not None
        self.ledger.commit(claim, Settlement(buried=[job.id for job in claim.jobs], reason=reason))
        return dead_letter_id(self.operators.dead_letters(1)[0])

    def has_marta(self) -> str:
        """A conversation with everything in it; the id of her message."""
        message_id = self.hears("Hola, soy Marta", name="Marta en WhatsApp")
        now = self.ledger.server_time()
        later = Projection(5, Decimal("294.5"), Decimal("25.28"))
        price = {"monthly_premium": Decimal("15.96"), "annual_premium": Decimal("185.91"), "projection": (later,)}
        quote = a_quote(id="q2", tier="equilibrada", **price)
        self.settles(
            replies=(Content(kind="buttons", text="*Mucho gusto*, Marta.", options=(Option(id="a", title="Adelante"),)),),
            stage="PRESENTACION_PROPUESTA",
            awaiting="choice",
            profile={"name": "Marta", "age": 36, "smoker": False, "mortgage_balance": 130_000},
            profile_sources={"age": states.ProfileSource(message_id=message_id, at=now, replaced=[63])},
            details={"sport": "buceo"},
            need=size_need(monthly_income=2_000, mortgage_balance=169_000, dependents=0, partner=True, years=10),
            quotes=[quote, a_quote(id="q1", tier="esencial", monthly_premium=Decimal("9.19"), projection=())],
            selected_quote="q2",
            consents={"quote": states.Consent(given=True, at=now, text_version="2026-11-20")},
        )
        return message_id


class Visitor:
    """A browser without scripts. It reads English, as most of these tests do; the pages' own language is Spanish."""

    def __init__(self, app: Flask, language: str = "en") -> None:
        self.app = app
        self.client = app.test_client()
        self.client.set_cookie("iv-language", language)

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.client.get(path, buffered=True, **more)

    def post(self, path: str, *, csrf: str | None = None, form: dict[str, str] | None = None, **more: Any) -> TestResponse:
        """Sends a form; by default with the proof that the pages carry."""
        proof = self.csrf() if csrf is None else csrf
        return self.client.post(path, data={**(form or {}), "csrf": proof}, **more)

    def csrf(self) -> str:
        """What the forms on the pages carry."""
        return form_word(self.get("/dashboard/conversations"))

    def log_in(self, token: str = ADMIN, *, from_address: str = "127.0.0.1") -> TestResponse:
        word = form_word(self.get("/login"))
        return self.client.post("/login", data={"token": token, "csrf": word}, environ_overrides={"REMOTE_ADDR": from_address})

    def is_logged_in(self) -> bool:
        return self.get("/dashboard/activity").status_code == 200


INLINE = ("a", "b", "em", "s", "small", "span", "strong", "time")


class Page(HTMLParser):
    """What a browser makes of a page: its elements with their attributes, its text, what stands in its fields."""

    def __init__(self, answer: TestResponse) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.fields: dict[str, str] = {}
        self._filled, self._is_filling = "", False
        self.feed(answer.text)
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.text += "" if tag in INLINE else " "
        given = {name: value or "" for name, value in attrs}
        if tag == "input":
            self.fields[given.get("name", "")] = given.get("value", "")
        elif tag in ("textarea", "select"):
            self._filled, self._is_filling = given.get("name", ""), tag == "textarea"
            self.fields[self._filled] = ""
        elif tag == "option":
            self._is_filling = "selected" in given

    def handle_endtag(self, tag: str) -> None:
        if tag in ("textarea", "option"):
            self._is_filling = False

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._is_filling:
            self.fields[self._filled] += data

    def attributes(self, name: str) -> dict[str, str | None]:
        """Those of the first form field of that name; empty when there is none."""
        return next((attributes for _, attributes in self.elements if attributes.get("name") == name), {})

    def links(self) -> list[str]:
        return [attributes.get("href") or "" for tag, attributes in self.elements if tag == "a"]


def form_word(answer: TestResponse) -> str:
    """The value of the first hidden field that proves where a form came from."""
    for tag, attributes in Page(answer).elements:
        if tag == "input" and attributes.get("name") == "csrf":
            return attributes["value"] or ""
    return ""


@pytest.fixture
def store_url(valkey_url: str) -> str:
    """The dashboard does not care which server it is: the ledger's own tests run on both."""
    return valkey_url


@pytest.fixture
def office(new_ledger: Callable[..., RedisLedger]) -> Office:
    return Office(new_ledger(debounce_s=0.0))


@pytest.fixture
def new_app(office: Office) -> Callable[..., Flask]:
    """Makes applications that hold nothing but the dashboard."""

    def make(**changes: Any) -> Flask:
        given: dict[str, Any] = {
            "desk": office.desk,
            "inbox": Inbox(office.records),
            "operators": office.operators,
            "checks": lambda: [Check("store", True, "answers"), Check("workers", False, "0 alive", "start one")],
            "set_up_chatwoot": None,
            "admin_token": lambda: ADMIN,
            "workers": lambda: {"host.1": 0.4, "host.2": 99.0},
            "channels": {"WhatsApp": "simulator"},
            "now": office.ledger.server_time,
            "revocations": RedisRevocations(office.ledger),
            "secure": False,
            "timezone": lambda: "Europe/Madrid",
            "is_tried_out": False,
            **changes,
        }
        app = Flask("dashboard-under-test", static_folder=None)
        security.install(app)
        app.register_blueprint(pages(Backstage(**given)))
        return app

    return make


@pytest.fixture
def app(new_app: Callable[..., Flask]) -> Flask:
    return new_app()


@pytest.fixture
def stranger(app: Flask) -> Visitor:
    return Visitor(app)


@pytest.fixture
def operator(app: Flask) -> Visitor:
    visitor = Visitor(app)
    assert visitor.log_in().status_code == 303
    return visitor
