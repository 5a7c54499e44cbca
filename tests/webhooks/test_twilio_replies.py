"""Answered in Twilio's own request: in time, once, and never instead of what goes its usual way."""

from __future__ import annotations

import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from src.desk import answering, jobs
from src.desk.ports import Settlement
from src.errors import StaleCommit
from src.messages import Contact, Content, Option, Outbound, Template
from src.webhooks import twilio_webhook
from tests.kit.product import eventually
from tests.kit.simulators.twilio.rules import signature
from tests.webhooks.door_kit import KEY, Doors
from tests.webhooks.hostile_kit import ENVIRONMENT, PUBLIC, TWILIO_TOKEN
from tests.webhooks.test_twilio_door import MESSAGE, MESSAGES, PERSON, STATUS

TWIML = {**ENVIRONMENT, "TWILIO_REPLY": "twiml"}
MARTA = Contact(key=KEY, channel="twilio", phone=PERSON.removeprefix("whatsapp:"))
HELLO = Content(text="¡Hola, Marta! ¿Qué tal <tú> & los tuyos?")


@pytest.fixture
def doors(new_doors: Callable[..., Doors]) -> Doors:
    return new_doors(TWIML)


def post(doors: Doors, fields: dict[str, str], path: str = MESSAGES) -> Any:
    """From a client of its own: requests of several threads do not share one."""
    signed = signature(TWILIO_TOKEN, f"{PUBLIC}{path}", list(fields.items()))
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signed}
    return doors.app.test_client().post(path, data=urlencode(fields), headers=headers)


def said(answer: Any) -> list[tuple[str, str]]:
    """Text and status address of each message in a response."""
    assert answer.status_code == 200
    assert answer.mimetype == "text/xml"
    messages = ET.fromstring(answer.data).iter("Message")
    return [(message.findtext("Body") or "", message.get("statusCallback", "")) for message in messages]


@contextmanager
def worker(doors: Doors, *replies: Content, owner: str = "", after_s: float = 0.0) -> Iterator[None]:
    """Somebody who takes the turns of that person, as workers do."""
    stopping = threading.Event()

    def work() -> None:
        while not stopping.wait(0.01):
            claim = doors.ledger.claim("turns", KEY)
            if claim is None or not claim.jobs:
                continue
            time.sleep(after_s)
            outbounds = [
                Outbound(id=f"{claim.turn_id}.{n}", contact=MARTA, content=content, at=claim.now)
                for n, content in enumerate(replies)
            ]
            settlement = Settlement(
                done=[job.id for job in claim.jobs],
                owner=owner,
                deliveries=[(outbound.id, msgspec.json.encode(outbound)) for outbound in outbounds],
                rows=[jobs.outbound_row(outbound) for outbound in outbounds],
            )
            doors.ledger.commit(claim, settlement)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def statuses(doors: Doors) -> list[str]:
    conversation = doors.desk.conversation(KEY)
    assert conversation is not None
    return [row["status"] for row in conversation["messages"] if row["role"] == "bot"]


def heard(doors: Doors) -> list[str]:
    return [row["text"] for row in doors.transcript() if row["role"] == "prospect"]


def left_to_send(doors: Doors) -> bool:
    return doors.ledger.claim("delivery", KEY, despite_hold=True) is not None


def test_the_reply_is_in_the_response_and_recorded_before_it(doors: Doors) -> None:
    with worker(doors, HELLO, Content(text="Y otra cosa.")):
        answer = post(doors, MESSAGE)
    [(first, callback), (second, _)] = said(answer)
    assert (first, second) == (HELLO.text, "Y otra cosa.")
    assert callback.startswith(f"{PUBLIC}/webhook/twilio/status?outbox=")
    assert statuses(doors) == ["sent", "sent"]
    assert not left_to_send(doors)


def test_its_status_settles_it(doors: Doors) -> None:
    with worker(doors, HELLO):
        [(_, callback)] = said(post(doors, MESSAGE))
    assert post(doors, {**STATUS, "MessageSid": "SM77"}, callback.removeprefix(PUBLIC)).status_code == 200
    assert statuses(doors) == ["delivered"]


def test_choices_are_written_and_counted(doors: Doors) -> None:
    options = (Option("consent:yes", "Sí, de acuerdo"), Option("consent:no", "No"))
    with worker(doors, Content(kind="buttons", text="¿Seguimos?", options=options, numbered=True)):
        [(text, _)] = said(post(doors, MESSAGE))
    assert text == "¿Seguimos?\n\n1. Sí, de acuerdo\n2. No"


def test_a_file_goes_by_its_address(doors: Doors) -> None:
    with worker(doors, Content(kind="document", link="https://files.example.com/a?b=1&c=2", text="La propuesta")):
        answer = post(doors, MESSAGE)
    root = ET.fromstring(answer.data)
    assert (root.findtext("Message/Media"), root.findtext("Message/Body")) == (
        "https://files.example.com/a?b=1&c=2", "La propuesta",
    )  # fmt: skip


def test_what_xml_cannot_hold_is_left_out(doors: Doors) -> None:
    with worker(doors, Content(text="uno\x00dos\ufffe \U0001f600 ]]> \x1b")):
        [(text, _)] = said(post(doors, MESSAGE))
    assert text == "unodos \U0001f600 ]]> "


@pytest.mark.parametrize(
    "content", [Content(kind="template", template=Template("hola", "es")), Content(kind="image", media_id="1")]
)
def test_what_a_response_cannot_hold_goes_its_usual_way(doors: Doors, content: Content, monkeypatch: Any) -> None:
    monkeypatch.setattr(twilio_webhook, "REPLY_WITHIN_S", 1.0)
    with worker(doors, content):
        assert said(post(doors, MESSAGE)) == []
    assert statuses(doors) == ["queued"]
    assert left_to_send(doors)


def test_a_reply_that_comes_too_late_goes_its_usual_way(doors: Doors, monkeypatch: Any) -> None:
    monkeypatch.setattr(twilio_webhook, "REPLY_WITHIN_S", 0.3)
    with worker(doors, HELLO, after_s=0.6):
        assert said(post(doors, MESSAGE)) == []
        eventually(lambda: doors.ledger.claim("delivery", KEY))
    assert statuses(doors) == ["queued"]


def test_until_nobody_can_be_handing_it_over_nobody_else_sends_it(doors: Doors, monkeypatch: Any) -> None:
    monkeypatch.setattr(twilio_webhook, "REPLY_WITHIN_S", 0.1)
    monkeypatch.setattr(answering, "_AFTERWARDS_S", 300.0)
    with worker(doors, HELLO, after_s=0.3):
        assert said(post(doors, MESSAGE)) == []
        eventually(lambda: statuses(doors))
    assert doors.ledger.claim("delivery", KEY) is None
    assert left_to_send(doors)


def test_where_a_human_answers_nobody_waits(doors: Doors) -> None:
    started_s = time.monotonic()
    with worker(doors, owner="human"):
        assert said(post(doors, MESSAGE)) == []
    assert time.monotonic() - started_s < twilio_webhook.REPLY_WITHIN_S


def test_what_the_bot_would_say_to_somebody_a_human_took_over_is_withheld(doors: Doors) -> None:
    with worker(doors, HELLO, owner="human"):
        assert said(post(doors, MESSAGE)) == []
    assert statuses(doors) == ["failed"]


def test_of_two_requests_that_wait_for_one_turn_one_has_the_reply(doors: Doors) -> None:
    forms = [{**MESSAGE, "MessageSid": f"SM{number}", "Body": f"parte {number}"} for number in range(2)]
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(post, doors, form) for form in forms]
        eventually(lambda: len(doors.texts()) == 2)
        with worker(doors, HELLO):
            answers = [said(one.result()) for one in waiting]
    assert sorted(len(answer) for answer in answers) == [0, 1]
    assert statuses(doors) == ["sent"]


def test_at_most_a_quarter_of_the_threads_wait_and_the_others_answer_at_once(
    new_doors: Callable[..., Doors], monkeypatch: Any
) -> None:
    monkeypatch.setattr(twilio_webhook, "REPLY_WITHIN_S", 30.0)
    doors = new_doors({**TWIML, "WEB_THREADS": "4"})
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(post, doors, MESSAGE)
        eventually(doors.texts)
        time.sleep(0.2)
        assert said(post(doors, {**MESSAGE, "MessageSid": "SM2"})) == []
        assert not first.done()
        with worker(doors, HELLO):
            assert [text for text, _ in said(first.result())] == [HELLO.text]


@pytest.mark.parametrize("environment", [ENVIRONMENT, {**TWIML, "WEB_THREADS": "3"}], ids=["rest", "few threads"])
def test_otherwise_nobody_waits(new_doors: Callable[..., Doors], environment: dict[str, str]) -> None:
    doors = new_doors(environment)
    started_s = time.monotonic()
    assert said(post(doors, MESSAGE)) == []
    assert time.monotonic() - started_s < twilio_webhook.REPLY_WITHIN_S
    with worker(doors, HELLO):
        eventually(lambda: doors.ledger.claim("delivery", KEY))


def test_what_comes_again_is_neither_heard_nor_answered_again(doors: Doors) -> None:
    """Twilio asks the fallback address, or the same once more, when a response was lost."""
    with worker(doors, HELLO):
        assert len(said(post(doors, MESSAGE))) == 1
    again = {**MESSAGE, "ErrorCode": "11200", "ErrorUrl": f"{PUBLIC}{MESSAGES}"}
    for path in (MESSAGES, "/api/v1/bot/whatsapp/"):
        assert said(post(doors, again, path)) == []
    assert heard(doors) == ["hola"]
    assert statuses(doors) == ["sent"]


def test_what_is_not_written_down_is_not_handed_over(doors: Doors, monkeypatch: Any) -> None:
    """Somebody else has it by then, or the store is away: it goes its usual way."""
    commit = doors.ledger.commit

    def stale(claim: Any, settlement: Any) -> None:
        if claim.lane == "delivery":
            raise StaleCommit("taken over")
        commit(claim, settlement)

    monkeypatch.setattr(doors.ledger, "commit", stale)
    monkeypatch.setattr(twilio_webhook, "REPLY_WITHIN_S", 0.5)
    with worker(doors, HELLO):
        assert said(post(doors, MESSAGE)) == []
        eventually(lambda: statuses(doors))
    assert left_to_send(doors) or statuses(doors) == ["sending"]


def test_what_somebody_has_begun_to_send_is_left_to_them(doors: Doors, monkeypatch: Any) -> None:
    monkeypatch.setattr(twilio_webhook, "REPLY_WITHIN_S", 0.5)
    with worker(doors, HELLO):
        outbound = Outbound(id="cw.1.0", contact=MARTA, content=Content(text="De una persona"), speaker="human")
        post(doors, {**MESSAGE, "SmsStatus": "sent", "MessageStatus": "queued"})
        doors.ledger.speak(KEY, [(outbound.id, msgspec.json.encode(outbound), jobs.outbound_row(outbound))])
        claim = doors.ledger.claim("delivery", KEY)
        assert claim is not None
        doors.ledger.renew(claim, sending=outbound.id)
        assert said(post(doors, MESSAGE)) == []
