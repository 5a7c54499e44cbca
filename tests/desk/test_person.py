"""One person on several lines: what they ask for on one holds on all, also when a worker dies in between."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from src.agent.state import new_conversation
from src.desk.operators import Operators
from src.desk.person import Person
from src.desk.turns import Turns
from src.errors import LedgerUnavailable
from src.integrations.lines import addresses_of
from src.messages import Contact
from tests.desk.fakes import ANA, APOLOGY, RETENTION_DAYS, Office
from tests.integrations.ledger_kit import take

ELSEWHERE = ANA.replace("whatsapp:", "whatsapp@servicio:")
WAYS = ("whatsapp", "whatsapp@servicio", "twilio@t2")
WHO = Contact(key=ANA, channel="whatsapp", phone="+" + ANA.partition(":")[2])


@pytest.fixture
def person(office: Office) -> Person:
    operators = Operators(office.ledger, office.records, {}, office.ledger.server_time, retention_days=lambda: RETENTION_DAYS)
    person = Person(office.ledger, office.records, operators, ways=WAYS, addresses=addresses_of)
    channels = {"whatsapp": office.channel, "whatsapp@servicio": office.channel}
    office.turns = Turns(
        office.ledger,
        office.agent,
        channels,
        apology=APOLOGY,
        retention_days=RETENTION_DAYS,
        courtesy=lambda courtesy: courtesy(),
        person=person,
    )
    return person


def both_write(office: Office) -> None:
    for key in (ANA, ELSEWHERE):
        office.hears("hola", contact=key, who=Contact(key=key, channel=key.partition(":")[0], phone=WHO.phone))
        claim = take(office.ledger, "turns", key)
        office.turns.work(claim)


def outcome(office: Office, key: str) -> str | None:
    record = office.records.record(key)
    assert record is not None
    assert record.state is not None
    return str(msgspec.json.decode(record.state).get("outcome"))


def test_who_writes_to_two_lines_is_found_on_both(office: Office, person: Person) -> None:
    both_write(office)
    assert person.elsewhere(WHO) == [ELSEWHERE]
    assert person.elsewhere(msgspec.structs.replace(WHO, key=ELSEWHERE)) == [ANA]
    assert sorted(person.on_lines(ANA.partition(":")[2])) == sorted([ANA, ELSEWHERE])
    assert person.on_lines("34699999999") == []


def test_a_user_id_names_the_same_person_on_another_line(office: Office, person: Person) -> None:
    office.hears(
        "hola", contact=ELSEWHERE, who=Contact(key=ELSEWHERE, channel="whatsapp@servicio", phone=WHO.phone, bsuid="ES.1")
    )
    assert person.elsewhere(Contact(key="whatsapp:ES.1", channel="whatsapp", bsuid="ES.1")) == [ELSEWHERE]


def test_a_baja_holds_on_all_lines(office: Office, person: Person) -> None:
    both_write(office)
    assert not person.has_opted_out(WHO)
    office.agent.decides(changes={"outcome": "opted_out", "stage": "FINALIZADO"})
    office.hears("baja")
    office.turns.work(take(office.ledger, "turns", ANA))
    assert (outcome(office, ANA), outcome(office, ELSEWHERE)) == ("opted_out", "opted_out")
    assert person.has_opted_out(msgspec.structs.replace(WHO, key=ELSEWHERE))


def test_a_worker_that_dies_in_between_leaves_no_line_behind(office: Office, person: Person) -> None:
    """The other lines come first: while they cannot be reached, the turn is not done, and it is taken again."""
    both_write(office)
    office.agent.decides(changes={"outcome": "opted_out", "stage": "FINALIZADO"})
    office.hears("baja")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(person, "_operators", None)  # whatever is asked of it fails
        with pytest.raises(AttributeError):
            office.turns.work(claim := take(office.ledger, "turns", ANA))
    office.ledger.retry(claim, after_s=0)
    assert outcome(office, ANA) != "opted_out"
    office.turns.work(take(office.ledger, "turns", ANA))
    assert (outcome(office, ANA), outcome(office, ELSEWHERE)) == ("opted_out", "opted_out")


def test_an_erasure_holds_on_all_lines(office: Office, person: Person) -> None:
    assert person
    both_write(office)
    office.agent.decides(erase=True)
    office.hears("bórralo todo")
    office.turns.work(take(office.ledger, "turns", ANA))
    assert office.records.record(ELSEWHERE) is None


def test_who_is_forgotten_by_time_is_so_on_that_line_only(office: Office, person: Person) -> None:
    assert person
    both_write(office)
    office.skew.advance(timedelta(days=RETENTION_DAYS - 1).total_seconds())
    office.hears("sigo aquí", contact=ELSEWHERE, who=Contact(key=ELSEWHERE, channel="whatsapp@servicio", phone=WHO.phone))
    office.turns.work(take(office.ledger, "turns", ELSEWHERE))
    office.skew.advance(timedelta(days=1, hours=1).total_seconds())
    office.turns.work(take(office.ledger, "turns", ANA))
    assert office.records.record(ANA) is None
    assert office.records.record(ELSEWHERE) is not None


def test_who_is_played_is_nobody_real(office: Office, person: Person) -> None:
    both_write(office)
    played = ANA.replace("whatsapp:", "simulator:")
    assert person.elsewhere(Contact(key=played, channel="simulator", phone=WHO.phone)) == []


def test_with_one_line_the_store_is_not_asked(office: Office) -> None:
    class Nobody:
        def __getattr__(self, name: str) -> object:
            raise LedgerUnavailable(name)

    alone = Person(office.ledger, Nobody(), Nobody(), ways=("whatsapp",), addresses=addresses_of)  # type: ignore[arg-type]
    assert alone.elsewhere(WHO) == []
    assert new_conversation(WHO, office.ledger.server_time()).contact == WHO
