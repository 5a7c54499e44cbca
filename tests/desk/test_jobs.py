"""What is written around a turn: always readable again, and without what must not be stored."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.desk import jobs
from src.desk.jobs import arrival, inbound_of, outbound_of, outbound_row, readable, without_secrets
from src.messages import Contact, Content, Event, Inbound, Location, Media, Option, Outbound, Template
from tests.integrations.ledger_kit import ANA, NOW

TEXT = st.text(max_size=60) | st.sampled_from(
    ["12345678Z", "4111 1111 1111 1111", "tengo diabetes", "\ud83d", "\x00\u202e", "ｄｎｉ 12345678Z"]
)
TREE = st.recursive(
    TEXT | st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def inbounds(draw: st.DrawFn) -> Inbound:
    """Whatever a person may have typed, wherever it may stand."""
    return Inbound(
        id="wamid.1",
        contact=Contact(key=ANA, channel="whatsapp", name=draw(st.none() | TEXT)),
        kind="text",
        at=NOW,
        text=draw(TEXT),
        emoji=draw(TEXT),
        media=draw(st.none() | st.builds(Media, filename=TEXT)),
        location=draw(
            st.none() | st.builds(Location, latitude=st.just(40.0), longitude=st.just(-3.0), name=TEXT, address=TEXT)
        ),
        extra=draw(st.dictionaries(st.sampled_from(["flow", "contacts", "username"]), TREE, max_size=3)),
    )


@settings(deadline=None, max_examples=60)
@given(inbound=inbounds())
def test_whatever_was_typed_can_be_written_and_read_again(inbound: Inbound) -> None:
    arrived = arrival(inbound)
    assert inbound_of(arrived.job) == arrived.inbound
    assert msgspec.json.decode(arrived.row)["id"] == inbound.id
    for secret in (b"12345678Z", b"4111 1111 1111 1111", b"tengo diabetes"):
        assert secret not in arrived.job
        assert secret not in arrived.row


@settings(deadline=None, max_examples=60)
@given(inbound=inbounds())
def test_what_was_made_safe_stays_as_it_is(inbound: Inbound) -> None:
    safe = without_secrets(inbound)
    assert without_secrets(safe) == safe


@pytest.mark.parametrize("kind", ["button", "list", "flow", "template_button"])
def test_a_press_is_answered_at_once(kind: str) -> None:
    inbound = Inbound(id="wamid.1", contact=Contact(key=ANA, channel="whatsapp"), kind=kind, at=NOW)  # type: ignore[arg-type]
    assert arrival(inbound).urgent
    assert not arrival(msgspec.structs.replace(inbound, kind="text")).urgent


def test_a_reaction_is_shown_by_its_emoji() -> None:
    inbound = Inbound(id="wamid.1", contact=Contact(key=ANA, channel="whatsapp"), kind="reaction", at=NOW, emoji="👍")
    assert msgspec.json.decode(arrival(inbound).row)["text"] == "👍"


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (Content(text="hola"), "hola"),
        (Content(kind="buttons", header="Título", text="¿Sí?", footer="pie"), "Título\n¿Sí?\npie"),
        (Content(kind="cta_url", text="Mire", link="https://example.com"), "Mire\nhttps://example.com"),
        (Content(kind="reaction", emoji="👍"), "👍"),
        (Content(kind="template", template=Template(name="seguimiento", language="es")), "[seguimiento]"),
        (Content(kind="image"), ""),
    ],
)
def test_a_transcript_shows_what_was_said(content: Content, shown: str) -> None:
    assert readable(content) == shown


def test_our_messages_keep_their_buttons_and_last_words_are_the_bots() -> None:
    content = Content(kind="buttons", text="¿Sí?", options=(Option(id="si", title="Sí"),))
    outbound = Outbound(id="1.2.0", contact=Contact(key=ANA, channel="whatsapp"), content=content, speaker="system", at=NOW)
    row = msgspec.json.decode(outbound_row(outbound))
    assert (row["role"], row["kind"], row["options"]) == ("bot", "buttons", [{"id": "si", "title": "Sí"}])
    assert outbound_of(msgspec.json.encode(outbound)) == outbound


def test_an_event_names_a_turn_and_no_person() -> None:
    written = msgspec.json.decode(jobs.event(Event("quote.made", {"tier": "esencial"}), NOW, "17.3"))
    assert written == {"name": "quote.made", "at": "2026-11-20T12:00:00Z", "turn": "17.3", "data": {"tier": "esencial"}}
