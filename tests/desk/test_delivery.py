"""What becomes of one message on its way to a person, for everything that a channel may say to it."""

from __future__ import annotations

import time
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.desk.delivery import DEADLINE, FILE_DEADLINE, GRACE_S, ORDER_WAIT_S, PAUSE_S, Deliveries, backoff_s
from src.desk.loading import REPLY_WINDOW
from src.errors import (
    AccessDenied,
    PermanentFailure,
    Rejected,
    StaleCommit,
    TemporaryFailure,
    Unreachable,
    WindowClosed,
)
from src.messages import Content, Outbound, Template
from tests.desk.fakes import ANA, LINE, Office


def temporary(**more: object) -> TemporaryFailure:
    return TemporaryFailure("whatsapp", "send", status=500, vendor_code="131000", detail="Something went wrong", **more)  # type: ignore[arg-type]


def permanent(kind: type[PermanentFailure]) -> PermanentFailure:
    return kind("whatsapp", "send", status=400, vendor_code="131026", detail="Message undeliverable")


def test_a_message_goes_out_with_its_id_along_and_waits_for_receipts(office: Office) -> None:
    [outbox_id] = office.queue("hola")
    assert office.deliver() == "sent"
    assert office.channel.texts == ["hola"]
    assert office.channel.opaque == [f"{ANA} {outbox_id}"]
    assert office.status(outbox_id) == "sent"
    assert office.waiting("delivery") == []
    assert office.receipt("read", outbox_id) == "applied"
    assert office.status(outbox_id) == "read"


def test_a_receipt_finds_its_message_by_the_vendors_id_too(office: Office) -> None:
    [outbox_id] = office.queue("hola")
    office.deliver()
    assert office.receipt("delivered", "", opaque=False) == "applied"
    assert office.status(outbox_id) == "delivered"


def test_a_send_must_end_well_before_its_lease(office: Office) -> None:
    office.queue("hola")
    office.deliver()
    [timeout_s] = office.channel.timeouts_s
    assert timeout_s is not None
    assert 0 < timeout_s < office.ledger.lease_s


# --- the decisions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "word", "codes"),
    [
        (Unreachable, "buried_unreachable", "131026"),
        (Rejected, "buried_rejected", "131026"),
        (WindowClosed, "buried_window_closed", "131026"),
        (PermanentFailure, "buried_permanentfailure", "131026"),
    ],
)
def test_what_cannot_be_delivered_is_buried_and_the_next_goes_on(
    office: Office, error: type[PermanentFailure], word: str, codes: str
) -> None:
    first, second = office.queue("uno", "dos")
    office.channel.script = [permanent(error)]
    assert office.deliver() == word
    assert office.status(first) == f"failed {codes}"
    [letter] = office.records.dead_letters()
    assert (letter.id, letter.lane, letter.contact) == (first, "delivery", ANA)
    assert "131026" in letter.reason
    assert "delivery.buried" in office.events()
    assert office.waiting("delivery") == [second]
    assert office.deliver() == "sent"
    assert office.channel.texts == ["dos"]


def test_what_may_work_later_waits_longer_each_time_and_goes_out_once(office: Office) -> None:
    [outbox_id] = office.queue("hola")
    waits = []
    for _ in range(4):
        office.channel.script = [temporary()]
        assert office.deliver() == "put_off"
        assert office.status(outbox_id) == "queued"
        wait_s = office.due_in_s("delivery")
        assert wait_s is not None
        waits.append(wait_s)
        assert office.ledger.claim("delivery", ANA) is None
        office.skew.advance(wait_s + 0.1)
    for attempt, wait_s in enumerate(waits):
        assert 0.5 * 2**attempt - 0.5 < wait_s <= 2**attempt
    assert office.deliver() == "sent"
    assert office.channel.texts == ["hola"]


def test_a_vendor_that_names_a_time_is_given_it(office: Office) -> None:
    office.queue("hola")
    office.channel.script = [temporary(retry_after_s=30.0)]
    office.deliver()
    wait_s = office.due_in_s("delivery")
    assert wait_s is not None
    assert 29 < wait_s <= 30


def test_somebody_written_to_too_fast_is_left_alone_four_times_longer_each_time(office: Office) -> None:
    office.queue("hola")
    for expected_s in (1, 4, 16, 64):
        office.channel.script = [temporary(pair_limited=True)]
        assert office.deliver() == "put_off"
        wait_s = office.due_in_s("delivery")
        assert wait_s is not None
        assert expected_s - 0.5 < wait_s <= expected_s
        office.skew.advance(wait_s + 0.1)
    assert office.deliver() == "sent"


def test_refused_credentials_pause_the_number_and_bury_nothing(office: Office) -> None:
    [outbox_id] = office.queue("hola")
    office.channel.script = [permanent(AccessDenied)]
    assert office.deliver() == "number_paused"
    assert office.status(outbox_id) == "queued"
    assert office.waiting("delivery") == [outbox_id]
    assert office.records.dead_letters() == []
    assert office.ledger.wait_for_number(LINE) > PAUSE_S - 2
    assert "delivery.number_paused" in office.events()
    office.skew.advance(PAUSE_S + 1)
    assert office.ledger.wait_for_number(LINE) == 0
    assert office.deliver() == "sent"


def test_while_the_number_rests_a_worker_sends_nothing_on_it(office: Office) -> None:
    office.queue("hola")
    office.ledger.pause_number(LINE, for_s=PAUSE_S, reason="code 190")
    office.attend("delivery")
    assert office.channel.sent == []
    office.skew.advance(PAUSE_S + 1)
    office.attend("delivery")
    assert office.channel.texts == ["hola"]


@pytest.mark.parametrize("kind", ["temporary", "denied", "pair"])
def test_after_a_day_it_is_buried_whatever_the_reason_and_so_is_what_follows(office: Office, kind: str) -> None:
    errors = {"temporary": temporary(), "denied": permanent(AccessDenied), "pair": temporary(pair_limited=True)}
    ids = office.queue("uno", "dos")
    office.channel.script = [errors[kind]]
    office.deliver()
    office.skew.advance(DEADLINE.total_seconds() + 1)
    for outbox_id in ids:
        assert office.deliver() == "buried_too_late"
        assert office.status(outbox_id) == "failed too_late"
    assert office.channel.sent == []
    assert office.waiting("delivery") == []


# --- the reply window ---------------------------------------------------------------------------------------------------


def later(office: Office, content: Content | str) -> str:
    """Something to be said long after the person last wrote."""
    office.queue("a reply")
    office.deliver()
    office.channel.sent.clear()
    office.skew.advance(REPLY_WINDOW.total_seconds() + 60)
    heard_at = office.ledger.server_time() - REPLY_WINDOW - timedelta(seconds=60)
    [outbox_id] = office.queue(content)
    # The turn that put it there was not the person's: what counts is when the person last wrote.
    office.ledger.client.hset(office.ledger.keys.of_contact(ANA, "record"), "heard", int(heard_at.timestamp() * 1000))
    return outbox_id


def test_outside_the_window_only_a_template_goes_and_the_vendor_is_not_even_asked(office: Office) -> None:
    outbox_id = later(office, "¿Sigue interesado?")
    assert office.deliver() == "buried_window_closed"
    assert office.status(outbox_id) == "failed window_closed"
    assert office.channel.sent == []
    [letter] = office.records.dead_letters()
    assert "template" in letter.reason


def test_a_template_goes_out_at_any_time(office: Office) -> None:
    later(office, Content(kind="template", template=Template(name="seguimiento", language="es")))
    assert office.deliver() == "sent"


def test_a_channel_without_a_window_has_none(office: Office) -> None:
    office.channel.confirms = False
    later(office, "¿Sigue interesado?")
    assert office.deliver() == "sent"


# --- order --------------------------------------------------------------------------------------------------------------


def test_the_next_message_waits_for_a_receipt_of_the_one_before(office: Office) -> None:
    first, _ = office.queue("uno", "dos")
    office.deliver()
    assert office.ledger.claim("delivery", ANA) is None
    office.receipt("sent", first)
    assert office.deliver() == "sent"
    assert office.channel.texts == ["uno", "dos"]


def test_it_does_not_wait_for_ever(office: Office) -> None:
    office.queue("uno", "dos")
    office.deliver()
    office.skew.advance(ORDER_WAIT_S + 0.1)
    assert office.deliver() == "sent"


def test_a_channel_without_receipts_is_not_waited_for(office: Office) -> None:
    office.channel.confirms = False
    first, second = office.queue("uno", "dos")
    assert [office.deliver(), office.deliver()] == ["sent", "sent"]
    assert [office.status(first), office.status(second)] == ["delivered", "delivered"]


def test_a_message_that_is_put_off_is_not_overtaken(office: Office) -> None:
    office.queue("uno", "dos")
    office.channel.script = [temporary()]
    office.deliver()
    office.skew.advance(2)
    office.deliver()
    office.skew.advance(ORDER_WAIT_S + 0.1)
    office.deliver()
    assert office.channel.texts == ["uno", "dos"]


# --- crashes ------------------------------------------------------------------------------------------------------------


def crash_while_sending(office: Office) -> str:
    [outbox_id] = office.queue("hola")
    claim = office.claim("delivery")
    office.ledger.renew(claim, sending=outbox_id)
    office.skew.advance(office.ledger.lease_s + 0.1)
    return outbox_id


def test_after_a_crash_a_receipt_is_given_time_to_come_before_it_is_sent_again(office: Office) -> None:
    outbox_id = crash_while_sending(office)
    assert office.deliver() == "waits_for_receipt"
    assert office.channel.sent == []
    assert office.status(outbox_id) == "sending"
    wait_s = office.due_in_s("delivery")
    assert wait_s is not None
    assert 0 < wait_s <= GRACE_S - office.ledger.lease_s
    office.skew.advance(wait_s + 0.1)
    assert office.deliver() == "sent"
    assert office.channel.texts == ["hola"]


def test_waiting_for_a_receipt_is_no_attempt(office: Office) -> None:
    crash_while_sending(office)
    office.deliver()
    office.skew.advance(GRACE_S)
    office.channel.script = [temporary(pair_limited=True)]
    assert office.deliver() == "put_off"
    wait_s = office.due_in_s("delivery")
    assert wait_s is not None
    assert 3 < wait_s <= 4, "the second attempt"


def test_a_receipt_in_that_time_proves_that_it_went_out(office: Office) -> None:
    outbox_id = crash_while_sending(office)
    assert office.deliver() == "waits_for_receipt"
    office.receipt("delivered", outbox_id)
    assert office.deliver() == "found_delivered"
    assert office.channel.sent == []
    assert office.status(outbox_id) == "delivered"
    assert office.waiting("delivery") == []


def test_a_receipt_of_failure_ends_it_too(office: Office) -> None:
    outbox_id = crash_while_sending(office)
    office.receipt("failed", outbox_id)
    assert office.deliver() == "found_failed"
    assert office.channel.sent == []


@pytest.mark.parametrize("receipt", [True, False])
def test_an_answer_that_was_lost_is_treated_like_a_crash(office: Office, receipt: bool) -> None:
    """The connection broke after the request: the vendor may have it."""
    [outbox_id] = office.queue("hola")
    office.channel.script = [temporary(maybe_done=True)]
    assert office.deliver() == "waits_for_receipt"
    assert office.status(outbox_id) == "sending"
    if receipt:
        office.receipt("sent", outbox_id)
    else:
        office.skew.advance(GRACE_S + 0.1)
    assert office.deliver() == ("found_sent" if receipt else "sent")
    assert len(office.channel.sent) == (0 if receipt else 1)


def test_a_receipt_that_is_faster_than_the_answer_is_not_lost(office: Office) -> None:
    [outbox_id] = office.queue("hola")
    office.channel.script = [lambda: office.receipt("delivered", outbox_id)]
    assert office.deliver() == "sent"
    assert office.status(outbox_id) == "delivered"


def test_who_lost_the_lease_sends_nothing(office: Office) -> None:
    office.queue("hola")
    slow = office.claim("delivery")
    office.skew.advance(office.ledger.lease_s + 0.1)
    assert office.deliver() == "sent"
    with pytest.raises(StaleCommit):
        office.deliveries.work(slow)
    assert office.channel.texts == ["hola"]


def test_who_was_stopped_between_the_lease_and_the_send_sends_nothing(office: Office) -> None:
    """A process that was frozen there wakes up when somebody else may already be sending."""
    [outbox_id] = office.queue("hola")
    office.frozen_s = office.ledger.lease_s
    with pytest.raises(StaleCommit):
        office.deliver()
    assert office.channel.sent == []
    assert office.waiting("delivery") == [outbox_id]
    office.frozen_s = 0.0
    office.skew.advance(GRACE_S + 0.1)
    assert office.deliver() == "sent"


def test_a_send_that_outlived_its_lease_is_found_by_its_receipt(office: Office) -> None:
    [outbox_id] = office.queue("hola")

    def outlive() -> None:
        office.skew.advance(office.ledger.lease_s + 0.1)
        office.claim("delivery")

    office.channel.script = [outlive]
    with pytest.raises(StaleCommit):
        office.deliver()
    office.receipt("sent", outbox_id)
    office.skew.advance(office.ledger.lease_s + 0.1)
    assert office.deliver() == "found_sent"
    assert office.channel.texts == ["hola"]


# --- people -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("speaker", "expected"), [("bot", "withheld"), ("human", "sent"), ("system", "sent")])
def test_when_a_human_took_over_the_bots_words_are_withheld_and_no_others(office: Office, speaker: str, expected: str) -> None:
    [outbox_id] = office.queue("hola", speaker=speaker)  # type: ignore[arg-type]
    office.set_owner("human")
    assert office.deliver() == expected
    assert office.status(outbox_id) == ("failed withheld" if expected == "withheld" else "sent")
    assert len(office.channel.sent) == (expected == "sent")
    assert office.waiting("delivery") == []


def test_a_human_who_takes_over_after_the_claim_is_noticed_at_the_moment_of_sending(office: Office) -> None:
    office.queue("hola")
    claim = office.claim("delivery")
    office.set_owner("human")
    assert office.deliveries.work(claim) == "withheld"
    assert office.channel.sent == []


# --- what cannot be sent ------------------------------------------------------------------------------------------------


def test_a_job_that_cannot_be_read_is_buried_and_its_follower_goes_out(office: Office) -> None:
    office.queue(bodies=[b"{broken", b'{"id":1}'])
    office.queue("hola")
    assert [office.deliver(), office.deliver(), office.deliver()] == ["buried_unreadable", "buried_unreadable", "sent"]
    assert len(office.records.dead_letters()) == 2


def test_a_channel_that_is_not_configured_is_a_reason_to_bury(office: Office) -> None:
    office.queue("hola")
    claim = office.claim("delivery")
    body = msgspec.json.decode(claim.jobs[0].body)
    body["contact"]["channel"] = "pigeon"
    strange = msgspec.structs.replace(claim, jobs=(msgspec.structs.replace(claim.jobs[0], body=msgspec.json.encode(body)),))
    assert office.deliveries.work(strange) == "buried_no_channel"
    [letter] = office.records.dead_letters()
    assert "pigeon" in letter.reason


def test_what_was_buried_can_be_sent_again(office: Office) -> None:
    [outbox_id] = office.queue("hola")
    office.channel.script = [permanent(Rejected)]
    office.deliver()
    assert office.ledger.replay(ANA, "delivery", outbox_id)
    assert office.deliver() == "sent"
    assert office.channel.texts == ["hola"]


@settings(deadline=None)
@given(attempts=st.integers(-5, 10**6), seed=st.text())
def test_a_back_off_grows_and_has_an_end_and_no_moods(attempts: int, seed: str) -> None:
    wait_s = backoff_s(attempts, seed)
    assert 0.5 <= wait_s <= 300
    assert wait_s <= 2 ** max(0, min(attempts - 1, 9))
    assert wait_s == backoff_s(attempts, seed)


@pytest.mark.parametrize(
    ("failure", "outcome", "status"),
    [
        (Rejected("chatwoot", "file", vendor_code="file"), "buried_file", "failed file"),
        (TemporaryFailure("chatwoot", "file", status=503), "put_off", "queued"),
        (AccessDenied("whatsapp", "upload", status=401), "put_off", "queued"),
    ],
)
def test_a_file_that_is_not_ready_leaves_nothing_sent(office: Office, failure: Exception, outcome: str, status: str) -> None:
    ready = [failure]

    def prepare(outbound: Outbound) -> Content:
        if ready:
            raise ready.pop()
        return msgspec.structs.replace(outbound.content, link="", media_id="m1")

    office.deliveries = Deliveries(office.ledger, {"whatsapp": office.channel}, monotonic=time.monotonic, ready=prepare)
    [outbox_id] = office.queue(Content(kind="image", link="https://chat.test/a.png", text="Mire"))
    assert office.deliver() == outcome
    assert (office.status(outbox_id), office.channel.sent) == (status, [])
    if status == "queued":
        office.skew.advance(PAUSE_S + 1)
        assert office.deliver() == "sent"
        assert office.channel.sent[0].content.media_id == "m1"


def test_a_file_that_never_gets_ready_is_given_up_in_time_for_what_waits_behind_it(office: Office) -> None:
    """A day of it and what waits would be too late, too."""

    def prepare(outbound: Outbound) -> Content:
        if outbound.content.kind == "image":
            raise TemporaryFailure("chatwoot", "file", status=500)
        return outbound.content

    office.deliveries = Deliveries(office.ledger, {"whatsapp": office.channel}, monotonic=time.monotonic, ready=prepare)
    office.channel.confirms = False
    file_id, _ = office.queue(Content(kind="image", link="https://chat.test/a.png"), "¿la ha visto?")
    began = office.ledger.server_time()
    while not office.channel.sent:
        wait_s = office.due_in_s("delivery")
        assert wait_s is not None
        office.skew.advance(max(0.0, wait_s) + 0.1)
        office.deliver()
        assert office.ledger.server_time() - began < FILE_DEADLINE + timedelta(minutes=6)
    assert office.status(file_id) == "failed file"
    assert office.channel.texts == ["¿la ha visto?"]


def test_what_another_process_can_send_waits_for_it_and_is_not_buried(office: Office) -> None:
    """Here the channel's credentials cannot be opened; on another machine they can."""
    [outbox_id] = office.queue("hola")
    able, office.deliveries = office.deliveries, Deliveries(office.ledger, {}, monotonic=time.monotonic, elsewhere=["whatsapp"])
    for _ in range(12):
        assert office.deliver() == "elsewhere"
        office.skew.advance(6)
    assert office.status(outbox_id) == "queued"
    office.deliveries = able
    assert office.deliver() == "sent"
