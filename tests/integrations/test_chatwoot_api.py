"""What each answer of Chatwoot's API is taken for, and how texts are made fit for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from src.errors import AccessDenied, IntegrationError, Rejected, TemporaryFailure
from src.integrations.chatwoot.api import ChatwootApi, NotThere
from src.integrations.chatwoot.messages import TEXT_LIMIT, contact_key_of, escaped, source_id_of, storable
from src.integrations.identity import contact_key, ways_to_write
from src.messages import Contact
from tests.integrations.test_http import answering, serving
from tests.kit.simulators.chatwoot.liquid import LiquidError, liquid


def api_at(url: str, **given: Any) -> ChatwootApi:
    return ChatwootApi(**{"base_url": url, "account_id": 7, "user_token": "user", "bot_token": "bot"} | given)


def failure_of(status: int, body: bytes = b"{}", **headers: str) -> IntegrationError:
    with serving(answering(status, body, **headers)) as server, pytest.raises(IntegrationError) as failure:
        api_at(server.url).call("try", "GET", "contacts")
    return failure.value


class TestCalls:
    def test_who_asks_and_where(self) -> None:
        with serving(answering(200, b'{"id": 1}')) as server:
            api = api_at(f"{server.url}/")
            assert api.call("a", "GET", "contacts/3", params={"q": "+34"}) == {"id": 1}
            api.call("b", "POST", "conversations", as_bot=True, json={})
            api.call("c", "GET", "/api")
            api.call("d", "GET", "")
        assert [path for _, path, _ in server.requests] == [
            "/api/v1/accounts/7/contacts/3?q=%2B34",
            "/api/v1/accounts/7/conversations",
            "/api",
            "/api/v1/accounts/7",
        ]
        # Nginx drops header names with underscores.
        assert [headers["Api-Access-Token"] for _, _, headers in server.requests] == ["user", "bot", "user", "user"]

    @pytest.mark.parametrize(("body", "value"), [(b"", None), (b" ", None), (b"null", None), (b"[]", [])])
    def test_answers_that_say_little(self, body: bytes, value: Any) -> None:
        with serving(answering(200, body)) as server:
            assert api_at(server.url).call("a", "GET", "x") == value

    def test_every_call_is_measured_by_its_action(self) -> None:
        seen: list[tuple[str, str]] = []

        @contextmanager
        def measure(vendor: str, action: str) -> Iterator[None]:
            yield
            seen.append((vendor, action))

        with serving(answering(200, b"{}")) as server:
            api_at(server.url, measure=measure).call("labels", "GET", "x")
        assert seen == [("chatwoot", "labels")]


class TestFailures:
    @pytest.mark.parametrize(
        ("status", "body", "kind"),
        [
            (401, b'{"error":"Invalid Access Token"}', AccessDenied),
            (401, b'{"error":"You are not authorized to do this action"}', AccessDenied),
            (403, b"<html>", AccessDenied),
            (302, b"", AccessDenied),
            (404, b'{"error":"Resource could not be found"}', NotThere),
            (404, b"", NotThere),
            (400, b"", Rejected),
            (413, b"<html>", Rejected),
            (422, b'{"error":"Validation failed: Content is too long"}', Rejected),
            (422, b'{"error":"Validation failed: Too many messages"}', TemporaryFailure),
            (408, b"", TemporaryFailure),
            (429, b"Retry later\n", TemporaryFailure),
            (500, b'{"status":500}', TemporaryFailure),
            (502, b"<html>", TemporaryFailure),
            (200, b"<html>please sign in</html>", TemporaryFailure),
            (200, b"[" * 100_000, TemporaryFailure),
        ],
    )
    def test_each_answer_has_its_class(self, status: int, body: bytes, kind: type[IntegrationError]) -> None:
        failure = failure_of(status, body)
        assert type(failure) is kind
        assert failure.status == status

    @pytest.mark.parametrize(("status", "maybe_done"), [(429, False), (500, True), (504, True), (200, True)])
    def test_what_may_have_been_done_all_the_same(self, status: int, maybe_done: bool) -> None:
        failure = failure_of(status, b"<html>")
        assert isinstance(failure, TemporaryFailure)
        assert failure.maybe_done is maybe_done

    def test_the_attributes_at_fault_are_named(self) -> None:
        body = b'{"message":"ya est\\u00e1 en uso","attributes":["phone_number",7,"x y","email"]}'
        assert failure_of(422, body).vendor_code == "phone_number,email"

    @pytest.mark.parametrize(("header", "pause_s"), [("7", 7.0), ("0.5", 0.5), ("86400", 60.0), ("soon", 60.0), ("-1", 60.0)])
    def test_a_pause_is_kept_by_calls_of_its_kind_and_ends(
        self, header: str, pause_s: float, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now_s = 1000.0
        monkeypatch.setattr("src.integrations.chatwoot.api.time.monotonic", lambda: now_s)
        with serving(answering(429, b"", Retry_After=header)) as server:
            api = api_at(server.url)
            with pytest.raises(TemporaryFailure):
                api.call("a", "GET", "x")
            with pytest.raises(TemporaryFailure) as kept:
                api.call("a", "GET", "y")
            assert kept.value.retry_after_s == pause_s
            assert len(server.requests) == 1
            with pytest.raises(TemporaryFailure):
                api.call("b", "GET", "y")
            assert len(server.requests) == 2, "Chatwoot throttles single actions: the others go on"
            now_s += pause_s + 0.1
            with pytest.raises(TemporaryFailure):
                api.call("a", "GET", "z")
            assert len(server.requests) == 3

    def test_nothing_personal_is_quoted(self) -> None:
        shown = str(failure_of(422, b'{"error":"no: +34 600 111 222 at https://x.example/?token=abc"}'))
        assert "600" not in shown
        assert "token" not in shown


BRACES = st.text(st.sampled_from("{}%` .abcé\n"), max_size=40) | st.lists(
    st.sampled_from(["{{contact.email}}", "{% raw %}", "{% endraw %}", "`", "{", "%}", "{%if x%}", "texto"]), max_size=8
).map("".join)


class TestTexts:
    @given(BRACES)
    @example("{``{{contact.email}}")
    def test_liquid_does_nothing_to_an_escaped_text_and_the_eye_sees_the_same(self, text: str) -> None:
        safe = escaped(text)
        assert safe.replace("\u2060", "") == text
        try:
            rendered = liquid(safe, {"contact": {"email": "marta@example.com"}})
        except LiquidError:
            return  # Chatwoot leaves such a text as it is
        assert rendered == safe

    @given(st.text())
    def test_what_is_stored_can_be_stored(self, text: str) -> None:
        kept = storable(text)
        kept.encode()
        assert "\x00" not in kept
        assert len(kept) <= TEXT_LIMIT

    @given(st.integers(0, 20))
    def test_a_long_text_is_cut_to_the_limit(self, beyond: int) -> None:
        kept = storable("x" * (TEXT_LIMIT + beyond))
        assert len(kept) == TEXT_LIMIT
        assert kept.endswith("…") is (beyond > 0)


class TestPeople:
    @pytest.mark.parametrize("address", ["34600111222", "US.13491208655302741918"])
    def test_a_source_id_leads_back_to_its_person(self, address: str) -> None:
        contact = Contact(key=f"whatsapp:{address}", channel="whatsapp")
        assert source_id_of(contact) == f"wa:{address}"
        assert contact_key_of(source_id_of(contact)) == contact.key

    @pytest.mark.parametrize("other", ["", "wa:", "0b1c3a52-6f0b-4a25-9d65-2f1d3c0a9d11", "34600111222"])
    def test_an_id_that_is_not_ours_leads_to_nobody(self, other: str) -> None:
        assert contact_key_of(other) is None

    @given(st.from_regex(r"(?:5[25]|54|1|34)[0-9]{7,11}", fullmatch=True))
    def test_all_ways_to_write_a_number_are_one_person(self, digits: str) -> None:
        ways = ways_to_write(f"+{digits}")
        assert ways[0] == f"+{digits}"
        assert len(ways) == len(set(ways)) <= 2
        assert {contact_key(way, None) for way in ways} == {contact_key(digits, None)}
