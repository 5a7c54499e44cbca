"""The mirror lane, worked on with a CRM that follows a script: once, in order, as far as it lets us, and never in the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from src.agent.state import Conversation, Handoff
from src.desk import jobs
from src.desk.crm import Erased, File, Lead, Mirrored, Note, Owner, Place, Status
from src.desk.mirror import MOST_CRASHES, MOST_FILE_TRIES, MOST_REFUSALS, REST_S, Mirror
from src.errors import AccessDenied, Rejected, StaleCommit, TemporaryFailure
from src.integrations.ledger.dossier import dossier
from src.integrations.ledger.redis_ledger import RedisLedger
from src.messages import Contact, Content, Media, Outbound
from tests.conftest import Skew
from tests.desk.fakes import ANA, Office

PLACE = Place(person_id="7", conversation_id="42")
BEA = "whatsapp:34600000002"
LONGEST_FOR_A_FILE_S = 180.0
DOWN = TemporaryFailure("crm", "post", status=503)
LOST = TemporaryFailure("crm", "post", detail="ReadTimeout", maybe_done=True)


class FakeCrm:
    """Keeps what it is told. `script` holds what the next calls come to; `seen` are markers that are there."""

    def __init__(self) -> None:
        self.script: list[Exception | Callable[[], object] | None] = []
        self.told: list[tuple[str, Any]] = []
        self.files: list[File] = []
        self.looked: list[str] = []
        self.place_now = PLACE

    def _step(self) -> None:
        step = self.script.pop(0) if self.script else None
        if isinstance(step, Exception):
            raise step
        if step is not None:
            step()

    def place(self, contact: Contact, name: str, known: Place | None) -> Place:
        return known or self.place_now

    def post(self, place: Place, message: Mirrored, files: Sequence[File], *, again: bool = False) -> str:
        if again:
            self.looked.append(message.id)
        self._step()
        self.files += files
        self.told.append((message.speaker, message.text))
        return f"m{len(self.told)}"

    def note(self, place: Place, note: Note, files: Sequence[File], *, again: bool = False) -> str:
        self._step()
        self.told.append(("note", note.text))
        return "n1"

    def settle(self, place: Place, message_id: str, status: Status) -> None:
        self._step()
        self.told.append((status.status, message_id))

    def describe(self, place: Place, lead: Lead) -> None:
        self._step()
        self.told.append(("lead", lead.labels))

    def move(self, place: Place, owner: Owner) -> None:
        self._step()
        self.told.append(("owner", owner))

    def erase(self, contact: Contact, place: Place | None) -> None:
        self._step()
        self.told.append(("erased", (contact.key, place)))

    def check(self) -> dict[str, str]:
        return {}

    @property
    def words(self) -> list[str]:
        return [text for who, text in self.told if who in ("prospect", "bot", "system", "human")]


@pytest.fixture
def crm() -> FakeCrm:
    return FakeCrm()


@pytest.fixture
def office(new_ledger: Callable[..., RedisLedger], skew: Skew) -> Office:
    return Office(new_ledger(debounce_s=0.0, mirrors=True), skew)


class At:
    """The mirror at work on Ana's lane."""

    def __init__(self, office: Office, crm: FakeCrm) -> None:
        self.office = office
        self.late_s = 0.0
        self.mirror = Mirror(
            office.ledger,
            lambda _contact: crm,
            lead_of=lambda conversation: Lead(labels=(conversation.stage,)),
            channels={"whatsapp": office.channel},
            monotonic=lambda: time.monotonic() + self.late_s,
        )

    def once(self, contact: str = ANA) -> str:
        return self.mirror.work(self.office.claim("mirror", contact))

    def until_done(self, tries: int = 40) -> list[str]:
        outcomes = []
        for _ in range(tries):
            claim = self.office.ledger.claim("mirror", ANA)
            if claim is None:
                self.office.skew.advance(400)
                claim = self.office.ledger.claim("mirror", ANA)
            if claim is None:
                break
            outcomes.append(self.mirror.work(claim))
        return outcomes


@pytest.fixture
def at(office: Office, crm: FakeCrm) -> At:
    return At(office, crm)


def test_words_replies_and_the_lead_in_their_order(office: Office, at: At, crm: FakeCrm) -> None:
    office.hears("hola", "¿qué tal?")
    office.turn()
    assert at.once() == "mirrored"
    assert crm.told == [
        ("prospect", "hola"), ("prospect", "¿qué tal?"), ("bot", "eco: hola, ¿qué tal?"), ("lead", ("INICIO",))
    ]  # fmt: skip
    assert crm.looked == []


def test_the_crm_hears_nothing_of_whom_operators_play(office: Office, at: At, crm: FakeCrm) -> None:
    """It finds people by their number, and the number may be a customer's."""
    played = "simulator:34600000001"
    office.hears("hola", contact=played, who=Contact(key=played, channel="simulator", phone="+34600000001"))
    office.hears("hola", "yo soy de verdad")
    assert at.mirror.work(office.claim("mirror", played)) == "played"
    office.ledger.forget(played, erase=True)
    while claim := office.ledger.claim("mirror", played):
        assert at.mirror.work(claim) == "played"
    assert crm.told == []
    at.once()
    assert crm.words == ["hola", "yo soy de verdad"]


def test_a_lead_that_is_as_before_is_not_described_again(office: Office, at: At, crm: FakeCrm) -> None:
    for text in ("hola", "otra vez"):
        office.hears(text)
        office.turn()
        at.once()
    assert [what for what, _ in crm.told].count("lead") == 1


def test_while_it_is_down_everything_waits_and_then_comes_in_order(office: Office, at: At, crm: FakeCrm) -> None:
    crm.script = [DOWN] * 12
    for text in ("uno", "dos", "tres"):
        office.hears(text)
        office.turn()
    assert at.until_done()[:12] == ["put_off"] * 12
    assert crm.words == ["uno", "eco: uno", "dos", "eco: dos", "tres", "eco: tres"]
    assert crm.looked == [], "nothing had arrived, so nothing needs to be looked for"


def test_what_may_have_arrived_is_looked_for_before_it_is_told_again(office: Office, at: At, crm: FakeCrm) -> None:
    office.hears("hola", id="wamid.1")
    crm.script = [LOST, DOWN]
    office.turn()
    assert at.until_done()[:2] == ["put_off", "put_off"]
    assert crm.looked == ["wamid.1", "wamid.1"]
    assert crm.words == ["hola", "eco: hola"]


def test_after_a_worker_died_its_jobs_are_looked_for(office: Office, at: At, crm: FakeCrm) -> None:
    office.hears("hola", id="wamid.1")
    office.claim("mirror")
    office.skew.advance(60)
    at.until_done()
    assert crm.looked == ["wamid.1"]


def test_a_job_that_kills_workers_is_given_up_and_its_followers_go_on(office: Office, at: At, crm: FakeCrm) -> None:
    office.hears("mata", id="wamid.1")
    for _ in range(MOST_CRASHES):
        office.claim("mirror")
        office.skew.advance(60)
    office.hears("hola")
    assert at.until_done() == ["buried", "mirrored"]
    assert crm.words == ["hola"]
    (letter,) = office.records.dead_letters()
    assert (letter.lane, letter.id) == ("mirror", office.ledger._store.hash("wamid.1"))


def test_what_it_refuses_for_good_is_given_up_and_its_followers_go_on(office: Office, at: At, crm: FakeCrm) -> None:
    office.hears("malo", "bueno")
    crm.script = [Rejected("crm", "post", status=422)]
    assert at.until_done() == ["buried", "mirrored"]
    assert crm.words == ["bueno"]


def test_refused_credentials_bury_nothing_and_it_is_left_alone(office: Office, at: At, crm: FakeCrm) -> None:
    office.hears("hola")
    crm.script = [AccessDenied("crm", "post", status=401)]
    assert at.once() == "refused"
    office.skew.advance(REST_S + 1)
    assert at.once() == "rests"
    assert crm.told == []
    at.late_s = REST_S + 1
    office.skew.advance(REST_S + 1)
    assert at.once() == "mirrored"
    assert crm.words == ["hola"]


def test_a_conversation_that_was_deleted_there_is_found_anew(office: Office, at: At, crm: FakeCrm) -> None:
    office.hears("hola")
    at.once()
    crm.place_now = Place(person_id="7", conversation_id="43")
    crm.script = [Rejected("crm", "post", status=404)]
    office.hears("sigo")
    assert at.once() == "mirrored"
    assert crm.words == ["hola", "sigo"]
    assert office.ledger.claim("mirror", ANA) is None


def test_statuses_reach_their_message_and_only_the_newest_is_told(office: Office, at: At, crm: FakeCrm) -> None:
    office.hears("hola")
    office.turn()
    at.once()
    office.deliver()
    (outbox_id,) = [outbound.id for outbound in office.channel.sent]
    for status in ("delivered", "read"):
        office.receipt(status, outbox_id)
    at.once()
    assert crm.told[-1] == ("read", "m2")
    assert [what for what, _ in crm.told if what in ("sent", "delivered")] == []


def test_what_a_human_wrote_there_gets_only_its_status(office: Office, at: At, crm: FakeCrm) -> None:
    outbound_id = "cw.501.1"
    outbound = Outbound(id=outbound_id, contact=jobs.contact_of(ANA), content=Content(text="soy Ana"), speaker="human")
    message = (outbound_id, msgspec.json.encode(outbound), jobs.outbound_row(outbound))
    assert office.ledger.speak(ANA, [message], owner="human") == 1
    assert office.ledger.speak(ANA, [message], owner="human") == 0
    office.deliver()
    office.receipt("delivered", outbound_id)
    at.until_done()
    assert crm.told == [("delivered", "501")]
    assert office.ledger.claim("delivery", ANA) is None


def test_a_handover_opens_it_with_a_note(office: Office, at: At, crm: FakeCrm) -> None:
    class Notes:
        def about(self, conversation: Conversation, reason: str, *_: object, **__: object) -> str:
            return f"{conversation.owner}: {reason}"

    office.turns._notes = Notes()  # type: ignore[assignment]
    office.agent.decides(handoff=Handoff("asked"), changes={"owner": "human"}, replies=(Content(text="ya viene"),))
    office.hears("una persona")
    office.turn()
    at.until_done()
    assert crm.told[1:4] == [("system", "ya viene"), ("owner", "human"), ("note", "human: asked")]


def test_a_file_comes_along_and_one_that_cannot_be_had_is_said_to_be_missing(office: Office, at: At, crm: FakeCrm) -> None:
    office.hears("mi casa", kind="image", media=Media(id="M1", mime_type="image/jpeg"))
    at.once()
    assert [file.data for file in crm.files] == [b"M1"]
    office.channel.script = [Rejected("whatsapp", "download", status=404)]
    office.hears("otra", kind="image", media=Media(id="M2", mime_type="image/jpeg"))
    at.once()
    assert crm.words == ["mi casa", "otra\n(no se ha podido traer el archivo)"]


AWAY = TemporaryFailure("whatsapp", "download", status=500)


@pytest.mark.parametrize(
    "failure", [AWAY, TemporaryFailure("whatsapp", "download", status=429, retry_after_s=3600)], ids=["500", "429"]
)
def test_a_file_that_the_vendor_cannot_hand_out_is_tried_a_few_times_and_blocks_nobody(
    office: Office, at: At, crm: FakeCrm, failure: TemporaryFailure
) -> None:
    """The hand-over behind it waits a minute or two, not for ever."""
    office.hears("mi casa", kind="image", media=Media(id="M1", mime_type="image/jpeg"))
    office.agent.decides(handoff=Handoff("asked"), changes={"owner": "human"}, replies=(Content(text="ya viene"),))
    office.hears("una persona")
    office.turn()
    office.channel.script = [failure] * 100
    began = office.ledger.server_time()
    while not crm.told:
        wait_s = office.due_in_s("mirror")
        assert wait_s is not None
        office.skew.advance(max(0.0, wait_s) + 0.1)
        at.once()
        assert (office.ledger.server_time() - began).total_seconds() < LONGEST_FOR_A_FILE_S
    assert 100 - len(office.channel.script) == MOST_FILE_TRIES
    assert crm.words == ["mi casa\n(no se ha podido traer el archivo)", "una persona", "ya viene"]
    assert ("owner", "human") in crm.told
    assert office.records.dead_letters() == []


def test_a_file_that_can_be_had_later_comes_along(office: Office, at: At, crm: FakeCrm) -> None:
    office.hears("mi casa", kind="image", media=Media(id="M1", mime_type="image/jpeg"))
    office.channel.script = [AWAY] * (MOST_FILE_TRIES - 1)
    at.until_done()
    assert crm.words == ["mi casa"]
    assert [file.data for file in crm.files] == [b"M1"]
    office.channel.script = [AWAY] * (MOST_FILE_TRIES - 1)
    office.hears("otra", kind="image", media=Media(id="M2", mime_type="image/jpeg"))
    at.until_done()
    assert crm.words == ["mi casa", "otra"], "each file has its own tries"
    client: Any = office.ledger.client
    assert sorted(client.hkeys(office.ledger.keys.of_contact(ANA, "crm"))) == [b"conversation", b"person"]


def test_tries_for_a_file_are_not_used_up_while_the_crm_is_away(office: Office, at: At, crm: FakeCrm) -> None:
    office.hears("mi casa", kind="image", media=Media(id="M1", mime_type="image/jpeg"))
    crm.script = [DOWN] * 20
    at.until_done()
    assert crm.words == ["mi casa"]
    assert [file.data for file in crm.files] == [b"M1"]


# -- what the CRM itself cannot take -------------------------------------------------------------------------------------

CANNOT = TemporaryFailure("crm", "post", status=500, maybe_done=True)


def test_one_job_that_the_crm_always_fails_on_is_given_up_when_it_takes_others(office: Office, at: At, crm: FakeCrm) -> None:
    """It answers, and answers 500 to this one only: nobody behind it waits for ever."""
    office.hears("malo")
    for number in range(MOST_REFUSALS):
        office.hears(f"hola {number}", contact=BEA)
        crm.script = [CANNOT]
        assert at.once() == ("put_off" if number + 1 < MOST_REFUSALS else "buried")
        assert at.once(BEA) == "mirrored"
        office.skew.advance(400)
    office.hears("bueno")
    assert at.once() == "mirrored"
    assert crm.words[-1] == "bueno"
    (letter,) = office.records.dead_letters()
    assert (letter.lane, letter.contact) == ("mirror", ANA)
    assert "500" in letter.reason


@pytest.mark.parametrize("failure", [CANNOT, DOWN, LOST], ids=["500", "503", "lost"])
def test_while_it_takes_nothing_from_anybody_nothing_is_given_up(
    office: Office, at: At, crm: FakeCrm, failure: TemporaryFailure
) -> None:
    office.hears("hola")
    office.hears("buenas", contact=BEA)
    for _ in range(2 * MOST_REFUSALS):
        for contact in (ANA, BEA):
            crm.script = [failure]
            assert at.once(contact) == "put_off"
        office.skew.advance(400)
        at.late_s += 400
    assert at.until_done()[-1] == "mirrored"
    assert crm.words == ["hola"]


def test_what_is_away_is_waited_for_also_when_others_get_through(office: Office, at: At, crm: FakeCrm) -> None:
    """503 is said by whatever stands before the CRM: it is about nobody's message."""
    office.hears("hola")
    for number in range(2 * MOST_REFUSALS):
        office.hears(f"hola {number}", contact=BEA)
        crm.script = [DOWN]
        assert at.once() == "put_off"
        assert at.once(BEA) == "mirrored"
        office.skew.advance(400)
    at.until_done()
    assert crm.words[-1] == "hola"


def test_an_erasure_is_told_for_as_long_as_it_takes_and_leaves_nothing(office: Office, at: At, crm: FakeCrm) -> None:
    office.hears("hola")
    office.turn()
    at.once()
    office.ledger.forget(ANA, erase=True)
    crm.script = [DOWN, AccessDenied("crm", "erase", status=401), Rejected("crm", "erase"), *[DOWN] * 10]
    for _ in range(20):
        at.late_s += 1000
        office.skew.advance(1000)
        claim = office.ledger.claim("mirror", ANA)
        if claim:
            at.mirror.work(claim)
    assert crm.told[-1] == ("erased", (ANA, PLACE))
    assert [what for what, _ in crm.told].count("erased") == 1
    client: Any = office.ledger.client
    assert [key for key in client.scan_iter("*") if b"34600000001" in key] == []
    assert office.records.dead_letters() == []


def test_who_writes_again_after_an_erasure_is_placed_anew_behind_it(office: Office, at: At, crm: FakeCrm) -> None:
    office.hears("hola")
    office.turn()
    at.once()
    office.ledger.forget(ANA, erase=True)
    office.hears("hola de nuevo")
    crm.place_now = Place(person_id="8", conversation_id="50")
    at.until_done()
    assert [what for what, _ in crm.told][-2:] == ["erased", "prospect"]


def test_a_second_erasure_before_the_first_was_told_still_knows_the_place(office: Office, at: At, crm: FakeCrm) -> None:
    office.hears("hola")
    at.once()
    office.ledger.forget(ANA, erase=True)
    office.hears("otra vez")
    office.ledger.forget(ANA, erase=True)
    at.until_done()
    assert crm.told[-1] == ("erased", (ANA, PLACE))


def test_who_was_never_mirrored_leaves_nothing_to_be_erased(office: Office) -> None:
    office.ledger.speak(ANA, [("o1", b"{}", b"{}")])
    office.ledger.forget(ANA, erase=True)
    assert office.ledger.claim("mirror", ANA) is None


def test_nothing_is_written_there_once_somebody_else_has_the_lane(office: Office, at: At, crm: FakeCrm) -> None:
    office.hears("uno", "dos")
    claim = office.claim("mirror")
    crm.script = [lambda: (office.skew.advance(60), office.claim("mirror"))]
    with pytest.raises(StaleCommit):
        at.mirror.work(claim)
    assert crm.words == ["uno"]


def test_without_a_crm_nothing_piles_up(new_ledger: Callable[..., RedisLedger], skew: Skew) -> None:
    office = Office(new_ledger(debounce_s=0.0), skew)
    office.hears("hola")
    office.turn()
    office.deliver()
    office.receipt("read", office.channel.sent[0].id)
    office.ledger.forget(ANA, erase=True)
    assert office.ledger.claim("mirror", ANA) is None


def test_an_unreadable_job_stops_nobody(office: Office, at: At, crm: FakeCrm) -> None:
    office.hears("hola")
    client: Any = office.ledger.client
    jobs_key = office.ledger.keys.lane(ANA, "mirror")[1]
    (field,) = [field for field in client.hkeys(jobs_key) if field.startswith(b"b:")]
    client.hset(jobs_key, field, b"\xff{")
    office.hears("sigo")
    assert at.until_done() == ["buried", "mirrored"]
    assert crm.words == ["sigo"]
    (letter,) = office.records.dead_letters()
    assert (letter.lane, letter.reason) == ("mirror", "the job cannot be read")
    shown = dossier(office.ledger, ANA)
    assert shown is not None
    assert len(shown["dead_letters"]) == 1


def test_erased_is_read_as_the_script_writes_it(office: Office, at: At) -> None:
    office.hears("hola")
    at.once()
    office.ledger.forget(ANA, erase=True)
    office.skew.advance(60)
    (job,) = office.claim("mirror").jobs
    assert msgspec.json.decode(job.body, type=Erased) == Erased(
        id="erased", contact=Contact(key=ANA, channel="whatsapp"), place=PLACE
    )
