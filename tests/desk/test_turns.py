"""One turn: what a person sent becomes what the sale decided, or nothing happens at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from src.agent import state as states
from src.agent.agenda import EXPIRE, RETENTION, Agenda, Entry
from src.agent.state import Consent, Conversation, Handoff, Step
from src.desk.desk import Desk
from src.desk.handoff import BOT_FAILED, Handoffs
from src.desk.ports import Alert, Arrival, Settlement
from src.desk.turns import MOST_ATTEMPTS, UPGRADE_PAUSE_S
from src.errors import DamagedState, StaleCommit, UnreadableState
from src.integrations.ledger.dossier import dossier
from src.messages import Contact, Content, Event, Inbound
from tests.conftest import Skew
from tests.desk.fakes import ANA, APOLOGY, RETENTION_DAYS, Office
from tests.desk.operators_kit import Counter
from tests.integrations.ledger_kit import NOW, traces
from tests.kit.contracts import assert_conversation
from tests.webhooks.log_kit import lines_of, logfmt, written_to

DAY_S = 86_400.0


# --- the straight way ---------------------------------------------------------------------------------------------------


def test_a_message_becomes_one_reply(office: Office) -> None:
    office.hears("hola")
    assert office.turn() == "answered"
    assert office.deliver() == "sent"
    assert office.channel.texts == ["eco: hola"]
    assert office.waiting("turns") == []
    record = office.records.record(ANA)
    assert record is not None
    assert [(row["role"], row["text"]) for row in record.rows] == [("prospect", "hola"), ("bot", "eco: hola")]


def test_a_burst_is_one_turn_in_the_order_in_which_it_was_written(office: Office) -> None:
    """By the vendor's clock; within one second of it by arrival."""
    office.hears("tres", "uno", "dos", at_s=(3, 1, 1))
    assert office.turn() == "answered"
    assert office.agent.heard == [["uno", "dos", "tres"]]


def test_what_comes_during_a_turn_is_the_next_turn(office: Office) -> None:
    office.hears("primero")
    claim = office.claim("turns")
    office.hears("antes de todo", at_s=(-60,))
    assert office.turns.work(claim) == "answered"
    assert office.turn() == "answered"
    assert office.agent.heard == [["primero"], ["antes de todo"]]


def test_the_state_is_there_at_the_next_turn(office: Office) -> None:
    office.agent.decides(changes={"stage": "NEEDS_ANALYSIS", "profile": {"age": 41}, "awaiting": "smoker"})
    office.hears("tengo 41")
    office.turn()
    seen: list[Conversation] = []

    def look(conversation: Conversation, inbounds: Sequence[Inbound], now: datetime) -> Step:
        seen.append(conversation)
        return office.agent.echo(conversation, inbounds, now)

    office.agent.decide = look
    office.hears("no fumo")
    office.turn()
    assert (seen[0].stage, seen[0].profile, seen[0].awaiting) == ("NEEDS_ANALYSIS", {"age": 41}, "smoker")


def test_a_long_reply_goes_out_in_parts_in_order(office: Office) -> None:
    office.agent.decides(replies=(Content(text="uno|dos"), Content(text="tres")))
    office.channel.confirms = False
    office.hears("hola")
    office.turn()
    for _ in range(3):
        office.deliver()
    assert office.channel.texts == ["uno", "dos", "tres"]
    assert len({outbound.id for outbound in office.channel.sent}) == 3


def test_a_turn_that_was_committed_is_not_done_twice(office: Office) -> None:
    office.hears("hola")
    claim = office.claim("turns")
    office.turns.work(claim)
    office.turns.work(claim)  # the answer to the commit was lost, and the worker repeats it
    assert len(office.waiting("delivery")) == 1


def test_a_reset_during_a_turn_leaves_nothing_of_it(office: Office) -> None:
    office.hears("hola")
    claim = office.claim("turns")
    office.ledger.forget(ANA, erase=False)
    with pytest.raises(StaleCommit):
        office.turns.work(claim)
    assert office.waiting("delivery") == []


def test_events_of_a_turn_are_kept(office: Office) -> None:
    office.agent.decides(events=(Event("quote.made", {"tier": "esencial"}),))
    office.hears("hola")
    office.turn()
    assert "quote.made" in office.events()


def test_a_workers_log_ties_a_turn_together_and_names_nobody(office: Office, log_file: Path) -> None:
    office.hears("Soy Anacleta")
    office.attend("turns")
    office.attend("delivery")
    turn, delivery = [logfmt(line) for line in lines_of(log_file) if "work.done" in line]
    assert (turn["outcome"], delivery["outcome"]) == ("answered", "sent")
    assert turn["cid"] == office.channel.sent[0].id.rpartition(".")[0]
    assert turn["contact"] == delivery["contact"] == office.ledger.pseudonym(ANA)
    assert not any(name in written_to(log_file) for name in ("34600000001", "Anacleta"))


# --- attention ----------------------------------------------------------------------------------------------------------


def test_the_last_message_is_marked_as_read_when_the_turn_starts(office: Office) -> None:
    office.hears("uno", id="wamid.one")
    office.hears("dos", id="wamid.two")
    office.turn()
    assert office.channel.seen == ["wamid.two"]


@pytest.mark.parametrize("kind", ["reaction", "system", "revoke"])
def test_what_is_no_message_is_not_marked(office: Office, kind: str) -> None:
    office.hears("", kind=kind)
    office.turn()
    assert office.channel.seen == []


def test_a_mark_that_fails_disturbs_nothing(office: Office) -> None:
    office.channel.fail_to_mark = True
    office.hears("hola")
    assert office.turn() == "answered"


# --- humans -------------------------------------------------------------------------------------------------------------


def test_while_a_human_has_the_conversation_the_bot_listens_and_is_silent(office: Office) -> None:
    office.hears("hola")
    office.turn()
    office.deliver()
    office.set_owner("human")
    office.hears("¿sigue ahí?", id="wamid.silent")
    assert office.turn() == "listened"
    assert office.waiting("delivery") == [], "the agent hears it, and what it would say is not said"
    assert office.waiting("turns") == []
    assert "wamid.silent" not in office.channel.seen
    record = office.records.record(ANA)
    assert record is not None
    assert "¿sigue ahí?" in [row["text"] for row in record.rows]
    assert office.conversation().owner == "human"


def test_after_the_hand_back_it_answers_again(office: Office) -> None:
    office.hears("hola")
    office.turn()
    office.set_owner("human")
    office.set_owner("bot")
    office.hears("¿y ahora?")
    assert office.turn() == "answered"
    assert office.agent.heard[-1] == ["¿y ahora?"]


def test_the_bots_last_words_go_out_although_a_human_has_it_from_then_on(office: Office) -> None:
    office.agent.decides(
        replies=(Content(text="Le paso con una persona."),),
        handoff=Handoff(reason="asked", urgent=True),
        changes={"owner": "human"},
    )
    office.hears("quiero hablar con alguien")
    assert office.turn() == "answered"
    assert office.owner() == "human"
    assert "conversation.handed_over" in office.events()
    assert office.deliver() == "sent"
    assert office.channel.texts == ["Le paso con una persona."]


# --- giving up ----------------------------------------------------------------------------------------------------------


def fail_until_given_up(office: Office) -> None:
    office.agent.fails(RuntimeError("a bug"))
    for _ in range(MOST_ATTEMPTS):
        office.attend("turns")
        office.skew.advance(60)


def test_a_turn_that_fails_three_times_is_buried_with_one_apology_and_a_human_is_called(office: Office) -> None:
    office.hears("algo raro")
    fail_until_given_up(office)
    assert len(office.agent.heard) == MOST_ATTEMPTS
    assert office.waiting("turns") == []
    [letter] = office.records.dead_letters()
    assert (letter.lane, letter.contact, letter.attempts) == ("turns", ANA, MOST_ATTEMPTS)
    assert office.owner() == "human"
    shown = office.conversation()
    assert (shown.owner, shown.outcome, shown.awaiting) == ("human", "handed_over", None)
    assert "turn.buried" in office.events()
    assert office.deliver() == "sent"
    assert office.channel.texts == [APOLOGY.text]


def test_a_sale_that_was_closed_stays_so_when_a_later_turn_cannot_be_done(office: Office) -> None:
    office.agent.decides(changes={"outcome": "accepted", "stage": "FINALIZADO"})
    office.hears("acepto")
    office.turn()
    office.hears("algo raro")
    fail_until_given_up(office)
    assert (office.owner(), office.conversation().outcome) == ("human", "accepted")


def test_nobody_hears_two_apologies(office: Office) -> None:
    office.hears("algo raro")
    fail_until_given_up(office)
    office.deliver()
    office.hears("¿hola?")
    fail_until_given_up(office)
    assert office.waiting("delivery") == []


def test_it_is_tried_again_later_each_time(office: Office) -> None:
    office.hears("algo raro")
    office.agent.fails(RuntimeError("a bug"))
    waits = []
    for _ in range(MOST_ATTEMPTS - 1):
        office.attend("turns")
        wait_s = office.due_in_s("turns")
        assert wait_s is not None
        waits.append(wait_s)
        office.skew.advance(wait_s + 0.1)
    assert 0 < waits[0] <= 1 < waits[1] + 0.5 <= 2.5
    office.agent.decide = office.agent.echo
    office.attend("turns")
    assert office.records.dead_letters() == []
    assert office.deliver() == "sent"


def test_a_message_that_ends_its_worker_is_given_up_before_it_ends_a_fourth(office: Office) -> None:
    office.hears("fatal")
    for _ in range(MOST_ATTEMPTS):
        office.claim("turns")  # and the process dies
        office.skew.advance(office.ledger.lease_s + 0.1)
    assert office.turn() == "given_up"
    assert office.agent.heard == []
    assert office.owner() == "human"
    [letter] = office.records.dead_letters()
    assert "three times" in letter.reason


def test_what_came_after_a_fatal_message_is_not_buried_with_it(office: Office) -> None:
    office.hears("fatal")
    for _ in range(MOST_ATTEMPTS):
        office.claim("turns")
        office.skew.advance(office.ledger.lease_s + 0.1)
    office.hears("una pregunta normal")
    assert office.turn() == "given_up"
    assert len(office.waiting("turns")) == 1
    assert office.turn() == "listened"
    assert len(office.records.dead_letters()) == 1


def test_a_conversation_that_a_human_has_gets_no_apology(office: Office) -> None:
    office.set_owner("human")
    office.hears("fatal")
    for _ in range(MOST_ATTEMPTS):
        office.claim("turns")
        office.skew.advance(office.ledger.lease_s + 0.1)
    assert office.turn() == "given_up"
    assert office.waiting("delivery") == []


class Spoilt:
    """In place of a part: whatever is asked of it fails, by a bug of ours."""

    def __getattr__(self, name: str) -> Any:
        raise KeyError(name)


class SpoiltAlarm:
    def __call__(self, _alert: Alert) -> None:
        raise OSError("no memory")


def store_state(office: Office, stored: bytes) -> None:
    client: Any = office.ledger.client
    client.hset(office.ledger.keys.of_contact(ANA, "record"), "state", stored)


def spoil_values(office: Office) -> None:
    """What can be read, and nobody can use."""
    state = msgspec.json.decode(states.encode(office.conversation()))
    state |= {"profile": {"name": {"a": 1}, "age": []}, "details": {"callback": {}}}
    store_state(office, msgspec.json.encode(state))


SPOILT: dict[str, Callable[[Counter], None]] = {
    "the channel": lambda office: setattr(office.channel, "parts", Spoilt()),
    "the notes": lambda office: setattr(office.turns, "_notes", Spoilt()),
    "the state": lambda office: store_state(office, b'{"contact":{"key":"x","channel":"whatsapp"},"created_at":"2026'),
    "values in the state": spoil_values,
    "the alarm": lambda office: office.use(Handoffs(alarm=SpoiltAlarm())),
    "the apology": lambda office: setattr(office.turns, "_apology", None),
}


@pytest.mark.parametrize("spoilt", SPOILT)
def test_giving_up_depends_on_nothing_that_can_fail(new_ledger: Any, skew: Skew, log_file: Path, spoilt: str) -> None:
    """The person's message is where an operator sees it, the bot is silent, and a human is called, there and in the CRM."""
    office = Counter(Office(new_ledger(debounce_s=0, mirrors=True), skew))
    office.greets()
    office.agent.fails(RuntimeError("a bug"))
    SPOILT[spoilt](office)
    office.hears("algo raro")
    for _ in range(MOST_ATTEMPTS):
        office.attend("turns")
        office.skew.advance(60)
    assert office.waiting("turns") == []
    [letter] = office.records.dead_letters()
    assert (letter.lane, letter.contact) == ("turns", ANA)
    assert office.owner() == "human"
    assert spoilt == "the alarm" or [alert.reason for alert in office.alerts] == [BOT_FAILED]
    client: Any = office.ledger.client
    told = [msgspec.json.decode(body) for body in client.hvals(office.ledger.keys.lane(ANA, "mirror")[1])]
    assert [one["owner"] for one in told if one["type"] == "owner"] == ["human"]
    assert office.faults() == []
    office.hears("¿hola?")
    for _ in range(MOST_ATTEMPTS):
        office.attend("turns")
        office.skew.advance(60)
    assert office.waiting("turns") == []
    assert len(office.alerts) <= 1, "nobody is called twice"


# --- a channel that was taken out of the settings -----------------------------------------------------------------------

BY_TWILIO = Contact(key=ANA, channel="twilio", phone="+34600000001")


def test_an_answer_on_a_channel_that_is_gone_is_shown_with_the_reason(office: Office) -> None:
    office.hears("hola", who=BY_TWILIO)
    assert office.turn() == "answered"
    assert office.deliver() == "buried_no_channel"
    shown = Desk(office.ledger, office.records).conversation(ANA)
    assert shown is not None
    assert [(row["status"], row.get("error")) for row in shown["messages"] if row["role"] == "bot"] == [
        ("failed", {"code": "no_channel", "reason": "Este canal no está configurado."})
    ]
    [letter] = office.records.dead_letters()
    assert "twilio" in letter.reason
    assert office.waiting("turns") == []


@pytest.mark.parametrize(
    "step",
    [
        {"erase": True, "replies": (Content(text="adiós"),)},
        {"handoff": Handoff("asked"), "changes": {"owner": "human"}, "replies": (Content(text="ya viene"),)},
        {"changes": {"outcome": "opted_out", "stage": "FINALIZADO"}, "replies": (Content(text="de acuerdo"),)},
    ],
    ids=["erasure", "a human", "BAJA"],
)
def test_what_stands_above_every_switch_works_without_a_channel_too(office: Office, step: dict[str, Any]) -> None:
    office.agent.decides(**step)
    office.hears("…", who=BY_TWILIO)
    assert office.turn() == ("erased" if "erase" in step else "answered")
    assert office.deliver() == "buried_no_channel"
    assert office.waiting("turns") == []
    assert (office.records.record(ANA) is None) == ("erase" in step)


def test_entries_of_somebody_without_a_channel_come_to_an_end(office: Office) -> None:
    office.agent.decides(changes={"agenda": expiring(office, hours=2)})
    office.hears("hola", who=BY_TWILIO)
    office.turn()
    office.agent.decides(replies=(Content(text="¿sigue ahí?"),))
    office.skew.advance(2 * 3600 + 1)
    assert office.turn() == EXPIRE
    assert office.deliver() == "buried_no_channel"
    assert office.ledger.claim("turns", ANA) is None


# --- what cannot be read ------------------------------------------------------------------------------------------------


def damaged(message_id: str, body: bytes) -> Arrival:
    inbound = Inbound(
        id=message_id, contact=Contact(key=ANA, channel="whatsapp", phone="+34600000001"), kind="text", at=NOW, text="x"
    )
    return Arrival(inbound=inbound, job=body, row=b"")


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b'{"id":1}', b'{"id":"a","kind":"telepathy"}'])
def test_a_job_that_cannot_be_read_is_buried_and_its_neighbours_are_answered(office: Office, body: bytes) -> None:
    office.hears("antes")
    office.ledger.accept([damaged("wamid.damaged", body)])
    office.hears("después")
    for _ in range(5):
        office.attend("turns")
    assert sorted(text for turn in office.agent.heard for text in turn) == ["antes", "después"]
    [letter] = office.records.dead_letters()
    assert "cannot be read" in letter.reason
    assert office.waiting("turns") == []
    assert office.owner() == "bot"


@pytest.mark.parametrize("jobs_waiting", [True, False])
def test_a_state_of_a_newer_version_is_left_alone_until_that_version_comes(office: Office, jobs_waiting: bool) -> None:
    office.hears("hola")
    office.turn()
    newer = {**msgspec.json.decode(states.encode(office.conversation())), "schema": states.SCHEMA + 1, "something": "new"}
    stored = msgspec.json.encode(newer)
    office.hears("otra")
    claim = office.claim("turns")
    settlement = Settlement(
        done=[job.id for job in claim.jobs], state=stored, timer=office.ledger.server_time() + timedelta(seconds=1)
    )
    office.ledger.commit(claim, settlement)
    if jobs_waiting:
        office.hears("¿siguen ahí?")
    office.skew.advance(2)
    for _ in range(2 * MOST_ATTEMPTS):
        office.attend("turns")
        assert office.ledger.claim("turns", ANA) is None, "tried again at once"
        office.skew.advance(UPGRADE_PAUSE_S + 0.1)
    record = office.records.record(ANA)
    assert record is not None
    assert record.state == stored
    assert office.records.dead_letters() == []
    assert len(office.waiting("turns")) == int(jobs_waiting)
    assert office.agent.heard == [["hola"]]
    with pytest.raises(UnreadableState):
        office.turn()


DAMAGED = {
    "cut off": b'{"contact":{"key":"whatsapp:34600000001","channel":"whatsapp"},"created_at":"2026',
    "no JSON": b"\xff\xfe\x00",
    "no object": b"[]",
    "empty": b"{}",
    "a version that is none": b'{"schema":"1"}',
    "an older version that never was": b'{"schema":0}',
    "half a version": b'{"schema":1.5}',
    "deep": b'{"schema":1,"memory":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a memory of another kind": b'{"schema":2,"contact":{"key":"whatsapp:34600000001","channel":"whatsapp"},'
    b'"created_at":"2026-11-20T12:00:00Z","updated_at":"2026-11-20T12:00:00Z","memory":{"handoff":5}}',
    "of another kind": b'{"contact":5,"created_at":"2026-11-20T12:00:00Z","updated_at":"2026-11-20T12:00:00Z"}',
}


@pytest.fixture
def counter(office: Office) -> Counter:
    return Counter(office)


@pytest.mark.parametrize("stored", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_state_calls_a_human_once_and_keeps_what_was_said(counter: Counter, stored: bytes) -> None:
    counter.greets()
    store_state(counter, stored)
    counter.hears("¿siguen ahí?")
    assert counter.turn() == "damaged"
    [letter] = counter.records.dead_letters()
    assert (letter.lane, letter.contact) == ("turns", ANA)
    assert "damaged" in letter.reason
    assert counter.owner() == "human"
    assert [alert.reason for alert in counter.alerts] == [BOT_FAILED]
    counter.deliver()
    counter.skew.advance(4)
    assert counter.channel.texts[-1] == APOLOGY.text
    record = counter.records.record(ANA)
    assert record is not None
    assert record.state == stored, "whoever mends it finds it as it was"
    assert [row["text"] for row in record.rows] == ["hola", "eco: hola", "¿siguen ahí?", APOLOGY.text]
    counter.hears("¿hola?")
    assert counter.turn() == "listened"
    assert (len(counter.alerts), len(counter.records.dead_letters())) == (1, 1)
    assert counter.waiting("delivery") == []
    assert counter.people.say(ANA, {"text": "Soy Ana, dígame"})
    assert counter.deliver() == "sent"


@pytest.mark.parametrize("stored", DAMAGED.values(), ids=DAMAGED)
def test_what_is_damaged_is_shown_beside_what_is_not(counter: Counter, stored: bytes) -> None:
    counter.greets()
    store_state(counter, stored)
    client: Any = counter.ledger.client
    client.xadd(counter.ledger.keys.of_contact(ANA, "log"), {"row": stored})
    desk = Desk(counter.ledger, counter.records)
    shown, all_of_it = desk.conversation(ANA), dossier(counter.ledger, ANA)
    assert shown is not None
    assert all_of_it is not None
    for rows in (shown["messages"], all_of_it["transcript"]):
        assert [row["text"] for row in rows] == ["hola", "eco: hola", ""]
    assert_conversation(msgspec.json.decode(msgspec.json.encode(shown)))
    assert [one["contact"]["key"] for one in desk.conversations()["conversations"]] == [ANA]
    with pytest.raises(DamagedState, match="cannot be read"):
        counter.people.hand_back(ANA)


def test_after_a_reset_what_a_damaged_state_buried_is_answered(counter: Counter) -> None:
    counter.greets()
    store_state(counter, b"{}")
    counter.hears("¿siguen ahí?")
    counter.turn()
    counter.ledger.forget(ANA, erase=False)
    [letter] = counter.records.dead_letters()
    assert counter.people.replay_letter(letter)
    assert counter.turn() == "answered"
    assert counter.agent.heard[-1] == ["¿siguen ahí?"]
    assert counter.conversation().stage == "INICIO"
    assert counter.owner() == "bot"


@pytest.mark.parametrize("owner", ["bot", "human"])
@pytest.mark.parametrize(
    ("step", "outcome", "said"),
    [
        ({"erase": True, "replies": (Content(text="adiós"),)}, "erased", "adiós"),
        ({"handoff": Handoff("self_harm", urgent=True), "replies": (Content(text="024"),)}, "damaged", "024"),
        (
            {"changes": {"outcome": "opted_out"}, "replies": (Content(text="no le escribimos más"),)},
            "damaged",
            "no le escribimos más",
        ),
    ],
    ids=["erasure", "danger", "BAJA"],
)
def test_with_a_damaged_state_what_stands_above_every_switch_still_works(
    counter: Counter, step: dict[str, Any], outcome: str, said: str, owner: str
) -> None:
    counter.greets()
    if owner == "human":
        counter.set_owner("human")
    store_state(counter, b"{}")
    counter.agent.decides(**step)
    counter.hears("…")
    assert counter.turn() == outcome
    assert counter.deliver() == "sent"
    assert counter.channel.texts[-1] == said
    if "handoff" in step:
        assert [(alert.reason, alert.urgent) for alert in counter.alerts] == [("self_harm", True)]
    assert (counter.records.record(ANA) is None) == (outcome == "erased")


def test_a_damaged_state_with_nothing_to_answer_calls_a_human_and_erases_nobody(counter: Counter) -> None:
    """There may be a contract: whether somebody is to be forgotten, a human decides."""
    counter.greets()
    store_state(counter, b"{}")
    counter.skew.advance(RETENTION_DAYS * DAY_S + 60)
    assert counter.turn() == "damaged"
    assert counter.owner() == "human"
    assert len(counter.alerts) == 1
    assert counter.ledger.claim("turns", ANA) is None
    assert counter.records.record(ANA) is not None
    counter.skew.advance(RETENTION_DAYS * DAY_S)
    assert counter.ledger.claim("turns", ANA) is None


# --- forgetting ---------------------------------------------------------------------------------------------------------


def test_an_erasure_takes_everything_and_says_goodbye(office: Office) -> None:
    office.hears("Soy Anacleta")
    office.turn()
    office.agent.decides(replies=(Content(text="Hecho, hasta siempre."),), erase=True)
    office.hears("borra todo")
    assert office.turn() == "erased"
    assert traces(office.ledger.client, "Anacleta", "borra todo") == []
    office.channel.confirms = False
    assert office.deliver() == "sent"
    assert office.channel.texts[-1] == "Hecho, hasta siempre."
    assert "eco: Soy Anacleta" not in office.channel.texts
    assert office.records.record(ANA) is None
    assert traces(office.ledger.client, "Anacleta", "borra todo", "Hecho", "34600000001") == []


def test_an_erasure_without_a_word_is_one_too(office: Office) -> None:
    office.agent.decides(erase=True)
    office.hears("borra todo")
    assert office.turn() == "erased"
    assert office.records.record(ANA) is None
    assert office.waiting("delivery") == []


def test_who_was_silent_long_enough_is_forgotten(office: Office) -> None:
    office.hears("Soy Anacleta")
    office.turn()
    office.channel.confirms = False
    office.deliver()
    office.skew.advance(RETENTION_DAYS * DAY_S - 60)
    assert office.ledger.claim("turns", ANA) is None
    office.skew.advance(120)
    assert office.turn() == "forgotten"
    assert office.records.record(ANA) is None
    assert traces(office.ledger.client, "34600000001", "Anacleta") == []


def test_whoever_writes_again_is_remembered_from_then_on(office: Office) -> None:
    office.hears("hola")
    office.turn()
    office.skew.advance((RETENTION_DAYS - 1) * DAY_S)
    office.hears("sigo aquí")
    office.turn()
    wait_s = office.due_in_s("turns")
    assert wait_s is not None
    assert abs(wait_s - RETENTION_DAYS * DAY_S) < 60


@pytest.mark.parametrize(
    ("handoff", "outcome", "said"),
    [(Handoff("self_harm", urgent=True), None, True), (None, "opted_out", True), (Handoff("health"), None, False)],
    ids=["danger", "BAJA", "anything else"],
)
def test_danger_and_baja_are_answered_also_while_a_human_has_it(
    office: Office, handoff: Handoff | None, outcome: str | None, said: bool
) -> None:
    office.set_owner("human")
    office.agent.decides(changes={"owner": "human", "outcome": outcome}, handoff=handoff, replies=(Content(text="024"),))
    office.hears("…")
    office.turn()
    assert len(office.waiting("delivery")) == said
    if said:
        assert office.deliver() == "sent"


def test_erasure_works_also_while_a_human_has_it(office: Office) -> None:
    office.set_owner("human")
    office.agent.decides(erase=True, replies=(Content(text="adiós"),))
    office.hears("bórrelo todo")
    assert office.turn() == "erased"


def test_a_person_may_be_called_without_the_bot_falling_silent(office: Office) -> None:
    office.agent.decides(handoff=Handoff("accepted"), replies=(Content(text="¡Enhorabuena!"),))
    office.hears("sí")
    office.turn()
    assert office.conversation().owner == "bot"


def test_whoever_was_reset_and_stays_silent_is_forgotten_too(office: Office) -> None:
    office.hears("hola")
    office.turn()
    office.ledger.forget(ANA, erase=False)
    office.skew.advance(RETENTION_DAYS * DAY_S + 60)
    assert office.turn() == "forgotten"
    assert office.records.record(ANA) is None


@pytest.mark.parametrize(
    "reason",
    [
        {"outcome": "accepted", "stage": "FINALIZADO"},
        {"consents": {"follow_up": Consent(given=True, at=NOW, text_version="1")}},
    ],
    ids=["contract", "follow-up"],
)
def test_with_a_contract_or_a_wish_to_be_called_nobody_is_forgotten(office: Office, reason: dict[str, Any]) -> None:
    office.agent.decides(changes=reason)
    office.hears("hola")
    office.turn()
    assert office.due_in_s("turns") is None
    assert office.conversation().agenda.get(RETENTION) is None


def expiring(office: Office, **after: float) -> Agenda:
    """Something of the sale's that is due so long from now."""
    return Agenda((Entry(kind=EXPIRE, due=office.ledger.server_time() + timedelta(**after)),))


def test_an_entry_of_the_sale_is_a_turn_without_a_message_and_is_done_once(office: Office) -> None:
    office.agent.decides(changes={"agenda": expiring(office, hours=2)})
    office.hears("hola")
    office.turn()
    office.skew.advance(2 * 3600 + 1)
    office.agent.decide = office.agent.echo
    assert office.turn() == EXPIRE
    assert (office.agent.heard, office.agent.fell_due) == ([["hola"]], [f"{EXPIRE} "])
    assert office.ledger.claim("turns", ANA) is None
    assert [entry.kind for entry in office.conversation().agenda.entries] == [RETENTION]


def test_a_reminder_does_not_make_somebody_less_silent(office: Office) -> None:
    """The time runs from what the person wrote, not from what we did."""
    office.agent.decides(changes={"agenda": expiring(office, days=3)})
    office.hears("hola")
    office.turn()
    office.skew.advance(3 * DAY_S + 1)
    office.agent.decide = office.agent.echo
    office.turn()
    wait_s = office.due_in_s("turns")
    assert wait_s is not None
    assert abs(wait_s - (RETENTION_DAYS - 3) * DAY_S) < 60


def test_an_entry_of_somebody_who_was_reset_is_nobodys(office: Office) -> None:
    office.hears("hola")
    claim = office.claim("turns")
    timer = office.ledger.server_time() + timedelta(seconds=1)
    office.ledger.commit(claim, Settlement(done=[job.id for job in claim.jobs], timer=timer))
    office.skew.advance(2)
    assert office.turn() == "nobody"
    assert office.ledger.claim("turns", ANA) is None


# --- identities ---------------------------------------------------------------------------------------------------------


def test_a_new_number_means_the_same_conversation(office: Office) -> None:
    office.agent.decides(changes={"profile": {"age": 41}})
    office.hears("hola")
    office.turn()
    office.agent.decide = office.agent.echo
    moved = {"event": "user_changed_number", "new": {"phone": "+34600000002"}, "new_keys": ["whatsapp:34600000002"]}
    office.hears("", kind="system", extra=moved)
    office.turn()
    office.hears("soy yo", contact="whatsapp:34600000002")
    assert office.turn() == "answered"
    conversation = office.conversation()
    assert conversation.profile == {"age": 41}
    assert (conversation.contact.key, conversation.contact.phone) == (ANA, "+34600000002")
    assert office.records.resolve("whatsapp:34600000002") == ANA
    while office.waiting("delivery"):
        office.channel.confirms = False
        office.deliver()
    assert office.channel.sent[-1].contact.phone == "+34600000002"


def test_a_new_user_id_means_the_same_conversation(office: Office) -> None:
    office.hears("hola")
    office.turn()
    office.hears("", kind="system", extra={"new": {"bsuid": "ES.2"}, "new_keys": ["whatsapp:ES.2"]})
    office.turn()
    office.hears("soy yo", who=Contact(key="whatsapp:ES.2", channel="whatsapp", bsuid="ES.2"))
    office.turn()
    contact = office.conversation().contact
    assert (contact.key, contact.phone, contact.bsuid) == (ANA, "+34600000001", "ES.2")


def test_a_name_learned_later_is_kept_and_not_lost_again(office: Office) -> None:
    office.hears("hola", who=Contact(key=ANA, channel="whatsapp", phone="+34600000001", name="Ana"))
    office.turn()
    office.hears("otra")
    office.turn()
    assert office.conversation().contact.name == "Ana"


def test_what_a_voice_note_says_is_written_down_with_the_turn(office: Office) -> None:
    def listens(conversation: Conversation, inbounds: Sequence[Inbound], now: datetime) -> Step:
        step = office.agent.echo(conversation, inbounds, now)
        return msgspec.structs.replace(step, heard={inbounds[0].id: "no fumo"})

    office.agent.decide = listens
    office.hears("")
    claim = office.claim("turns")
    office.turns.work(claim)
    office.turns.work(claim)  # the answer to the commit was lost
    record = office.records.record(ANA)
    assert record is not None
    assert [(row["role"], row["kind"], row["text"]) for row in record.rows if row["kind"] == "audio"] == [
        ("prospect", "audio", "no fumo")
    ]


# --- a language model -------------------------------------------------------------------------------------------------


def test_what_a_model_was_asked_is_counted_with_the_turn(office: Office) -> None:
    used = {"task": "read", "calls": 2, "input_tokens": 900, "cached_tokens": 512, "output_tokens": 40}
    office.agent.decides(
        events=(
            Event("model.used", {**used, "cost_usd_millionths": 150}),
            Event("model.used", {**used, "cost_usd_millionths": None}),
            Event("model.failed", {"task": "phrase", "reason": "timeout"}),
        )
    )
    office.hears("hola")
    assert office.turn() == "answered"
    totals = office.records.figures()["totals"]
    assert {name: count for name, count in totals.items() if name.startswith("model_")} == {
        "model_calls": 4,
        "model_input_tokens": 1800,
        "model_cached_tokens": 1024,
        "model_output_tokens": 80,
        "model_cost_usd_millionths": 150,
        "model_failed": 1,
    }
