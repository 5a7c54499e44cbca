"""What humans do in the CRM, on the real ledger: said once, silent at once, whatever comes twice, late or in another order."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
import pytest

from src.desk.crm import AgentDeleted, AgentRetried, AgentSaid, Attachment, Lead, LeadEdited, OwnerChanged, Place, Whose
from src.desk.human_side import HumanSide, Sighting, owner_after
from src.desk.lead import written
from src.desk.mirror import Mirror
from src.desk.ports import Settlement
from src.integrations.chatwoot.events import key_of
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.sightings import RedisSightings
from src.messages import Contact, Receipt
from tests.desk.fakes import ANA, Office
from tests.desk.operators_kit import DAY_S, Counter
from tests.integrations.ledger_kit import traces

HERS = Whose(conversation_id="42", person_id="11", source_id="wa:34600000001", phone="+34600000001")
BY_PHONE = Whose(conversation_id="43", source_id="8a6a3b52-0d43-4f3e-9f8e-1c1b5a1c2d3e", phone="+34600000001")
Status = Literal["open", "pending", "resolved", "snoozed"]
Assigned = Literal["", "human", "bot", "other_ai"]


class Brokerage(Counter):
    """An office whose people work in a CRM."""

    def __init__(self, office: Office) -> None:
        super().__init__(office)
        self.sightings = RedisSightings(office.ledger)
        self.humans = HumanSide(
            office.ledger,
            office.records,
            self.people,
            {"whatsapp": self.channel},
            sightings=self.sightings,
            clock=office.ledger.server_time,
            key_of=key_of,
        )
        self._versions = itertools.count(1_000)
        self._ids = itertools.count(501)

    def said(self, text: str = "Soy Ana", *, whose: Whose = HERS, at: datetime | None = None, **more: Any) -> AgentSaid:
        message_id = more.pop("message_id", None) or str(next(self._ids))
        return AgentSaid(whose=whose, message_id=message_id, at=at or self.ledger.server_time(), text=text, **more)

    def shows(self, status: Status, assigned_to: Assigned = "", *, version: float | None = None) -> str:
        seen = OwnerChanged(whose=HERS, status=status, assigned_to=assigned_to, version=version or next(self._versions))
        return self.humans.take(seen)

    def delivers_all(self) -> None:
        while (claim := self.ledger.claim("delivery", ANA)) is not None:
            self.deliveries.work(claim)
            self.skew.advance(4)

    def forgets_what_the_crm_was_told(self) -> None:
        """As when the mirror has caught up."""
        claim = self.claim("mirror")
        while claim.jobs:
            self.ledger.commit(claim, Settlement(done=[job.id for job in claim.jobs]))
            if (again := self.ledger.claim("mirror", ANA)) is None:
                return
            claim = again

    def moves(self) -> list[str]:
        """What the CRM is to be told of who has the conversation."""
        client: Any = self.ledger.client
        bodies = client.hvals(self.ledger.keys.lane(ANA, "mirror")[1])
        found = (msgspec.json.decode(body) for body in bodies if b'"type":"owner"' in body)
        return [one["owner"] for one in found]


@pytest.fixture
def brokerage(office: Office) -> Brokerage:
    return Brokerage(office)


@pytest.fixture
def mirrored(new_ledger: Any, office: Office) -> Brokerage:
    return Brokerage(Office(new_ledger(debounce_s=0, mirrors=True), office.skew))


# -- what they say -----------------------------------------------------------------------------------------------------


def test_a_reply_goes_out_and_the_bot_is_silent_from_then_on(brokerage: Brokerage) -> None:
    brokerage.greets()
    assert brokerage.humans.take(brokerage.said("Soy Ana, le ayudo")) == "said"
    assert brokerage.owner() == "human"
    brokerage.delivers_all()
    assert brokerage.channel.texts[-1] == "Soy Ana, le ayudo"
    assert brokerage.channel.sent[-1].id == "cw.501"
    brokerage.hears("gracias")
    assert brokerage.turn() == "listened"


def test_a_reply_of_the_bot_that_was_on_its_way_is_withheld(brokerage: Brokerage) -> None:
    brokerage.greets()
    brokerage.hears("¿y cuánto cuesta?")
    brokerage.turn()
    brokerage.humans.take(brokerage.said("Se lo digo yo"))
    brokerage.delivers_all()
    assert brokerage.channel.texts == ["eco: hola", "Se lo digo yo"]


def test_the_same_reply_again_is_said_once_and_takes_nothing_over_again(brokerage: Brokerage) -> None:
    brokerage.greets()
    said = brokerage.said()
    assert [brokerage.humans.take(said) for _ in range(3)] == ["said", "duplicate", "duplicate"]
    brokerage.people.hand_back(ANA)
    assert brokerage.humans.take(said) == "duplicate"
    assert brokerage.owner() == "bot"
    brokerage.delivers_all()
    assert brokerage.channel.texts == ["eco: hola", "Soy Ana"]


def test_long_words_are_split_and_each_part_has_its_own_id(brokerage: Brokerage) -> None:
    brokerage.greets()
    brokerage.humans.take(brokerage.said("uno|dos|tres"))
    brokerage.delivers_all()
    assert [one.id for one in brokerage.channel.sent[1:]] == ["cw.501", "cw.501.1", "cw.501.2"]


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (["image", "document"], [("image", "Mire"), ("document", "")]),
        (["audio", "image"], [("text", "Mire"), ("audio", ""), ("image", "")]),
    ],
)
def test_attachments_are_messages_and_the_words_are_their_caption(
    brokerage: Brokerage, kinds: Sequence[Any], expected: list[tuple[str, str]]
) -> None:
    brokerage.greets()
    files = tuple(Attachment(url=f"https://chat.test/{kind}", kind=kind, filename=kind) for kind in kinds)
    brokerage.humans.take(brokerage.said("Mire", attachments=files))
    brokerage.delivers_all()
    sent = [one.content for one in brokerage.channel.sent[1:]]
    assert [(content.kind, content.text) for content in sent] == expected
    assert [content.link for content in sent if content.link] == [one.url for one in files]


def test_outside_the_window_words_fail_with_a_reason_and_a_template_goes(brokerage: Brokerage) -> None:
    brokerage.greets()
    brokerage.skew.advance(25 * 3600)
    brokerage.humans.take(brokerage.said("¿Sigue interesada?"))
    assert brokerage.deliver() == "buried_window_closed"
    template = {"name": "seguimiento", "language": "es", "components": []}
    brokerage.humans.take(brokerage.said("¿Sigue interesada?", template=template))
    assert brokerage.deliver() == "sent"
    assert brokerage.channel.sent[-1].content.template is not None


def test_somebody_that_an_agent_writes_to_first_is_found_by_phone(brokerage: Brokerage) -> None:
    """Chatwoot makes up a source id for a conversation that begins there."""
    template = {"name": "hola", "language": "es", "components": []}
    assert brokerage.humans.take(brokerage.said("Hola", whose=BY_PHONE, template=template)) == "said"
    assert brokerage.deliver() == "sent"
    assert brokerage.channel.sent[-1].contact.phone == "+34600000001"
    assert brokerage.owner() == "human"


def test_nobody_that_whatsapp_can_know_is_nobody(brokerage: Brokerage) -> None:
    assert brokerage.humans.take(brokerage.said(whose=Whose(conversation_id="9"))) == "nobody_known"


def test_a_reply_ends_the_wait_for_somebody(brokerage: Brokerage) -> None:
    brokerage.greets()
    brokerage.hands_over()
    brokerage.humans.take(brokerage.said("Ya estoy aquí"))
    brokerage.skew.advance(400)
    assert brokerage.ledger.claim("turns", ANA) is None
    assert len(brokerage.alerts) == 1


def test_when_it_is_handed_back_the_bot_knows_what_was_said(brokerage: Brokerage) -> None:
    brokerage.greets()
    brokerage.humans.take(brokerage.said("Tiene descuento"))
    brokerage.delivers_all()
    brokerage.shows("open", "human")
    assert brokerage.shows("resolved", "human") == "handed_back"
    assert "Tiene descuento" in [line.text for line in brokerage.conversation().history]


def test_a_state_of_a_newer_version_keeps_no_human_from_speaking(brokerage: Brokerage) -> None:
    brokerage.greets()
    client: Any = brokerage.ledger.client
    client.hset(brokerage.ledger.keys.of_contact(ANA, "record"), "state", b'{"schema": 99}')
    assert brokerage.humans.take(brokerage.said()) == "said"
    brokerage.delivers_all()
    assert brokerage.channel.texts[-1] == "Soy Ana"
    assert brokerage.owner() == "human"


def test_a_reply_that_is_found_after_it_was_given_back_goes_out_and_takes_nothing_over(brokerage: Brokerage) -> None:
    """Its webhook was lost; the poll finds it when the conversation is resolved already."""
    brokerage.greets()
    now = brokerage.ledger.server_time()
    brokerage.shows("open", "human", version=now.timestamp())
    brokerage.shows("resolved", "human", version=now.timestamp() + 10)
    assert brokerage.humans.take(brokerage.said("Adiós", at=now + timedelta(seconds=5))) == "said"
    brokerage.delivers_all()
    assert brokerage.channel.texts[-1] == "Adiós"
    assert brokerage.owner() == "bot"
    assert brokerage.humans.take(brokerage.said("Otra cosa", at=now + timedelta(seconds=20))) == "said"
    assert brokerage.owner() == "human"


# -- whose it is -------------------------------------------------------------------------------------------------------


def sighting(status: str, assigned_to: str = "") -> Sighting:
    return Sighting(status=status, assigned_to=assigned_to, version=1)


@pytest.mark.parametrize(
    ("before", "status", "assigned_to", "owner"),
    [
        # for the first time
        (None, "pending", "", ""),
        (None, "pending", "bot", ""),
        (None, "snoozed", "", ""),
        (None, "open", "", "human"),
        (None, "open", "bot", ""),
        (None, "pending", "human", "human"),
        (None, "resolved", "", "bot"),
        # 4.15: assigning alone changes no status
        (("pending", ""), "pending", "human", "human"),
        (("open", "human"), "pending", "human", "bot"),
        (("open", "human"), "open", "bot", "bot"),
        (("open", ""), "open", "human", "human"),
        (("open", "human"), "open", "", ""),
        (("open", "human"), "resolved", "human", "bot"),
        (("pending", ""), "open", "", "human"),
        (("resolved", "human"), "pending", "human", "bot"),
        (("resolved", "human"), "open", "human", "human"),
        (("snoozed", "human"), "open", "human", "human"),
        (("open", "human"), "snoozed", "human", ""),
        (("pending", "human"), "pending", "human", ""),
        (("open", "human"), "open", "human", ""),
        # 4.16, ownership: the bot is assigned
        (("pending", "bot"), "open", "human", "human"),
        (("pending", "bot"), "open", "", "human"),
        (("open", "human"), "pending", "bot", "bot"),
        (("open", ""), "pending", "bot", "bot"),
        (("pending", "bot"), "pending", "bot", ""),
        # 4.16.2: a person opens it in two changes
        (("pending", "bot"), "open", "bot", ""),
        (("open", "bot"), "open", "", "human"),
        (("open", "bot"), "open", "human", "human"),
        (("pending", "bot"), "pending", "", ""),
        # 4.17: Captain has it
        (("pending", "bot"), "pending", "other_ai", ""),
        (("open", "human"), "pending", "other_ai", ""),
        (("open", "human"), "open", "other_ai", ""),
        (("pending", "other_ai"), "open", "human", "human"),
    ],
)
def test_who_has_it_follows_from_what_changed(
    before: tuple[str, str] | None, status: Status, assigned_to: Assigned, owner: str
) -> None:
    seen = OwnerChanged(whose=HERS, status=status, assigned_to=assigned_to, version=2)
    assert owner_after(sighting(*before) if before else None, seen) == owner


def test_an_assignment_takes_over_and_marking_as_pending_gives_back(brokerage: Brokerage) -> None:
    brokerage.greets()
    assert brokerage.shows("pending") == "unchanged"
    assert brokerage.shows("pending", "human") == "taken_over"
    assert brokerage.shows("open", "human") == "unchanged"
    assert brokerage.shows("pending", "human") == "handed_back"
    brokerage.hears("¿hola?")
    assert brokerage.turn() == "answered"


def test_what_is_older_than_what_was_seen_says_nothing(brokerage: Brokerage) -> None:
    brokerage.greets()
    brokerage.shows("open", "human", version=20)
    brokerage.shows("resolved", "human", version=30)
    assert brokerage.shows("open", "human", version=20) == "older"
    assert brokerage.owner() == "bot"
    assert brokerage.shows("resolved", "human", version=30) == "unchanged"


def test_the_echo_of_our_own_hand_over_calls_nobody_off(brokerage: Brokerage) -> None:
    """Chatwoot tells us that we opened it, and may assign somebody by itself: nobody has answered yet."""
    brokerage.greets()
    brokerage.shows("pending")
    brokerage.hands_over()
    brokerage.shows("open")
    brokerage.shows("open", "human")
    brokerage.delivers_all()
    brokerage.skew.advance(301)
    assert brokerage.turn() == "unanswered"
    assert len(brokerage.alerts) == 2


def test_the_first_look_at_a_conversation_that_waits_to_be_opened_gives_nothing_back(brokerage: Brokerage) -> None:
    brokerage.greets()
    brokerage.hands_over()
    assert brokerage.shows("pending") == "unchanged"
    assert brokerage.owner() == "human"


def test_nobody_is_made_up_by_a_status(brokerage: Brokerage) -> None:
    assert brokerage.shows("open", "human") == "nobody_known"
    assert brokerage.records.record(ANA) is None


def test_the_crm_is_told_only_what_it_does_not_show(mirrored: Brokerage) -> None:
    mirrored.greets()
    mirrored.shows("pending")
    mirrored.humans.take(mirrored.said())
    mirrored.humans.take(mirrored.said("y otra cosa"))
    assert mirrored.moves() == ["human"]
    mirrored.shows("open")
    mirrored.shows("pending")
    mirrored.shows("open", "human")
    mirrored.shows("resolved", "human")
    assert mirrored.moves() == ["human"]


def test_an_assignment_alone_is_followed_by_the_status(mirrored: Brokerage) -> None:
    mirrored.greets()
    mirrored.shows("pending")
    mirrored.shows("pending", "human")
    assert mirrored.moves() == ["human"]
    mirrored.shows("open", "human")
    mirrored.shows("open", "bot")
    assert sorted(mirrored.moves()) == ["bot", "human"]


def test_a_reply_that_comes_again_after_the_hand_back_opens_nothing(mirrored: Brokerage) -> None:
    mirrored.greets()
    said = mirrored.said()
    mirrored.humans.take(said)
    mirrored.shows("open")
    mirrored.shows("pending")
    mirrored.forgets_what_the_crm_was_told()
    assert mirrored.humans.take(said) == "duplicate"
    assert mirrored.moves() == []


def test_words_of_humans_are_not_shown_again_where_they_wrote_them(mirrored: Brokerage) -> None:
    mirrored.greets()
    mirrored.humans.take(mirrored.said("solo una vez"))
    client: Any = mirrored.ledger.client
    told = client.hvals(mirrored.ledger.keys.lane(ANA, "mirror")[1])
    assert told
    assert not [body for body in told if b"solo una vez" in body]


# -- of somebody who was erased ----------------------------------------------------------------------------------------


def place_there(brokerage: Brokerage, conversation_id: str) -> None:
    """The mirror found out where the person is in the CRM."""
    claim = brokerage.claim("mirror")
    there = {"person": "11", "conversation": conversation_id}
    brokerage.ledger.commit(claim, Settlement(done=[job.id for job in claim.jobs], crm=there))


def assert_stays_away(brokerage: Brokerage, said: AgentSaid) -> None:
    before = list(brokerage.channel.texts)
    assert brokerage.humans.take(said) == "duplicate"
    assert brokerage.ledger.claim("delivery", ANA) is None
    assert brokerage.channel.texts == before
    assert brokerage.records.record(ANA) is None
    assert traces(brokerage.ledger.client, "34600000001", "ES.31") == []


def test_what_was_said_before_an_erasure_is_not_said_again_when_the_poll_finds_it(brokerage: Brokerage) -> None:
    brokerage.greets()
    said = brokerage.said("uno|dos")
    brokerage.humans.take(said)
    brokerage.delivers_all()
    brokerage.ledger.forget(ANA, erase=True)
    assert_stays_away(brokerage, said)
    brokerage.skew.advance(7 * DAY_S)
    assert_stays_away(brokerage, said)


def test_a_clock_that_is_ahead_there_makes_nothing_newer_than_the_erasure(brokerage: Brokerage) -> None:
    brokerage.greets()
    said = brokerage.said(at=brokerage.ledger.server_time() + timedelta(minutes=30))
    brokerage.humans.take(said)
    brokerage.ledger.forget(ANA, erase=True)
    assert_stays_away(brokerage, said)


def test_what_no_webhook_brought_before_an_erasure_is_not_said_after_it(brokerage: Brokerage) -> None:
    brokerage.greets()
    lost = brokerage.said()
    brokerage.skew.advance(60)
    brokerage.ledger.forget(ANA, erase=True)
    assert_stays_away(brokerage, lost)


def test_what_is_written_in_the_conversation_that_is_to_go_is_not_said(mirrored: Brokerage) -> None:
    """The CRM was away when it was told to delete it, and agents do not know."""
    mirrored.greets()
    place_there(mirrored, HERS.conversation_id)
    mirrored.ledger.forget(ANA, erase=True)
    mirrored.skew.advance(3600)
    before = mirrored.waiting("mirror")
    assert mirrored.humans.take(mirrored.said("¿Sigue interesada?")) == "duplicate"
    assert mirrored.records.record(ANA) is None
    assert mirrored.waiting("delivery") == []
    assert mirrored.waiting("mirror") == before == ["erased"]


def test_nobody_comes_back_under_another_name(brokerage: Brokerage) -> None:
    """The conversation there began when the person went by their user id, or had another number."""
    by_id = Whose(conversation_id="44", source_id="wa:ES.31")
    brokerage.greets()
    brokerage.ledger.alias(ANA, "whatsapp:ES.31")
    said, lost = brokerage.said(whose=by_id), brokerage.said(whose=by_id)
    assert brokerage.humans.take(said) == "said"
    brokerage.skew.advance(60)
    brokerage.ledger.forget(ANA, erase=True)
    assert_stays_away(brokerage, said)
    assert_stays_away(brokerage, lost)
    assert brokerage.ledger.claim("delivery", "whatsapp:ES.31") is None


@pytest.mark.parametrize("by", [HERS, Whose(conversation_id="44", source_id="wa:ES.31")], ids=["kept", "left"])
def test_nobody_comes_back_under_either_name_after_a_merge(brokerage: Brokerage, by: Whose) -> None:
    brokerage.greets()
    brokerage.hears("soy yo", who=Contact(key="whatsapp:ES.31", channel="whatsapp", bsuid="ES.31"))
    said, lost = brokerage.said(whose=by), brokerage.said(whose=by)
    assert brokerage.humans.take(said) == "said"
    brokerage.ledger.merge(ANA, "whatsapp:ES.31")
    brokerage.skew.advance(60)
    brokerage.ledger.forget(ANA, erase=True)
    assert_stays_away(brokerage, said)
    assert_stays_away(brokerage, lost)
    assert brokerage.ledger.claim("delivery", "whatsapp:ES.31") is None


def test_whoever_comes_back_by_themselves_is_answered_by_humans_again(brokerage: Brokerage) -> None:
    brokerage.greets()
    old = brokerage.said("antes")
    brokerage.humans.take(old)
    brokerage.ledger.forget(ANA, erase=True)
    brokerage.skew.advance(60)
    brokerage.greets()
    assert brokerage.humans.take(old) == "duplicate"
    anew = Whose(conversation_id="50", source_id=HERS.source_id)
    assert brokerage.humans.take(brokerage.said("después", whose=anew)) == "said"
    brokerage.delivers_all()
    assert brokerage.channel.texts[-1] == "después"
    assert "antes" not in brokerage.channel.texts


def test_what_changed_there_brings_nobody_back(mirrored: Brokerage) -> None:
    mirrored.greets()
    mirrored.shows("pending")
    mirrored.ledger.forget(ANA, erase=True, farewell=("bye", b"adios"))
    assert mirrored.shows("open", "human") == "nobody_known"
    assert mirrored.shows("resolved") == "nobody_known"
    assert mirrored.humans.take(edited(age=46)) == "nobody_known"
    assert mirrored.records.record(ANA) is None


# -- what they correct -------------------------------------------------------------------------------------------------


def edited(**attributes: Any) -> LeadEdited:
    return LeadEdited(whose=HERS, attributes=attributes)


def test_an_edited_attribute_is_the_profiles_value_from_then_on(brokerage: Brokerage) -> None:
    brokerage.greets()
    brokerage.people.correct(ANA, {"age": 45, "smoker": False})
    ours = written({"age": 45, "smoker": False, "name": "", "email": ""})
    assert brokerage.humans.take(edited(age=45, smoker=False, name="", email="", **ours)) == "unchanged"
    assert brokerage.humans.take(edited(age=46, smoker=False, name="", email="", **ours)) == "corrected"
    conversation = brokerage.conversation()
    assert conversation.profile["age"] == 46
    source = conversation.profile_sources["age"]
    assert (source.by, source.message_id) == ("human", "crm")


def test_what_cannot_be_is_left_alone(brokerage: Brokerage) -> None:
    brokerage.greets()
    assert brokerage.humans.take(edited(age=4600, email="no", name=["x"], **written({"age": 45}))) == "unchanged"
    assert brokerage.humans.take(LeadEdited(whose=Whose(conversation_id=""), attributes={})) == "nobody_known"
    assert brokerage.conversation().profile == {}


# -- together ----------------------------------------------------------------------------------------------------------


def test_only_one_looks_at_a_conversation_at_a_time(new_ledger: Any) -> None:
    ledger: RedisLedger = new_ledger()
    one, other = RedisSightings(ledger), RedisSightings(ledger)
    with one.polling(for_s=5) as mine, other.polling(for_s=5) as theirs:
        assert (mine, theirs) == (True, False)
    with other.polling(for_s=5) as theirs:
        assert theirs
    with one.alone("42"), other.alone("43"):
        pass
    one.keep("42", sighting("open"))
    assert other.last("42") == sighting("open")
    assert other.last("43") is None
    assert other.place() is None
    one.move_place(12.5)
    assert other.place() == 12.5


# -- tried again ---------------------------------------------------------------------------------------------------------


class RetryingCrm:
    """A CRM that shows what a person wrote, failed or not any more."""

    def __init__(self, said: AgentSaid) -> None:
        self.said, self.pressed = said, False
        self.settled: list[tuple[str, str]] = []

    def place(self, *_: Any) -> Place:
        return Place(person_id="11", conversation_id="42")

    def retried(self, _place: Place, message_id: str) -> AgentSaid | None:
        return self.said if self.pressed and message_id == self.said.message_id else None

    def settle(self, _place: Place, message_id: str, status: Any) -> None:
        self.settled.append((message_id, status.status))

    def __getattr__(self, _name: str) -> Any:
        return lambda *_, **__: None


@pytest.fixture
def retrying(mirrored: Brokerage) -> tuple[Brokerage, RetryingCrm, Mirror]:
    mirrored.greets()
    crm = RetryingCrm(mirrored.said("uno|dos"))
    assert mirrored.humans.take(crm.said) == "said"
    mirrored.delivers_all()
    told: Any = lambda *_: crm  # noqa: E731
    mirror = Mirror(
        mirrored.ledger, told, lead_of=lambda _: Lead(), channels={"whatsapp": mirrored.channel}, monotonic=lambda: 0.0
    )
    return mirrored, crm, mirror


def told(brokerage: Brokerage, mirror: Mirror) -> None:
    while (claim := brokerage.ledger.claim("mirror", ANA)) is not None:
        mirror.work(claim)


def failing(brokerage: Brokerage, outbox_id: str) -> None:
    receipt = Receipt(
        message_id=f"wamid.{outbox_id}",
        status="failed",
        at=brokerage.ledger.server_time(),
        opaque=f"{ANA} {outbox_id}",
        error_codes=("131026",),
    )
    assert brokerage.ledger.receive_receipt(receipt) == "applied"


def test_a_retry_sends_the_part_that_failed_again_and_once(retrying: tuple[Brokerage, RetryingCrm, Mirror]) -> None:
    brokerage, crm, mirror = retrying
    pressed = AgentRetried(whose=HERS, message_id=crm.said.message_id)
    assert brokerage.humans.take(pressed) == "unchanged", "nothing of it failed"
    failing(brokerage, "cw.501.1")
    # A late echo of another change comes before the CRM was even told of the failure.
    assert brokerage.humans.take(pressed) == "asked"
    told(brokerage, mirror)
    brokerage.delivers_all()
    assert brokerage.channel.texts == ["eco: hola", "uno", "dos"], "nobody pressed anything"
    assert crm.settled[-1] == ("501", "failed")
    crm.pressed = True
    assert [brokerage.humans.take(pressed) for _ in range(2)] == ["asked", "asked"]
    told(brokerage, mirror)
    assert brokerage.humans.take(pressed) == "unchanged", "it is on its way"
    brokerage.delivers_all()
    assert brokerage.channel.texts == ["eco: hola", "uno", "dos", "dos"]
    assert brokerage.channel.sent[-1].id == "cw.501.1.r1"
    failing(brokerage, "cw.501.1.r1")
    told(brokerage, mirror)
    assert brokerage.humans.take(pressed) == "asked"
    told(brokerage, mirror)
    brokerage.delivers_all()
    assert brokerage.channel.sent[-1].id == "cw.501.1.r2"


def test_while_one_part_failed_the_message_is_shown_as_failed(retrying: tuple[Brokerage, RetryingCrm, Mirror]) -> None:
    brokerage, crm, mirror = retrying
    failing(brokerage, "cw.501.1")
    told(brokerage, mirror)
    assert brokerage.receipt("read", "cw.501") == "applied"
    told(brokerage, mirror)
    assert crm.settled[-1] == ("501", "failed")
    crm.pressed = True
    brokerage.humans.take(AgentRetried(whose=HERS, message_id="501"))
    told(brokerage, mirror)
    brokerage.delivers_all()
    assert brokerage.receipt("delivered", "cw.501.1.r1") == "applied"
    told(brokerage, mirror)
    assert crm.settled[-1] == ("501", "delivered")


def test_who_deletes_their_words_is_told_that_they_stay_on_the_phone(retrying: tuple[Brokerage, RetryingCrm, Mirror]) -> None:
    brokerage, _, mirror = retrying
    told(brokerage, mirror)
    gone = AgentDeleted(whose=HERS, message_id="501")
    assert [brokerage.humans.take(gone) for _ in range(2)] == ["told", "told"]
    client: Any = brokerage.ledger.client
    waiting = client.hvals(brokerage.ledger.keys.lane(ANA, "mirror")[1])
    notes = [one for one in map(msgspec.json.decode, waiting) if isinstance(one, dict) and one["type"] == "note"]
    assert len(notes) == 1
    assert "no se puede borrar" in notes[0]["text"]
    assert brokerage.humans.take(AgentDeleted(whose=HERS, message_id="999")) == "unchanged"
