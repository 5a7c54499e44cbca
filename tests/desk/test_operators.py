"""What operators do, against the real ledger: nothing is lost or said twice, and the bot is silent when a person says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from src.agent.agenda import RETENTION, UNANSWERED
from src.agent.state import Handoff
from src.desk.operators import TRIES, Operators, dead_letter_id
from src.desk.ports import Amendment, Settlement
from src.desk.turns import MOST_ATTEMPTS, RESUMED_LOOK
from src.errors import Conflict, InvalidRequest, StaleCommit, UnknownContact, UnreadableState
from src.messages import Contact, Content, Outbound
from tests.desk.fakes import ANA, RETENTION_DAYS, Office
from tests.desk.operators_kit import DAY_S, Counter, turns_of_another_process
from tests.integrations.ledger_kit import traces


@pytest.fixture
def counter(office: Office) -> Counter:
    return Counter(office)


def nested(levels: int) -> list[Any]:
    return [nested(levels - 1)] if levels else []


def farewell_to(counter: Counter) -> tuple[str, bytes]:
    """The last message to somebody who is erased, as the ledger takes it."""
    contact, content = Contact(key=ANA, channel="whatsapp"), Content(text="Hecho.")
    outbound = Outbound(id="f.0", contact=contact, content=content, speaker="system", at=counter.ledger.server_time())
    return outbound.id, msgspec.json.encode(outbound)


# --- a change while a turn is under way ---------------------------------------------------------------------------------


def test_a_change_between_turns_is_there_at_the_next_turn(counter: Counter) -> None:
    counter.greets()
    counter.people.correct(ANA, {"age": 45})
    assert counter.conversation().profile == {"age": 45}
    counter.hears("sigo aquí")
    assert counter.turn() == "answered"
    assert counter.conversation().profile == {"age": 45}
    assert counter.faults() == []


def test_a_turn_under_way_is_refused_and_taken_again_on_the_new_state(counter: Counter) -> None:
    counter.greets()
    counter.hears("uno")
    counter.hears("dos")
    claim = counter.claim("turns")
    counter.people.correct(ANA, {"age": 45})
    with pytest.raises(StaleCommit):
        counter.turns.work(claim)
    assert counter.waiting("delivery") == []
    assert counter.turn() == "answered"
    assert counter.agent.heard[-1] == ["uno", "dos"], "both in one turn again"
    counter.deliver()
    assert counter.channel.texts == ["eco: hola", "eco: uno, dos"]
    assert counter.conversation().profile == {"age": 45}
    assert counter.ledger.claim("turns", ANA) is None
    assert counter.faults() == []


def test_a_turn_that_is_refused_often_did_nothing_wrong(counter: Counter) -> None:
    counter.greets()
    counter.hears("uno")
    counter.hears("dos")
    for age in range(40, 40 + 2 * MOST_ATTEMPTS):
        claim = counter.claim("turns")
        counter.people.correct(ANA, {"age": age})
        with pytest.raises(StaleCommit):
            counter.turns.work(claim)
    assert counter.turn() == "answered"
    assert counter.agent.heard[-1] == ["uno", "dos"]
    assert counter.records.dead_letters() == []


def test_a_message_that_ended_its_worker_is_not_forgiven_by_a_change(counter: Counter) -> None:
    counter.hears("fatal")
    for _ in range(MOST_ATTEMPTS):
        counter.claim("turns")
        counter.skew.advance(counter.ledger.lease_s + 0.1)
        counter.people.correct(ANA, {"age": 45})
    assert counter.turn() == "given_up"


def test_a_message_under_suspicion_stays_alone_after_a_change(counter: Counter) -> None:
    counter.hears("raro")
    counter.claim("turns")
    counter.skew.advance(counter.ledger.lease_s + 0.1)
    counter.hears("normal")
    claim = counter.claim("turns")
    assert [job.attempts for job in claim.jobs] == [2]
    counter.people.correct(ANA, {"age": 45})
    again = counter.claim("turns")
    assert [job.attempts for job in again.jobs] == [2]
    counter.turns.work(again)
    assert counter.agent.heard == [["raro"]]
    counter.turn()
    assert counter.agent.heard == [["raro"], ["normal"]]


def test_what_arrives_while_a_change_is_written_is_answered_once(counter: Counter) -> None:
    counter.greets()
    counter.hears("uno")
    claim = counter.claim("turns")
    counter.people.take_over(ANA)
    counter.people.hand_back(ANA)
    counter.hears("dos")
    with pytest.raises(StaleCommit):
        counter.turns.work(claim)
    assert counter.turn() == "answered"
    assert counter.agent.heard[-1] == ["uno", "dos"]
    assert counter.faults() == []


def test_of_two_changes_at_once_none_is_lost(counter: Counter) -> None:
    counter.greets()
    interrupted: list[str] = []
    amend = counter.ledger.amend

    def meanwhile(contact: str, amendment: Amendment) -> bool:
        if not interrupted:
            interrupted.append(contact)
            counter.people.correct(ANA, {"smoker": True})
        return amend(contact, amendment)

    counter.ledger.amend = meanwhile  # type: ignore[method-assign]
    counter.people.correct(ANA, {"age": 45})
    assert counter.conversation().profile == {"age": 45, "smoker": True}


def test_a_conversation_that_never_stands_still_is_busy(counter: Counter) -> None:
    counter.greets()
    tries: list[Amendment] = []
    counter.ledger.amend = lambda _contact, amendment: bool(tries.append(amendment))  # type: ignore[method-assign,func-returns-value]
    with pytest.raises(Conflict) as busy:
        counter.people.take_over(ANA)
    assert (busy.value.code, len(tries)) == ("busy", TRIES)


@pytest.mark.parametrize(
    "act", [lambda people, who: people.take_over(who), lambda people, who: people.correct(who, {"age": 4})]
)
def test_nobody_is_made_by_a_change(counter: Counter, act: Callable[[Operators, str], None]) -> None:
    with pytest.raises(UnknownContact):
        act(counter.people, ANA)
    assert counter.records.record(ANA) is None


def test_a_change_follows_a_person_whose_key_has_changed(counter: Counter) -> None:
    old, new = "whatsapp:ES.99", ANA
    counter.hears("hola", contact=old, who=Contact(key=old, channel="whatsapp", bsuid="ES.99"))
    counter.turn(old)
    counter.greets(new)
    home = counter.ledger.merge(old, new)
    assert home == new
    counter.people.correct(old, {"age": 45})
    counter.people.take_over(old)
    assert counter.conversation(new).profile == {"age": 45}
    assert counter.owner(new) == "human"
    counter.people.say(old, {"text": "buenas"})
    assert counter.rows(new)[-1] == ("human", "buenas", "queued")


def test_who_owns_it_is_left_to_the_ledger_when_only_a_value_changes(counter: Counter) -> None:
    """A human took it over between our reading and our writing, in a way that left the state as it was."""
    counter.greets()
    amend = counter.ledger.amend

    def meanwhile(contact: str, amendment: Amendment) -> bool:
        record = counter.ledger.keys.of_contact(contact, "record")
        counter.ledger.client.hset(record, "owner", "human")
        return amend(contact, amendment)

    counter.ledger.amend = meanwhile  # type: ignore[method-assign]
    counter.people.correct(ANA, {"age": 45})
    assert counter.owner() == "human"


def test_what_a_newer_version_wrote_is_not_changed_and_can_still_be_answered(counter: Counter) -> None:
    counter.greets()
    counter.hears("hola otra vez")
    claim = counter.claim("turns")
    newer = msgspec.json.encode({**msgspec.json.decode(claim.state or b"{}"), "schema": 999})
    counter.ledger.commit(claim, Settlement(done=[job.id for job in claim.jobs], state=newer))
    with pytest.raises(UnreadableState):
        counter.people.take_over(ANA)
    assert counter.people.say(ANA, {"text": "le llamo ahora"})
    assert counter.deliver() == "sent"


def test_somebody_who_was_erased_stays_so(counter: Counter) -> None:
    counter.greets()
    counter.hears("bórrame")
    claim = counter.claim("turns")
    farewell = farewell_to(counter)
    counter.ledger.forget(ANA, erase=True, claim=claim, farewell=farewell)
    for act in (counter.people.take_over, counter.people.hand_back, lambda who: counter.people.say(who, {"text": "?"})):
        with pytest.raises(UnknownContact):
            act(ANA)
    assert counter.deliver() == "sent"
    assert counter.ledger.client.exists(counter.ledger.keys.of_contact(ANA, "record")) == 0


# --- a human takes over -------------------------------------------------------------------------------------------------


def test_a_reply_that_waits_is_silenced_at_once(counter: Counter) -> None:
    counter.hears("hola")
    counter.turn()
    counter.people.take_over(ANA)
    assert counter.deliver() == "withheld"
    assert counter.channel.texts == []
    assert counter.rows()[-1] == ("bot", "eco: hola", "failed")


def test_a_reply_that_a_worker_has_in_hand_is_silenced_too(counter: Counter) -> None:
    counter.hears("hola")
    counter.turn()
    claim = counter.claim("delivery")
    counter.people.take_over(ANA)
    assert counter.deliveries.work(claim) == "withheld"


def test_what_a_person_says_goes_out_whoever_owns_it(counter: Counter) -> None:
    counter.greets()
    counter.people.take_over(ANA)
    first = counter.people.say(ANA, {"text": "Soy Marta|del equipo."})
    assert counter.deliver() == "sent"
    counter.skew.advance(4)
    assert counter.deliver() == "sent"
    assert counter.channel.texts[1:] == ["Soy Marta", "del equipo."]
    assert [(role, text) for role, text, _ in counter.rows()[-2:]] == [("human", "Soy Marta"), ("human", "del equipo.")]
    assert counter.channel.sent[1].id == first
    assert counter.faults() == []


def test_taking_over_needs_no_turn_to_have_been(counter: Counter) -> None:
    counter.hears("hola")
    counter.people.take_over(ANA)
    assert counter.turn() == "listened"
    assert counter.waiting("delivery") == []
    assert counter.conversation().contact.phone == "+34600000001"


def test_taken_over_conversations_are_listed_and_so_are_those_handed_back(counter: Counter) -> None:
    counter.greets()
    counter.people.take_over(ANA)
    assert [r.contact for r in counter.records.page(cursor="", limit=5, stage="", owner="human", query="").records] == [ANA]
    counter.people.hand_back(ANA)
    assert counter.records.page(cursor="", limit=5, stage="", owner="human", query="").records == []


def test_the_retention_goes_on_running(counter: Counter) -> None:
    counter.greets()
    counter.people.take_over(ANA)
    assert counter.conversation().agenda.get(RETENTION)
    counter.skew.advance(RETENTION_DAYS * DAY_S + 60)
    assert counter.turn() == "forgotten"


def test_who_was_reset_is_forgotten_in_time_also_when_taken_over_then(counter: Counter) -> None:
    counter.greets()
    counter.ledger.forget(ANA, erase=False)
    counter.people.take_over(ANA)
    counter.skew.advance(RETENTION_DAYS * DAY_S + 60)
    assert counter.turn() == "forgotten"


def test_who_never_answers_a_message_by_hand_is_listed_and_forgotten_in_time(counter: Counter) -> None:
    counter.people.say(ANA, {"template": {"name": "hello_world", "language": "en_US"}}, to_anybody=True)
    page = counter.records.page(cursor="", limit=5, stage="INICIO", owner="", query="")
    assert [record.contact for record in page.records] == [ANA]
    counter.deliver()
    counter.skew.advance(RETENTION_DAYS * DAY_S + 60)
    assert counter.turn() == "forgotten"
    assert traces(counter.ledger.client, ANA.partition(":")[2]) == []


# --- a person's own messages --------------------------------------------------------------------------------------------


def test_a_text_outside_the_window_is_refused_and_a_template_is_not(counter: Counter) -> None:
    counter.greets()
    counter.skew.advance(DAY_S + 1)
    with pytest.raises(Conflict) as closed:
        counter.people.say(ANA, {"text": "¿Sigue interesada?"})
    assert closed.value.code == "window_closed"
    counter.people.say(ANA, {"template": {"name": "seguimiento", "language": "es"}})
    assert counter.deliver() == "sent"
    assert counter.channel.sent[-1].content.kind == "template"
    assert counter.rows()[-1][:2] == ("human", "[seguimiento]")


def test_a_channel_without_a_window_takes_any_text(counter: Counter) -> None:
    counter.channel.confirms = False
    counter.greets()
    counter.skew.advance(DAY_S + 1)
    assert counter.people.say(ANA, {"text": "hola"})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": "a", "template": {"name": "a", "language": "es"}},
        {"text": ""},
        {"text": " \n "},
        {"text": "\x00"},
        {"text": 5},
        {"text": ["a"]},
        {"text": "x" * 4097},
        {"template": "seguimiento"},
        {"template": {}},
        {"template": {"name": "seguimiento"}},
        {"template": {"name": "Con Espacios", "language": "es"}},
        {"template": {"name": "a", "language": "español"}},
        {"template": {"name": "a", "language": "es", "components": "x"}},
        {"template": {"name": "a", "language": "es", "components": [{"text": "x" * 20_000}]}},
        {"template": {"name": "a", "language": "es", "components": [{"deep": nested(500)}]}},
    ],
    ids=lambda body: str(body)[:60],
)
def test_what_cannot_be_said_is_refused(counter: Counter, body: dict[str, Any]) -> None:
    counter.greets()
    with pytest.raises(InvalidRequest):
        counter.people.say(ANA, body)
    assert counter.waiting("delivery") == []


def test_the_longest_text_goes(counter: Counter) -> None:
    counter.greets()
    assert counter.people.say(ANA, {"text": "x" * 4096})


def test_who_never_wrote_can_get_only_a_template(counter: Counter) -> None:
    with pytest.raises(UnknownContact):
        counter.people.say(ANA, {"text": "hola"})
    with pytest.raises(Conflict) as closed:
        counter.people.say(ANA, {"text": "hola"}, to_anybody=True)
    assert closed.value.code == "window_closed"
    counter.people.say(ANA, {"template": {"name": "hello_world", "language": "en_US"}}, to_anybody=True)
    assert counter.deliver() == "sent"
    counter.skew.advance(4)
    counter.hears("¿quién es?")
    assert counter.turn() == "answered"
    assert [role for role, _, _ in counter.rows()] == ["human", "prospect", "bot"]


def test_nothing_goes_where_no_channel_is(counter: Counter) -> None:
    counter.hears("hola", contact="fax:34600000009")
    with pytest.raises(Conflict) as nowhere:
        counter.people.say("fax:34600000009", {"text": "hola"})
    assert nowhere.value.code == "no_channel"


def test_a_message_to_somebody_who_was_erased_before_makes_them_known_again(counter: Counter) -> None:
    """The farewell is still on its way, and an operator writes to that number anew."""
    counter.greets()
    farewell = farewell_to(counter)
    counter.ledger.forget(ANA, erase=True, farewell=farewell)
    template = {"template": {"name": "hello_world", "language": "en_US"}}
    counter.people.say(ANA, template, to_anybody=True)
    assert counter.deliver() == "sent"
    counter.skew.advance(4)
    assert counter.deliver() == "sent"
    assert counter.rows() == [("human", "[hello_world]", "sent")]
    counter.hears("hola")
    assert counter.turn() == "answered"


# --- pause --------------------------------------------------------------------------------------------------------------


def test_while_paused_the_bot_is_silent_and_everything_is_recorded(counter: Counter) -> None:
    counter.greets()
    counter.people.pause()
    turns_of_another_process(counter)
    counter.hears("¿hola?")
    assert counter.turn() == "paused"
    assert counter.waiting("delivery") == []
    assert counter.waiting("turns") == []
    assert counter.rows()[-1] == ("prospect", "¿hola?", "delivered")
    counter.people.resume()
    turns_of_another_process(counter)
    counter.hears("¿y ahora?")
    assert counter.turn() == "answered"


def test_who_wrote_during_a_pause_is_answered_when_it_ends_all_together(counter: Counter) -> None:
    counter.greets()
    counter.people.pause()
    turns_of_another_process(counter)
    for text in ("tengo 45 años", "y no fumo"):
        counter.hears(text)
        assert counter.turn() == "paused"
    counter.skew.advance(RESUMED_LOOK.total_seconds() + 1)
    assert counter.turn() == "put_off"
    counter.people.resume()
    turns_of_another_process(counter)
    counter.skew.advance(RESUMED_LOOK.total_seconds() + 1)
    assert counter.turn() == "answered"
    assert counter.agent.heard[-1] == ["tengo 45 años", "y no fumo"]
    assert counter.deliver() == "sent"
    assert not counter.faults()


def test_who_writes_again_after_a_pause_is_answered_with_what_waited(counter: Counter) -> None:
    counter.greets()
    counter.people.pause()
    turns_of_another_process(counter)
    counter.hears("tengo 45 años")
    counter.turn()
    counter.people.resume()
    turns_of_another_process(counter)
    counter.hears("¿hola?")
    counter.skew.advance(2)
    assert counter.turn() == "answered"
    assert [entry.kind for entry in counter.conversation().agenda.entries if entry.kind == UNANSWERED] == []


def test_who_was_taken_over_during_a_pause_is_not_answered_by_the_bot(counter: Counter) -> None:
    counter.greets()
    counter.people.pause()
    turns_of_another_process(counter)
    counter.hears("¿hola?")
    counter.turn()
    counter.people.take_over(ANA)
    counter.people.resume()
    turns_of_another_process(counter)
    counter.skew.advance(RESUMED_LOOK.total_seconds() + 1)
    assert counter.turn() == "dropped"
    assert counter.waiting("delivery") == []


def test_a_reply_that_waits_is_silenced_by_a_pause_too_and_a_persons_message_is_not(counter: Counter) -> None:
    counter.hears("hola")
    counter.turn()
    counter.people.pause()
    turns_of_another_process(counter)
    counter.people.say(ANA, {"text": "Soy Marta."})
    assert counter.deliver() == "withheld"
    assert counter.deliver() == "sent"
    assert counter.channel.texts == ["Soy Marta."]


def test_a_paused_turn_leaves_the_sale_where_it_was(counter: Counter) -> None:
    counter.greets()
    before = counter.conversation()
    counter.people.pause()
    turns_of_another_process(counter)
    counter.agent.decides(changes={"stage": "FINALIZADO", "outcome": "declined"})
    counter.hears("no quiero nada")
    counter.turn()
    after = counter.conversation()
    assert (after.stage, after.outcome) == (before.stage, before.outcome)


@pytest.mark.parametrize(
    ("step", "word"),
    [
        ({"handoff": Handoff("asked"), "changes": {"owner": "human"}}, "answered"),
        ({"handoff": Handoff("self_harm", urgent=True), "changes": {"owner": "human"}}, "answered"),
        ({"changes": {"outcome": "opted_out"}}, "answered"),
        ({"erase": True}, "erased"),
    ],
    ids=["a person is wanted", "somebody is in danger", "BAJA", "erasure"],
)
def test_what_stands_above_every_switch_works_while_paused(counter: Counter, step: dict[str, Any], word: str) -> None:
    counter.greets()
    counter.people.pause()
    turns_of_another_process(counter)
    counter.agent.decides(replies=(Content(text="De acuerdo."),), **step)
    counter.hears("!")
    assert counter.turn() == word
    assert counter.deliver() == "sent"
    assert counter.channel.texts[-1] == "De acuerdo."


@pytest.mark.parametrize("reason", ["health", "abuse", "accepted"])
def test_other_hand_overs_wait_for_the_bot_to_speak_again(counter: Counter, reason: str) -> None:
    counter.people.pause()
    turns_of_another_process(counter)
    counter.agent.decides(handoff=Handoff(reason), changes={"owner": "human"})
    counter.hears("!")
    assert counter.turn() == "paused"


# --- dead letters -------------------------------------------------------------------------------------------------------


def bury(counter: Counter, text: str = "algo raro") -> None:
    counter.agent.fails(RuntimeError("a bug"))
    counter.hears(text)
    for _ in range(MOST_ATTEMPTS):
        counter.attend("turns")
        counter.skew.advance(60)
    counter.agent.decide = counter.agent.echo


def test_a_dead_letter_is_tried_again_as_if_for_the_first_time(counter: Counter) -> None:
    bury(counter)
    counter.people.hand_back(ANA)
    [letter] = counter.people.dead_letters()
    assert ANA not in dead_letter_id(letter)
    assert counter.people.replay(dead_letter_id(letter))
    assert counter.people.dead_letters() == []
    assert counter.turn() == "answered"
    assert counter.agent.heard[-1] == ["algo raro"]
    assert counter.faults() == []


def test_a_dead_letter_is_replayed_once(counter: Counter) -> None:
    bury(counter)
    name = dead_letter_id(counter.people.dead_letters()[0])
    assert counter.people.replay(name)
    assert not counter.people.replay(name)
    assert len(counter.waiting("turns")) == 1


@pytest.mark.parametrize("name", ["", "turns-", "nothing", "delivery-x", "turns-\n", "a" * 5000])
def test_there_is_no_such_letter(counter: Counter, name: str) -> None:
    bury(counter)
    assert not counter.people.replay(name)
    assert len(counter.people.dead_letters()) == 1


def test_letters_come_newest_first_and_as_many_as_asked_for(counter: Counter) -> None:
    for text in ("uno", "dos", "tres"):
        bury(counter, text)
        counter.people.hand_back(ANA)
    letters = counter.people.dead_letters()
    assert [letter.at for letter in letters] == sorted((letter.at for letter in letters), reverse=True)
    assert counter.people.dead_letters(2) == letters[:2]
    assert timedelta(0) < letters[0].at - letters[-1].at


def test_a_message_that_was_given_up_goes_out_after_its_replay(counter: Counter) -> None:
    counter.queue("hola")
    counter.skew.advance(DAY_S + 60)
    assert counter.deliver() == "buried_too_late"
    [letter] = counter.people.dead_letters()
    counter.people.replay_letter(letter)
    assert counter.deliver() == "buried_too_late", "it is no better a day later, and says so again"
    assert len(counter.people.dead_letters()) == 1
