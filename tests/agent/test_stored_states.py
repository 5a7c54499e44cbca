"""Conversations as earlier versions stored them: each is read, loses nothing, and goes on where it was.

`states/b5255c9.json` was written by commit b5255c9, `states/last_of_schema_1.json` by the last version before schema 2: whole
conversations, played to the named point.
"""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from src.agent.memory import Memory, Riders, fingerprint_of
from src.agent.state import SCHEMA, STAGES, Conversation, Outcome, decode, encode
from src.messages import Inbound
from src.quoting import Applicant, Refusal, StoredQuote, load_catalogue, stored
from tests.agent.talk import CONTACT, agent_of, at_proposal

STORED: dict[str, dict[str, Any]] = {}
for file in sorted((Path(__file__).parent / "states").glob("*.json")):
    STORED |= json.loads(file.read_text(encoding="utf-8"))
FINGERPRINTS = ("quoted_for", "summed_up")


def read(name: str) -> Conversation:
    return decode(json.dumps(STORED[name]).encode())


def said(conversation: Conversation, meaning: str) -> tuple[Conversation, str]:
    """The conversation after one more message, and the answer."""
    at = conversation.updated_at + timedelta(seconds=30)
    heard = Inbound(id="wamid.later", contact=CONTACT, kind="text", at=at, text=f"§{meaning}")
    step = agent_of().advance(conversation, [heard], at)
    return step.conversation, "\n".join(reply.text for reply in step.replies)


def test_every_stage_and_all_that_is_remembered_is_among_them() -> None:
    assert {stored.get("stage", "INICIO") for stored in STORED.values()} == set(STAGES)
    assert {stored.get("outcome") for stored in STORED.values()} >= {None, "accepted", "declined", "consent_refused"}
    assert {stored.get("outcome") for stored in STORED.values()} <= {None, *get_args(Outcome)}
    remembered = {key for stored in STORED.values() for key in stored.get("memory", {})}
    assert remembered <= set(Memory.__struct_fields__)
    assert len(remembered) >= 29


@pytest.mark.parametrize("name", STORED)
def test_nothing_is_lost(name: str) -> None:
    before, conversation = STORED[name], read(name)
    after = json.loads(encode(conversation))
    assert after["schema"] == SCHEMA
    assert decode(encode(conversation)) == conversation
    for key, value in before.items():
        if key == "memory":
            lost = {one for one in value if one not in FINGERPRINTS and value[one] and after["memory"].get(one) != value[one]}
            assert lost - {"told_by_human", "handoff", "language", "riders"} == set()
        elif key == "pending":
            assert {one: held["found"] for one, held in after[key].items()} == {
                one: held["found"] for one, held in value.items()
            }
        elif key not in ("schema", "quotes", "need", "timers"):
            assert after[key] == value, key
    assert [quote.to_json() for quote in conversation.quotes] == before.get("quotes", [])
    assert (conversation.need.to_json() if conversation.need else None) == before.get("need")
    assert {entry.kind for entry in conversation.agenda.entries} == set(before.get("timers", {}))
    memory = before.get("memory", {})
    if "handoff" in memory:
        assert msgspec.to_builtins(conversation.memory.handoff) | {"at": ""} == memory["handoff"] | {"at": ""}
    assert set(conversation.memory.told_by_human) == set(memory.get("told_by_human", {}))
    assert conversation.memory.riders == msgspec.convert(memory.get("riders", {}), Riders)
    assert conversation.memory.language == memory.get("language", "es")


PROPOSALS = [
    name
    for name, kept in STORED.items()
    if kept.get("quotes") and kept["stage"] == "PRESENTACION_PROPUESTA" and name != "corrected by a person"
]


@pytest.mark.parametrize("name", PROPOSALS)
def test_what_was_priced_stays_priced(name: str) -> None:
    """An upgrade is no change of anybody's facts: the proposal is not made anew, and its prices are said as before."""
    conversation = msgspec.structs.replace(read(name), owner="bot", outcome=None)
    conversation.memory.foreign = False
    assert conversation.memory.quoted_for == fingerprint_of(
        conversation.profile, conversation.details, conversation.memory.riders
    )
    after, answer = said(conversation, "question:compare")
    assert after.quotes == conversation.quotes
    for quote in conversation.quotes:
        assert f"{quote.monthly_premium:.2f}" in answer.replace(",", ".")
    _, told = said(conversation, "question:excluded")
    assert all(text in told for text in load_catalogue().book.products[conversation.quotes[0].product].excluded)


@pytest.mark.parametrize("name", STORED)
def test_everybody_can_go_on(name: str) -> None:
    after, answer = said(msgspec.structs.replace(read(name), owner="bot"), "human")
    assert answer
    assert after.owner == "human"


def test_a_fact_that_nobody_was_asked_changes_no_fingerprint() -> None:
    known = {"age": 40, "smoker": False}
    assert fingerprint_of(known, {}, Riders()) == fingerprint_of({**known, "savings": None}, {}, Riders())
    assert fingerprint_of(known, {}, Riders()) != fingerprint_of({**known, "savings": 0}, {}, Riders())
    assert fingerprint_of(known, {}, Riders()) != fingerprint_of(known, {}, Riders(added=("accidental_death",)))


# --- a quote that is kept is a whole offer ------------------------------------------------------------------------------

CATALOGUE = load_catalogue()


@pytest.mark.parametrize("product", CATALOGUE.book.products)
def test_a_stored_quote_is_the_offer_to_the_last_figure(product: str) -> None:
    """So a document can be made of it when the tariff is there no more."""
    offers = CATALOGUE.proposal(Applicant(41, True, 2), 140_000, date(2026, 11, 20), product=product, term_years=20)
    assert not isinstance(offers, Refusal)
    for offer in offers:
        kept = msgspec.json.decode(msgspec.json.encode(stored(offer)), type=StoredQuote)
        assert kept.offer() == offer
        assert kept.exclusions == offer.exclusions
        assert [(cover.id, cover.name, cover.covers) for cover in kept.covered] == [
            (name, CATALOGUE.book.coverages[name].name, CATALOGUE.book.coverages[name].covers) for name in offer.coverages
        ]
        assert [cover.sublimit for cover in kept.covered] == [CATALOGUE.book.tariff.covers[n].sublimit for n in offer.coverages]


def test_the_conversation_keeps_it_whole_through_its_turns() -> None:
    talk = at_proposal()
    made = [quote.offer() for quote in talk.conversation.quotes]
    talk.mean("question:compare")
    kept = decode(encode(talk.conversation))
    assert [quote.offer() for quote in kept.quotes] == made != []
    assert all(offer is not None for offer in made)
    assert [quote.working_sha256 for quote in kept.quotes] == [quote.working_sha256 for quote in talk.conversation.quotes]
    assert json.loads(encode(talk.conversation))["quotes"][0]["monthly_premium"] == float(kept.quotes[0].monthly_premium)
