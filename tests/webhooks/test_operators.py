"""The doors through which people act: what they may ask, what they are told, and that nothing they say breaks anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from werkzeug.test import TestResponse

from src.agent.profile import FIELDS
from src.integrations.ledger.redis_ledger import RedisLedger
from tests.integrations.ledger_kit import take
from tests.kit.builders import text
from tests.kit.contracts import assert_conversation, assert_error
from tests.kit.rig import Rig
from tests.webhooks.door_kit import ADMIN, KEY, OLD_SECRET, SECRET, VERIFY, WHATSAPP, Doors
from tests.webhooks.log_kit import written_to

PATH = f"/webhook/conversation/{KEY}"
DAY_S = 86_400
ALARM = {
    "SMTP_URL": "smtp://user:geheim-mail@127.0.0.1:1",
    "ALERT_EMAIL": "guardia@example.com",
    "ALERT_WHATSAPP": "34699999999",
}
SECRETS = [WHATSAPP["WHATSAPP_TOKEN"], VERIFY, SECRET, OLD_SECRET, ADMIN, "geheim-mail", "guardia@example.com", "34699999999"]


@pytest.fixture
def doors(new_doors: Callable[..., Doors], new_ledger: Callable[..., RedisLedger]) -> Doors:
    return new_doors(ledger=new_ledger(debounce_s=0))


@pytest.fixture
def ana(doors: Doors) -> Doors:
    """Somebody wrote just now."""
    doors.receive(text("hola", timestamp=int(doors.ledger.server_time().timestamp())))
    return doors


def send(doors: Doors, path: str, body: Any = None, *, method: str = "POST", **headers: str) -> TestResponse:
    """An operator's request with a JSON body, or with these very bytes."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"Authorization": f"Bearer {ADMIN}", "Content-Type": "application/json", **headers}
    return doors.client.open(path, method=method, data=raw, headers=given)


# --- owner --------------------------------------------------------------------------------------------------------------


def test_take_over_and_hand_back_answer_with_the_conversation(ana: Doors) -> None:
    for door, owner in (("takeover", "human"), ("takeover", "human"), ("handback", "bot"), ("handback", "bot")):
        answer = send(ana, f"{PATH}/{door}")
        assert answer.status_code == 200
        assert_conversation(answer.json)
        assert answer.json["owner"] == owner
        assert ana.ask(PATH).json["owner"] == owner


@pytest.mark.parametrize("door", ["takeover", "handback", "messages", "profile"])
def test_who_is_unknown_is_a_404(doors: Doors, door: str) -> None:
    method = "PATCH" if door == "profile" else "POST"
    answer = send(doors, f"/webhook/conversation/34699999999/{door}", {"text": "hola"}, method=method)
    assert answer.status_code == 404
    assert_error(answer.json, "unknown_contact", private=["34699999999"])


def test_what_was_done_is_logged_without_saying_to_whom(ana: Doors, log_file: Any) -> None:
    send(ana, f"{PATH}/takeover")
    send(ana, f"{PATH}/messages", {"text": "Buenos días, Ana"})
    logged = written_to(log_file)
    assert "conversation.taken_over" in logged
    assert "conversation.said" in logged
    assert KEY.partition(":")[2] not in logged
    assert "Buenos" not in logged


# --- profile ------------------------------------------------------------------------------------------------------------


def test_a_correction_is_shown_with_its_source(ana: Doors) -> None:
    send(ana, f"{PATH}/profile", {"age": 54}, method="PATCH")
    answer = send(ana, f"{PATH}/profile", {"age": 45, "smoker": False}, method="PATCH")
    assert answer.status_code == 200
    assert_conversation(answer.json)
    assert answer.json["profile"] == {"age": 45, "smoker": False}
    source = answer.json["profile_sources"]["age"]
    assert (source["by"], source["replaced"]) == ("human", [54])


def test_null_takes_a_value_out(ana: Doors) -> None:
    send(ana, f"{PATH}/profile", {"age": 54, "smoker": True}, method="PATCH")
    answer = send(ana, f"{PATH}/profile", {"age": None}, method="PATCH")
    assert answer.json["profile"] == {"smoker": True}
    assert "age" not in answer.json["profile_sources"]


def test_all_faults_are_told_in_one_answer_and_nothing_is_changed(ana: Doors) -> None:
    answer = send(ana, f"{PATH}/profile", {"age": "old", "smoker": 1, "shoe_size": 44, "name": "Ana"}, method="PATCH")
    assert answer.status_code == 400
    assert_error(answer.json, "invalid_request")
    for key in ("age", "smoker", "shoe_size"):
        assert f"{key}: " in answer.json["error"]["message"]
    assert ana.ask(PATH).json["profile"] == {}


def test_an_empty_correction_names_every_key(ana: Doors) -> None:
    message = send(ana, f"{PATH}/profile", {}, method="PATCH").json["error"]["message"]
    assert all(key in message for key in FIELDS)


def test_what_was_typed_is_not_said_back_or_logged(ana: Doors, log_file: Any) -> None:
    answer = send(ana, f"{PATH}/profile", {"34600111222": 1, "name": "12345678Z", "email": "ana.ruiz"}, method="PATCH")
    assert answer.status_code == 400
    assert_error(answer.json, private=["34600111222", "12345678Z", "ana.ruiz"])
    assert "12345678Z" not in written_to(log_file)


# --- bodies -------------------------------------------------------------------------------------------------------------

NO_OBJECT: list[Any] = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"5",
    b"\xff\xfe",
    b'{"text": "\\ud800"}',
    b'{"text": NaN}',
    b"[" * 100_000,
    b'{"a":' * 100_000,
]


@pytest.mark.parametrize("body", NO_OBJECT, ids=lambda body: repr(body[:20]))
@pytest.mark.parametrize(
    ("method", "door"), [("PATCH", f"{PATH}/profile"), ("POST", f"{PATH}/messages"), ("POST", "/webhook/diag/send")]
)
def test_a_body_that_is_no_json_object_is_a_400(ana: Doors, method: str, door: str, body: bytes) -> None:
    answer = send(ana, door, body, method=method)
    assert answer.status_code == 400
    assert_error(answer.json, "invalid_request")


def test_a_body_of_another_type_is_a_400(ana: Doors) -> None:
    answer = send(ana, f"{PATH}/messages", b"text=hola", **{"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status_code == 400


def test_a_body_larger_than_any_is_a_413(ana: Doors) -> None:
    answer = send(ana, f"{PATH}/messages", b'{"text": "' + b"x" * 4_000_000 + b'"}')
    assert answer.status_code == 413
    assert_error(answer.json)


# --- messages -----------------------------------------------------------------------------------------------------------


def test_a_text_goes_on_its_way_and_into_the_transcript(ana: Doors) -> None:
    answer = send(ana, f"{PATH}/messages", {"text": "  Buenos días \n"})
    assert answer.status_code == 202
    assert answer.json["status"] == "queued"
    row = ana.transcript()[-1]
    assert (row["id"], row["role"], row["text"], row["status"]) == (answer.json["id"], "human", "Buenos días", "queued")
    assert b"Buenos d" in take(ana.ledger, "delivery", KEY).jobs[0].body


def test_outside_the_window_only_a_template_goes(ana: Doors, skew: Any) -> None:
    skew.advance(DAY_S + 1)
    answer = send(ana, f"{PATH}/messages", {"text": "¿Sigue interesada?"})
    assert answer.status_code == 409
    assert_error(answer.json, "window_closed")
    assert "template" in answer.json["error"]["message"]
    components = [{"type": "body", "parameters": [{"type": "text", "text": "Ana"}]}]
    template = {"name": "rig_seguimiento", "language": "es", "components": components}
    answer = send(ana, f"{PATH}/messages", {"template": template})
    assert answer.status_code == 202
    assert (ana.transcript()[-1]["kind"], ana.transcript()[-1]["role"]) == ("template", "human")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": None},
        {"text": "a", "template": {"name": "a", "language": "es"}},
        {"text": ""},
        {"text": " "},
        {"text": 7},
        {"text": "x" * 4097},
        {"template": 7},
        {"template": {"name": "a"}},
        {"template": {"name": "A B", "language": "es"}},
    ],
    ids=lambda body: str(body)[:50],
)
def test_what_cannot_be_sent_is_a_400(ana: Doors, body: Any) -> None:
    answer = send(ana, f"{PATH}/messages", body)
    assert answer.status_code == 400
    assert_error(answer.json, "invalid_request")
    assert [row["role"] for row in ana.transcript()] == ["prospect"]


# --- pause --------------------------------------------------------------------------------------------------------------


def test_pause_and_resume_are_seen_in_the_status(doors: Doors) -> None:
    for door, paused in (("pause", True), ("pause", True), ("resume", False), ("resume", False)):
        assert send(doors, f"/webhook/{door}").status_code == 200
        doors.ledger._paused = (0.0, False)  # what was looked up holds for a second
        assert doors.ask("/webhook/status").json["paused"] is paused


def test_messages_are_kept_while_the_bot_is_paused(doors: Doors) -> None:
    send(doors, "/webhook/pause")
    assert doors.receive(text("hola")).status_code == 200
    assert doors.texts() == ["hola"]


# --- dead letters -------------------------------------------------------------------------------------------------------


def bury(doors: Doors, reason: str) -> None:
    doors.receive(text("algo raro"))
    claim = take(doors.ledger, "turns", KEY)
    from src.desk.ports import Settlement  # noqa: PLC0415

    doors.ledger.commit(claim, Settlement(buried=[job.id for job in claim.jobs], reason=reason))


def test_dead_letters_are_listed_and_tried_again(doors: Doors) -> None:
    bury(doors, "its turn failed three times")
    [letter] = doors.ask("/webhook/dead-letters").json["dead_letters"]
    assert (letter["lane"], letter["contact"], letter["reason"]) == ("turns", KEY, "its turn failed three times")
    assert "algo raro" not in str(letter)
    answer = send(doors, f"/webhook/dead-letters/{letter['id']}/replay")
    assert (answer.status_code, answer.json) == (202, {"status": "queued"})
    assert doors.ask("/webhook/dead-letters").json == {"dead_letters": []}
    assert take(doors.ledger, "turns", KEY).jobs
    assert send(doors, f"/webhook/dead-letters/{letter['id']}/replay").status_code == 404


@pytest.mark.parametrize("name", ["nothing", "turns-", "%00", "x" * 5000, "ñ"])
def test_an_unknown_dead_letter_is_a_404(doors: Doors, name: str) -> None:
    bury(doors, "why")
    answer = send(doors, f"/webhook/dead-letters/{name}/replay")
    assert answer.status_code == 404
    assert_error(answer.json)


# --- diag ---------------------------------------------------------------------------------------------------------------


def test_diag_shows_how_it_is_configured_and_no_secret(new_doors: Callable[..., Doors]) -> None:
    store = "redis://default:geheim-store@127.0.0.1:1/0"
    doors = new_doors({**WHATSAPP, **ALARM, "REDIS_URL": store, "ADMIN_TOKEN": ADMIN})
    for path in ("/webhook/diag", "/webhook/status"):
        answer = doors.ask(path)
        assert answer.status_code == 200
        for secret in (*SECRETS, "geheim-store"):
            assert secret not in answer.text
    settings = doors.ask("/webhook/diag").json["settings"]
    assert [settings[name] for name in ("whatsapp", "redis_url", "admin_token", "smtp_url")] == ["set"] * 4
    assert settings["lease_s"] == 8.0


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with Rig() as started:
        yield started


def checks_of(doors: Doors) -> dict[str, Any]:
    answer = send(doors, "/webhook/diag/test")
    assert answer.status_code == 200
    for secret in SECRETS:
        assert secret not in answer.text
    return {check["name"]: check for check in answer.json["checks"]}


def test_a_vendor_that_is_well_is_asked_live(new_doors: Callable[..., Doors], rig: Rig) -> None:
    rig.reset()
    checks = checks_of(new_doors(rig.env("meta")))
    assert checks["channel whatsapp"]["ok"] is True
    assert "verified_name" in checks["channel whatsapp"]["found"]
    assert checks["channel whatsapp"]["remedy"] == ""
    assert checks["store"]["ok"] is True
    assert checks["clock"]["ok"] is True


def test_a_wrong_token_is_found_out(new_doors: Callable[..., Doors], rig: Rig) -> None:
    rig.reset()
    check = checks_of(new_doors({**rig.env("meta"), "WHATSAPP_TOKEN": "EAAwrong-token-of-the-tests"}))["channel whatsapp"]
    assert check["ok"] is False
    assert "190" in check["found"]
    assert check["remedy"]
    assert "EAAwrong" not in json.dumps(check)


def test_a_vendor_that_is_down_is_found_out(new_doors: Callable[..., Doors], rig: Rig) -> None:
    rig.reset()
    rig.meta.faults({"kind": "error", "status": 503, "times": -1})
    try:
        check = checks_of(new_doors(rig.env("meta")))["channel whatsapp"]
    finally:
        rig.meta.clear_faults()
    assert (check["ok"], "503" in check["found"]) == (False, True)


def test_a_vendor_that_cannot_be_reached_is_found_out(new_doors: Callable[..., Doors]) -> None:
    checks = checks_of(new_doors({**WHATSAPP, "WHATSAPP_API_BASE_URL": "http://127.0.0.1:1"}))
    assert checks["channel whatsapp"]["ok"] is False


def test_no_worker_is_found_out_and_a_worker_too(doors: Doors) -> None:
    assert checks_of(doors)["workers"]["ok"] is False
    doors.ledger.beat("w1")
    assert checks_of(doors)["workers"] == {"name": "workers", "ok": True, "found": "1 alive of 1 seen", "remedy": ""}


def test_clocks_that_differ_are_found_out(doors: Doors, skew: Any) -> None:
    skew.advance(60)
    check = checks_of(doors)["clock"]
    assert check["ok"] is False
    assert check["found"].startswith(("60", "59"))


def test_a_test_message_to_somebody_new_is_a_template(doors: Doors) -> None:
    assert send(doors, "/webhook/diag/send", {"to": "+34 600 111 222", "text": "hola"}).status_code == 409
    template = {"name": "hello_world", "language": "en_US"}
    answer = send(doors, "/webhook/diag/send", {"to": "+34 600 111 222", "template": template})
    assert answer.status_code == 202
    assert doors.transcript("whatsapp:34600111222")[0]["text"] == "[hello_world]"


@pytest.mark.parametrize("to", [None, "", "me", [], {"a": 1}, "+", "1" * 400, 34600111222.5])
def test_a_test_message_needs_a_phone(doors: Doors, to: Any) -> None:
    answer = send(doors, "/webhook/diag/send", {"to": to, "text": "hola"})
    assert answer.status_code == 400
    assert_error(answer.json, "invalid_request")


# --- the store is away --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", f"{PATH}/takeover", {}),
        ("POST", f"{PATH}/messages", {"text": "hola"}),
        ("PATCH", f"{PATH}/profile", {"age": 45}),
        ("POST", "/webhook/pause", {}),
        ("GET", "/webhook/dead-letters", {}),
        ("POST", "/webhook/diag/send", {"to": "+34600111222", "text": "hola"}),
    ],
    ids=str,
)
def test_without_the_store_every_door_is_a_503(new_doors: Callable[..., Doors], method: str, path: str, body: Any) -> None:
    from src.integrations.ledger.store import connect  # noqa: PLC0415

    doors = new_doors(ledger=RedisLedger(lambda: connect("redis://127.0.0.1:1")))
    answer = send(doors, path, body, method=method)
    assert answer.status_code == 503
    assert_error(answer.json, "ledger_unavailable")


def test_without_the_store_the_checks_still_answer(new_doors: Callable[..., Doors]) -> None:
    from src.integrations.ledger.store import connect  # noqa: PLC0415

    doors = new_doors({}, ledger=RedisLedger(lambda: connect("redis://127.0.0.1:1")))
    checks = checks_of(doors)
    assert checks["store"]["ok"] is False
    assert checks["channel whatsapp"]["ok"] is True
    assert msgspec.json.decode(doors.ask("/webhook/diag").data)["settings"]["redis_url"] == ""
