"""Who may see and do what: every page for strangers, forgers and operators; cookies, forged forms, guessing."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from itsdangerous import TimestampSigner

from src.dashboard.sessions import FREE_FAILURES, LONGEST_WAIT_S, MOST_ADDRESSES, SESSION_S, Patience
from src.errors import LedgerUnavailable
from tests.dashboard.conftest import ADMIN, MARTA, MARTA_KEY, Office, Page, Visitor, form_word

Rule = tuple[str, str, str]
OPEN = {"/login", "/dashboard/static/<name>", "/dashboard/language/<language>"}
FILLED = {
    "<reference>": MARTA_KEY,
    "<name>": "dashboard.css",
    "<language>": "en",
    "<path:reference>": "conversations/nobody/nowhere",
}
FORM = {"confirmed": "yes", "text": "hola", "age": "44"}
"""What makes every form one that would be done."""
QUERIES = {"/dashboard/try": f"?number={MARTA}", "/dashboard/try/messages": f"?number={MARTA}"}


def every_rule(app: Flask, letter_id: str = "turns-x") -> list[Rule]:
    """Each door as (method, path, rule)."""
    rules: list[Rule] = []
    for rule in app.url_map.iter_rules():
        path = rule.rule
        for placeholder, value in {**FILLED, "<letter_id>": letter_id}.items():
            path = path.replace(placeholder, value)
        query = QUERIES.get(path, "")
        methods = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        rules += [(method, path + query if method == "GET" else path, rule.rule) for method in methods]
    return rules


def everything(office: Office) -> object:
    """What the ledger holds that a page could change."""
    return office.desk.conversation(MARTA_KEY), office.operators.dead_letters(), office.ledger.client.exists("iv:paused")


def test_every_page_says_whom_it_is_for(app: Flask) -> None:
    guards = {rule.rule: app.view_functions[rule.endpoint].guarded_for for rule in app.url_map.iter_rules()}  # type: ignore[attr-defined]
    assert {rule for rule, who in guards.items() if who == "anyone"} == OPEN
    assert {who for rule, who in guards.items() if rule not in OPEN} == {"session"}


@pytest.mark.parametrize("cookie", [None, "", "forged", f"{'A' * 32}.aSEbOA.{'B' * 43}", "ñ.ñ.ñ"])
def test_pages_send_strangers_and_forgers_to_the_login(app: Flask, office: Office, cookie: str | None) -> None:
    office.has_marta()
    letter_id = office.gives_up()
    before = everything(office)
    for method, path, rule in every_rule(app, letter_id):
        if rule in OPEN:
            continue
        visitor = Visitor(app)
        if cookie is not None:
            visitor.client.set_cookie("iv-session", cookie)
        answer = visitor.client.open(path, method=method, data={"csrf": "", **FORM} if method == "POST" else None)
        assert (answer.status_code, answer.location) == (303, "/login"), (method, path)
        for_scripts = visitor.client.open(path, method=method, headers={"Accept": "application/json"})
        assert (for_scripts.status_code, for_scripts.json["error"]["code"]) == (401, "unauthorized"), (method, path)
    assert everything(office) == before


def test_operators_see_every_page(operator: Visitor, office: Office) -> None:
    office.has_marta()
    others = {"/": 303, "/dashboard/": 303, "/dashboard/language/<language>": 303, "/dashboard/<path:reference>": 404}
    for method, path, rule in every_rule(operator.app):
        if method == "GET":
            assert operator.get(path).status_code == others.get(rule, 200), path


@pytest.mark.parametrize("csrf", ["", "wrong", "ñ"])
def test_what_changes_something_must_come_from_our_own_page(operator: Visitor, office: Office, csrf: str) -> None:
    office.has_marta()
    letter_id = office.gives_up()
    before = everything(office)
    for method, path, rule in every_rule(operator.app, letter_id):
        if method == "POST":
            answer = operator.post(path, csrf=csrf, form={"token": ADMIN, **FORM})
            assert answer.status_code == 403, path
            assert "Set-Cookie" not in answer.headers or rule == "/login"
    assert operator.is_logged_in()
    assert everything(office) == before


def test_one_sessions_proof_is_worth_nothing_in_another(app: Flask, operator: Visitor, office: Office) -> None:
    office.has_marta()
    other = Visitor(app)
    other.log_in()
    erase = f"/dashboard/conversations/{MARTA_KEY}/erase"
    assert other.csrf() != operator.csrf()
    assert operator.post(erase, csrf=other.csrf(), form={"confirmed": "yes"}).status_code == 403
    assert operator.post(erase, form={"confirmed": "yes"}).status_code == 303


# -- coming and going --------------------------------------------------------------------------------------------------


def test_the_token_opens_a_session_and_logging_out_closes_it(stranger: Visitor) -> None:
    answer = stranger.log_in(f"  {ADMIN}\n")
    assert (answer.status_code, answer.location) == (303, "/")
    assert stranger.is_logged_in()
    assert stranger.post("/logout").location == "/login"
    assert not stranger.is_logged_in()


def cookie_of(visitor: Visitor) -> str:
    cookie = visitor.client.get_cookie("iv-session")
    assert cookie is not None
    return cookie.value


def test_a_copy_of_the_cookie_is_worth_nothing_once_its_owner_logged_out(
    new_app: Callable[..., Flask], operator: Visitor, stranger: Visitor, office: Office
) -> None:
    office.has_marta()
    copied, other = cookie_of(operator), Visitor(operator.app)
    other.log_in()
    proof = operator.csrf()
    operator.post("/logout")
    for thief in (Visitor(operator.app), Visitor(new_app())):  # another web process
        thief.client.set_cookie("iv-session", copied)
        assert not thief.is_logged_in()
        assert thief.get("/dashboard/conversations", headers={"Accept": "application/json"}).status_code == 401
        erase = f"/dashboard/conversations/{MARTA_KEY}/erase"
        assert thief.post(erase, csrf=proof, form={"confirmed": "yes"}).location == "/login"
    assert office.desk.conversation(MARTA_KEY) is not None
    assert other.is_logged_in(), "other sessions go on"


class Away:
    """What was revoked is kept where nobody can look now."""

    def revoke(self, what: str, *, for_s: int) -> None:
        raise LedgerUnavailable("away")

    def revoked_at(self, what: str) -> None:
        raise LedgerUnavailable("away")


def test_while_nobody_can_tell_who_logged_out_nothing_is_done(new_app: Callable[..., Flask]) -> None:
    made: list[str] = []
    visitor = Visitor(new_app(revocations=Away(), set_up_chatwoot=lambda: made.append("an inbox") or []))
    visitor.log_in()
    page = Page(visitor.get("/dashboard/checks"))
    assert "csrf" in page.fields
    answer = visitor.post("/dashboard/chatwoot", csrf=page.fields["csrf"])
    assert (answer.status_code, made) == (503, [])
    assert visitor.post("/logout", csrf=page.fields["csrf"]).location == "/login"
    assert visitor.get("/").location == "/login"


def test_what_is_kept_of_a_session_tells_nobody_of_it_and_goes_with_it(operator: Visitor, office: Office) -> None:
    word = operator.csrf()
    operator.post("/logout")
    client: Any = office.ledger.client
    [key] = list(client.scan_iter("iv:revoked:*"))
    assert word.encode() not in key
    assert SESSION_S - 60 < client.ttl(key) <= SESSION_S


@pytest.mark.parametrize("token", ["", "wrong", ADMIN.upper(), f"{ADMIN}x", ADMIN[:-1], "contraseña", "\ud83d"])
def test_another_token_opens_nothing(stranger: Visitor, token: str) -> None:
    answer = stranger.client.post(
        "/login", data={"token": token.encode("utf-8", "surrogatepass"), "csrf": form_word(stranger.get("/login"))}
    )
    assert answer.status_code == 403
    assert "not the admin token" in Page(answer).text
    assert not stranger.is_logged_in()


def test_an_empty_admin_token_lets_nobody_in(new_app: Callable[..., Flask]) -> None:
    visitor = Visitor(new_app(admin_token=lambda: ""))
    assert visitor.log_in("").status_code == 403
    assert not visitor.is_logged_in()


def test_a_cookie_signed_with_an_empty_token_is_worth_nothing(new_app: Callable[..., Flask]) -> None:
    tokens = [ADMIN]
    visitor = Visitor(new_app(admin_token=lambda: tokens[0]))
    for token, key_of in ((ADMIN, ADMIN.encode()), ("", b"")):
        tokens[0] = token
        key = hmac.digest(key_of, b"iAgente Vida: sessions of the dashboard", "sha256")
        signer = TimestampSigner(key, salt="session", key_derivation="hmac", digest_method=hashlib.sha256)
        visitor.client.set_cookie("iv-session", signer.sign("A" * 32).decode())
        assert visitor.is_logged_in() is bool(token)  # the first shows that the forgery is one that would work


def test_a_login_form_that_is_not_ours_opens_nothing_and_offers_a_fresh_one(stranger: Visitor) -> None:
    for word in ("", "made-up-elsewhere"):
        answer = stranger.client.post("/login", data={"token": ADMIN, "csrf": word})
        assert answer.status_code == 403
        assert not stranger.is_logged_in()
    assert stranger.client.post("/login", data={"token": ADMIN, "csrf": form_word(answer)}).status_code == 303


def test_two_login_tabs_do_not_spoil_each_other(stranger: Visitor) -> None:
    first = form_word(stranger.get("/login"))
    stranger.get("/login")
    assert stranger.client.post("/login", data={"token": ADMIN, "csrf": first}).status_code == 303


def cookies_of(app: Flask) -> list[str]:
    visitor = Visitor(app)
    offered = visitor.client.get("/login", base_url="https://vida.example")
    data = {"token": ADMIN, "csrf": form_word(offered)}
    opened = visitor.client.post("/login", data=data, base_url="https://vida.example")
    assert opened.status_code == 303
    return [*offered.headers.getlist("Set-Cookie"), opened.headers.getlist("Set-Cookie")[0]]


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(app: Flask) -> None:
    for cookie in cookies_of(app):
        assert "; HttpOnly" in cookie
        assert "; SameSite=Strict" in cookie
        assert "; Path=/" in cookie
        assert "; Secure" not in cookie
    assert f"Max-Age={SESSION_S}" in cookie
    assert ADMIN not in cookie


def test_over_https_cookies_belong_to_this_host_alone(new_app: Callable[..., Flask]) -> None:
    cookies = cookies_of(new_app(secure=True))
    for cookie in cookies:
        assert cookie.startswith("__Host-iv-")
        assert "; Secure" in cookie
        assert "Domain" not in cookie


def test_another_admin_token_logs_everybody_out(new_app: Callable[..., Flask]) -> None:
    tokens = [ADMIN]
    visitor = Visitor(new_app(admin_token=lambda: tokens[0]))
    visitor.log_in()
    assert visitor.is_logged_in()
    tokens[0] = "another"
    assert not visitor.is_logged_in()


def test_a_session_ends_after_twelve_hours(operator: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = TimestampSigner("any").get_timestamp()
    session_s = round(timedelta(hours=12).total_seconds())
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: now_s + session_s - 60)
    assert operator.is_logged_in()
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: now_s + session_s + 60)
    assert not operator.is_logged_in()


def test_each_login_is_a_session_of_its_own(stranger: Visitor) -> None:
    stranger.log_in()
    first = stranger.client.get_cookie("iv-session")
    stranger.log_in()
    second = stranger.client.get_cookie("iv-session")
    assert first is not None
    assert second is not None
    assert first.value != second.value


# -- guessing ----------------------------------------------------------------------------------------------------------


def test_who_guesses_too_often_must_wait_even_with_the_right_token(app: Flask) -> None:
    guesser = Visitor(app)
    assert [guesser.log_in("guess").status_code for _ in range(FREE_FAILURES)] == [403] * FREE_FAILURES
    answer = guesser.log_in()
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1
    assert not guesser.is_logged_in()
    assert Visitor(app).log_in(from_address="192.0.2.7").status_code == 303


def test_the_right_token_makes_up_for_wrong_ones(stranger: Visitor) -> None:
    for token in (*["typo"] * (FREE_FAILURES - 1), ADMIN, *["typo"] * (FREE_FAILURES - 1), ADMIN):
        assert stranger.log_in(token).status_code == (303 if token == ADMIN else 403)


class Hand:
    """A clock moved by hand."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_waiting_doubles_up_to_a_minute_and_ends_with_the_right_token() -> None:
    clock = Hand()
    patience = Patience(clock)
    waits = []
    for _ in range(FREE_FAILURES + 40):
        patience.failed("a")
        waits.append(patience.wait_s("a"))
        clock.now_s += waits[-1]
        assert patience.wait_s("a") == 0.0
    assert waits[: FREE_FAILURES + 2] == [0.0] * (FREE_FAILURES - 1) + [1.0, 2.0, 4.0]
    assert waits[-1] == LONGEST_WAIT_S
    assert patience.wait_s("b") == 0.0
    patience.succeeded("a")
    patience.failed("a")
    assert patience.wait_s("a") == 0.0


def test_guesses_from_everywhere_do_not_fill_the_memory() -> None:
    patience = Patience(Hand())
    for _ in range(FREE_FAILURES):
        patience.failed("first")
    for number in range(MOST_ADDRESSES):
        patience.failed(f"address {number}")
    assert patience.wait_s("first") == 0.0
    patience.failed("first")
    assert patience.wait_s("first") == 0.0


# -- where one wanted to go --------------------------------------------------------------------------------------------


def test_a_link_from_another_site_finds_who_is_logged_in(app: Flask, office: Office) -> None:
    """Such as the one in Chatwoot: the browser sends no cookie with it, and sends it with the page's own next step."""
    office.has_marta()
    link = f"/dashboard/conversations/{MARTA_KEY}"
    answer = Visitor(app).get(link, headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})
    assert answer.status_code == 200
    assert ("meta", {"http-equiv": "refresh", "content": f"0; url={link}"}) in Page(answer).elements
    assert "Hola" not in answer.text


@pytest.mark.parametrize("path", [f"/dashboard/conversations/{MARTA_KEY}", "/dashboard/conversations?q=marta&stage="])
def test_the_login_leads_to_the_page_that_was_wanted_once(stranger: Visitor, office: Office, path: str) -> None:
    office.has_marta()
    assert stranger.get(path).location == "/login"
    assert stranger.log_in().location == path
    assert stranger.log_in().location == "/"


@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example/dashboard/", "/\\evil", "/logout"])
def test_the_login_leads_to_no_other_site(stranger: Visitor, wanted: str) -> None:
    stranger.client.set_cookie("iv-wanted", wanted)
    assert stranger.log_in().location == "/"
