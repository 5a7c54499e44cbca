"""Limits by address: they stop who fails, never what a vendor signed, and believe only trusted proxies about addresses."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.store import connect
from src.webhooks import limits
from src.webhooks.limits import Counts
from tests.kit.builders import text
from tests.kit.contracts import assert_error
from tests.webhooks.door_kit import DOOR, VERIFY, WHATSAPP, Doors
from tests.webhooks.log_kit import written_to

NewDoors = Callable[..., Doors]
TIGHT = {"LIMIT_IP_PER_MINUTE": "3"}
ELSEWHERE = "203.0.113.9"
PROXY = "172.30.57.2"


def comes_from(address: str, through: str = "") -> dict[str, Any]:
    """Keywords of a request from that address, through a proxy that says so when one is given."""
    peer = {"environ_base": {"REMOTE_ADDR": through or address}}
    return {**peer, "headers": {"X-Forwarded-For": address}} if through else peer


def guess(doors: Doors, path: str = "/webhook/conversations", token: str = "wrong", **caller: Any) -> TestResponse:
    headers = {"Authorization": f"Bearer {token}", **caller.pop("headers", {})}
    return doors.client.get(path, headers=headers, **caller)


def statuses(answers: list[TestResponse]) -> list[int]:
    return [answer.status_code for answer in answers]


def assert_refused_for_now(answer: TestResponse, within_s: int) -> None:
    assert answer.status_code == 429
    assert_error(answer.json, "too_many_requests")
    assert 0 < int(answer.headers["Retry-After"]) <= within_s


# --- webhooks -----------------------------------------------------------------------------------------------------------


def test_unsigned_webhooks_are_refused_for_a_minute_and_signed_ones_from_the_same_address_never(new_doors: NewDoors) -> None:
    doors = new_doors(WHATSAPP | TIGHT)
    assert statuses([doors.receive(text("hola"), secret="wrong") for _ in range(3)]) == [403] * 3
    assert_refused_for_now(doors.receive(text("hola"), secret="wrong"), within_s=60)
    assert_refused_for_now(doors.receive(text("hola"), secret=None), within_s=60)
    assert_refused_for_now(doors.client.get(DOOR, query_string={"hub.verify_token": "wrong"}), within_s=60)
    assert_refused_for_now(doors.post(b" " * (3 * 2**20 + 1), secret=None), within_s=60)
    assert [doors.receive(text("hola", id=f"wamid.{number}")).status_code for number in range(20)] == [200] * 20
    assert len(doors.transcript()) == 20
    handshake = {"hub.mode": "subscribe", "hub.verify_token": VERIFY, "hub.challenge": "42"}
    assert doors.client.get(DOOR, query_string=handshake).data == b"42"
    assert_refused_for_now(doors.receive(text("hola"), secret="wrong"), within_s=60)


def test_what_a_vendor_signed_is_not_counted_even_when_it_is_malformed(new_doors: NewDoors) -> None:
    doors = new_doors(WHATSAPP | TIGHT)
    assert {doors.post(b"no json").status_code for _ in range(10)} == {400}
    assert doors.receive(text("hola"), secret="wrong").status_code == 403


def test_the_limit_of_a_day_outlasts_that_of_a_minute(new_doors: NewDoors) -> None:
    doors = new_doors(WHATSAPP | {"LIMIT_IP_PER_MINUTE": "100", "LIMIT_IP_PER_DAY": "2"})
    assert statuses([doors.receive(text("hola"), secret="wrong") for _ in range(3)]) == [403, 403, 429]
    assert int(doors.receive(text("hola"), secret="wrong").headers["Retry-After"]) > 80_000


def test_one_address_does_not_use_up_another_ones_limit(new_doors: NewDoors) -> None:
    doors = new_doors(WHATSAPP | TIGHT)

    def refused(address: str) -> list[int]:
        answers = [doors.receive(text("hola"), secret="wrong", **comes_from(address)) for _ in range(4)]
        return statuses(answers)

    assert refused(ELSEWHERE) == refused("203.0.113.10") == refused("2001:db8:1:1::7") == refused("") == [403, 403, 403, 429]
    # One IPv4 address written as IPv6 is the same one, and an IPv6 network is one household.
    assert refused(f"::ffff:{ELSEWHERE}") == refused("2001:db8:1:1:abcd::1") == [429] * 4
    assert refused("2001:db8:1:2::7") == [403, 403, 403, 429]


# --- the operator's doors -----------------------------------------------------------------------------------------------


def test_guessing_the_token_ends(new_doors: NewDoors) -> None:
    doors = new_doors(WHATSAPP | TIGHT)
    assert statuses([guess(doors) for _ in range(3)]) == [401] * 3
    assert_refused_for_now(guess(doors), within_s=60)
    # Otherwise one could go on guessing: the right token would still be told apart.
    assert_refused_for_now(doors.ask("/webhook/conversations"), within_s=60)
    assert doors.ask("/webhook/conversations", token=None).status_code == 429
    assert guess(doors, **comes_from(ELSEWHERE)).status_code == 401


def test_the_public_status_cannot_be_used_for_guessing(new_doors: NewDoors) -> None:
    doors = new_doors(WHATSAPP | TIGHT)
    assert statuses([guess(doors, "/webhook/status") for _ in range(4)]) == [200, 200, 200, 429]
    assert doors.ask("/webhook/status").status_code == 429
    assert doors.ask("/webhook/status", token=None).status_code == 200


def test_the_login_page_cannot_be_used_for_guessing(new_doors: NewDoors) -> None:
    doors = new_doors(WHATSAPP | TIGHT)
    assert statuses([doors.client.post("/login", data={"token": "wrong"}) for _ in range(4)]) == [403, 403, 403, 429]
    assert statuses([guess(doors)]) == [429]


def test_a_password_for_the_proxy_in_front_is_no_guess(new_doors: NewDoors) -> None:
    doors = new_doors(WHATSAPP | TIGHT)
    answers = [doors.client.get("/webhook/status", auth=("operator", "of the proxy")) for _ in range(10)]
    assert statuses(answers) == [200] * 10


def test_who_knows_the_token_has_no_limit_whatever_goes_wrong(new_doors: NewDoors) -> None:
    doors = new_doors(WHATSAPP | TIGHT)
    paths = ["/webhook/status", "/webhook/conversation/nobody", "/webhook/conversations?limit=none", "/nowhere"] * 5
    assert [doors.ask(path).status_code for path in paths] == [200, 404, 400, 404] * 5


def test_health_and_unknown_paths_have_no_limit_and_webhooks_have_their_own(new_doors: NewDoors) -> None:
    doors = new_doors(WHATSAPP | TIGHT)
    for _ in range(5):
        guess(doors)
    assert doors.client.get("/healthz").status_code == 200
    assert doors.client.get("/readyz").status_code == 503  # no worker
    assert doors.client.get("/nowhere").status_code == 404
    assert doors.receive(text("hola"), secret="wrong").status_code == 403


def test_the_defaults_bother_no_person(new_doors: NewDoors) -> None:
    doors = new_doors()
    assert {guess(doors).status_code for _ in range(300)} == {401}
    assert doors.ask("/webhook/conversations").status_code == 200


def test_limits_hold_without_a_store_and_say_nothing_wrong(new_doors: NewDoors) -> None:
    doors = new_doors(WHATSAPP | TIGHT, ledger=RedisLedger(lambda: connect("unix:///nonexistent/store.sock")))
    assert doors.receive(text("hola")).status_code == 503
    assert doors.ask("/webhook/conversations").status_code == 503
    assert statuses([guess(doors) for _ in range(4)]) == [401, 401, 401, 429]
    assert statuses([doors.receive(text("hola"), secret="wrong") for _ in range(4)]) == [403, 403, 403, 429]
    assert doors.receive(text("hola")).status_code == 503


def test_the_log_tells_of_a_refusal_without_the_address(new_doors: NewDoors, log_file: Path) -> None:
    doors = new_doors(WHATSAPP | TIGHT)
    for _ in range(4):
        guess(doors, **comes_from("2001:db8:1:1::7"))
        doors.receive(text("hola"), secret="wrong", **comes_from("2001:db8:1:1::7"))
    written = written_to(log_file)
    assert written.count("code=too_many_requests") == 2
    assert "2001" not in written


# --- proxies ------------------------------------------------------------------------------------------------------------


def test_nobody_is_believed_about_addresses_by_default(new_doors: NewDoors) -> None:
    doors = new_doors(WHATSAPP | TIGHT)
    answers = [guess(doors, **comes_from(f"203.0.113.{last}", through="127.0.0.1")) for last in range(4)]
    assert statuses(answers) == [401, 401, 401, 429]


def test_a_trusted_proxy_is_believed_and_nobody_else(new_doors: NewDoors) -> None:
    doors = new_doors(WHATSAPP | TIGHT | {"TRUSTED_PROXIES": f"{PROXY}, fd00::/8"})
    for proxy in (PROXY, f"::ffff:{PROXY}", "fd00::5"):
        answers = [guess(doors, **comes_from(f"203.0.{len(proxy)}.{last}", through=proxy)) for last in range(4)]
        assert statuses(answers) == [401] * 4
    answers = [guess(doors, **comes_from(f"203.0.113.{last}", through="172.30.57.3")) for last in range(4)]
    assert statuses(answers) == [401, 401, 401, 429]


def test_only_the_last_hop_counts_because_a_caller_may_write_what_he_likes_before_it(new_doors: NewDoors) -> None:
    doors = new_doors(WHATSAPP | TIGHT | {"TRUSTED_PROXIES": PROXY})
    answers = [guess(doors, **comes_from(f"198.51.100.{last}, {ELSEWHERE}", through=PROXY)) for last in range(4)]
    assert statuses(answers) == [401, 401, 401, 429]


def test_a_proxy_does_not_choose_the_host_and_is_not_this_machine(new_doors: NewDoors) -> None:
    doors = new_doors({"TRUSTED_PROXIES": "127.0.0.1"})
    seen: dict[str, str] = {}
    doors.app.add_url_rule("/echo", "echo", lambda: seen.update(host=_request().host, scheme=_request().scheme) or "")
    headers = {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    assert doors.client.get("/echo", headers=headers).status_code == 200
    assert seen == {"host": "localhost", "scheme": "https"}
    # Without keys who comes from this machine may speak unsigned: nobody can claim to by a header.
    assert doors.receive(text("hola"), secret=None, headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 403
    assert doors.receive(text("hola"), secret=None).status_code == 200


def _request() -> Any:
    from flask import request  # noqa: PLC0415

    return request


# --- the counts ---------------------------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_window_opens_with_the_first_count_and_closes_in_time() -> None:
    clock = Clock()
    counts = Counts(clock=clock)
    assert counts.incr("a", 60) == 1
    clock.now_s += 59.9
    assert counts.incr("a", 60) == 2
    assert (counts.get("a"), counts.get_expiry("a")) == (2, 1_060.0)
    clock.now_s += 0.1
    assert counts.get("a") == 0
    assert counts.incr("a", 60, amount=3) == 3
    assert counts.get_expiry("a") == 1_120.0
    counts.clear("a")
    assert (counts.get("a"), counts.get_expiry("never")) == (0, clock.now_s)
    counts.incr("b", 60)
    assert (counts.reset(), counts.get("b"), counts.check()) == (1, 0, True)


def test_the_counts_stay_few_and_the_busiest_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_COUNTS", 100)
    counts = Counts()
    for number in range(1_000):
        counts.incr("busy", 3_600)
        counts.incr(f"other {number}", 3_600)
    assert counts.get("busy") == 1_000
    assert counts.get("other 998") == 1
    assert counts.get("other 500") == 0


def test_threads_count_together() -> None:
    counts = Counts()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: counts.incr("a", 60), range(2_000)))
    assert counts.get("a") == 2_000


def test_making_the_application_starts_no_thread(new_doors: NewDoors) -> None:
    before = set(threading.enumerate())  # an earlier test's may end meanwhile
    new_doors(WHATSAPP | TIGHT)
    assert set(threading.enumerate()) <= before
