"""What the pages show, that nothing written by others becomes markup, and what reset and erase do."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import msgspec
import pytest
from flask import Flask
from werkzeug.test import TestResponse

import src.dashboard
from src.agent import state as states
from src.agent.state import new_conversation
from src.dashboard.inbox_page import PER_PAGE
from src.errors import LedgerUnavailable
from src.messages import Contact, Content, Option
from src.quoting import size_need
from tests.dashboard.conftest import MARTA, MARTA_KEY, Office, Page, Visitor
from tests.kit.kept import a_quote

DASHBOARD = Path(src.dashboard.__file__).parent
CONVERSATION = f"/dashboard/conversations/{MARTA_KEY}"
POLICY = {
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
    "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'",
}  # fmt: skip
CANARIES = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</textarea></title><svg/onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "<b>bold</b> <i onclick=alert(1)>x</i>",
)


def summaries(answer: TestResponse) -> list[str]:
    listed = (link for link in Page(answer).links() if link.startswith("/dashboard/conversations/"))
    return [link.partition("?")[0] for link in listed]


# -- safety of every page ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/login",
        "/",
        "/dashboard/activity",
        "/dashboard/technical",
        "/dashboard/conversations",
        "/dashboard/conversations/nobody",
        "/dashboard/try?number=1",
    ],
)
def test_pages_allow_nothing_but_our_own_files_and_are_not_kept(operator: Visitor, path: str) -> None:
    headers = operator.get(path).headers
    assert set(headers["Content-Security-Policy"].split("; ")) == POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "Cookie" in headers["Vary"]


def test_our_own_files_are_asked_for_again_only_when_they_changed(stranger: Visitor) -> None:
    for file in (DASHBOARD / "static").iterdir():
        answer = stranger.get(f"/dashboard/static/{file.name}")
        assert answer.data == file.read_bytes()
        assert answer.headers["Cache-Control"] == "no-cache"
        again = stranger.get(f"/dashboard/static/{file.name}", headers={"If-None-Match": answer.headers["ETag"]})
        assert again.status_code == 304
    assert (
        stranger.get("/dashboard/static/..%2fpages.py").status_code == 303
    )  # no asset: a page, and those are not for strangers
    assert stranger.get("/dashboard/static/nothing.js").status_code == 404


def files(*endings: str) -> Iterator[tuple[str, str]]:
    found = [path for path in DASHBOARD.rglob("*") if path.suffix in endings]
    assert found
    return ((path.name, path.read_text(encoding="utf-8")) for path in found)


def test_templates_and_scripts_leave_escaping_on() -> None:
    for name, source in files(".html"):
        for forbidden in (r"\|\s*safe", r"autoescape", r"<script(?![^>]*\bsrc=)", r"\sstyle\s*=", r"<style", r"\son\w+\s*="):
            assert not re.search(forbidden, source), (name, forbidden)
    for name, source in files(".js"):
        for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("):
            assert forbidden not in source, (name, forbidden)
    for name, source in files(".py"):
        assert "Markup" not in source, name


def written_everywhere(office: Office, text: str) -> None:
    """A conversation that has this text wherever somebody else could put one."""
    office.hears(f"{text} hola", name=f"{text} on WhatsApp")  # else it is the profile's name and not shown
    now = office.ledger.server_time()
    quote = a_quote(id=text, tier=text, product=text, coverages=(text,), tariff=text, currency=text)
    office.settles(
        replies=(Content(kind="buttons", text=text, options=(Option(id=text, title=text),)),),
        stage="PRESENTACION_PROPUESTA",
        profile={"name": text, "occupation": text},
        profile_sources={"occupation": states.ProfileSource(message_id=text, at=now, replaced=[text])},
        details={text: text},
        need=size_need(monthly_income=1_000),
        awaiting=f"confirm:{text}",
        quotes=[quote],
        consents={text: states.Consent(given=True, at=now, text_version=text)},
    )


def shape(page: Page) -> list[tuple[str, list[str]]]:
    """The elements of a page and which attributes they have."""
    return [(tag, sorted(attributes)) for tag, attributes in page.elements]


@pytest.mark.parametrize("canary", CANARIES)
def test_what_others_wrote_changes_no_element_of_any_page(operator: Visitor, office: Office, canary: str) -> None:
    paths = ("/dashboard/conversations?queue=all", "/dashboard/conversations?q={}&cursor=", CONVERSATION)
    written_everywhere(office, "harmless")
    harmless = [shape(Page(operator.get(path.format("harmless")))) for path in paths]
    office.desk.erase(MARTA_KEY)
    written_everywhere(office, canary)
    pages = [Page(operator.get(path.format(quote_plus(canary)))) for path in paths]
    assert [shape(page) for page in pages] == harmless
    for page in pages:
        assert canary in page.text  # in full: nothing was cut out or evaluated
        assert all(link.startswith(("/", "#")) for link in page.links())


# -- looking -----------------------------------------------------------------------------------------------------------


def test_the_overview_shows_what_status_tells(operator: Visitor, office: Office) -> None:
    office.has_marta()
    office.hears("quiero una persona", number="34600000002")
    office.settles("34600000002", owner="human", replies=(Content(text="Claro."), Content(text="Un momento.")))
    office.hears("hola", number="34600000003")
    office.settles("34600000003")
    office.hears("¿hay alguien?", number="34600000003")
    text = Page(operator.get("/dashboard/activity")).text
    for shown in ("3 conversations", "1 with the team", "4 received", "3 from the assistant"):
        assert shown in text, shown
    text = Page(operator.get("/dashboard/technical")).text
    for shown in (
        "1 worker alive", "WhatsApp simulator", "to be answered turns 1", "to be sent delivery 3",
        "host.1 alive heard of 0.4 s ago", "host.2 silent",
    ):  # fmt: skip
        assert shown in text, shown


def test_the_overview_of_an_empty_store_is_calm(operator: Visitor) -> None:
    page = Page(operator.get("/dashboard/activity"))
    text = page.text
    assert (
        "meta",
        {"http-equiv": "refresh", "content": "10; url=/dashboard/activity"},
    ) in page.elements  # for browsers without scripts
    assert "0 conversations" in text
    assert "No message in these hours." in text
    assert "– to answer" in text


def test_a_dead_fleet_is_said(new_app: Callable[..., Flask], operator: Visitor) -> None:
    visitor = Visitor(new_app(workers=dict))
    visitor.log_in()
    assert "nobody answers them" in Page(visitor.get("/dashboard/technical")).text
    assert "nobody answers them" not in Page(operator.get("/dashboard/technical")).text


def test_the_list_goes_page_by_page_and_loses_nobody(operator: Visitor, office: Office) -> None:
    people = [f"346000{number:05d}" for number in range(PER_PAGE + 3)]
    for number in people:
        office.hears("hola", number=number)
        office.settles(number)
    first = operator.get("/dashboard/conversations?queue=all")
    older = [link for link in Page(first).links() if "cursor=" in link]
    second = operator.get(older[0])
    seen = summaries(first) + summaries(second)
    assert len(summaries(first)) == PER_PAGE
    assert sorted(seen) == [f"/dashboard/conversations/whatsapp:{number}" for number in people]
    assert not [link for link in Page(second).links() if "cursor=" in link]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "mar"}, [MARTA]),
        ({"q": "+34 600 00 00 01"}, [MARTA]),
        ({"q": MARTA_KEY}, [MARTA]),
        ({"q": "nobody"}, []),
        ({"stage": "PRESENTACION_PROPUESTA"}, [MARTA]),
        ({"stage": "FINALIZADO"}, []),
        ({"owner": "human"}, ["34600000002"]),
        ({"owner": "bot"}, [MARTA]),
    ],
)
def test_the_list_finds_people(operator: Visitor, office: Office, query: dict[str, str], found: list[str]) -> None:
    office.has_marta()
    office.hears("quiero una persona", number="34600000002")
    office.settles("34600000002", owner="human")
    answer = operator.get("/dashboard/conversations", query_string=query)
    assert summaries(answer) == [f"/dashboard/conversations/whatsapp:{number}" for number in found]
    assert ("Nobody is" in answer.text) is not bool(found)


def test_a_page_of_the_list_that_never_was_is_said(operator: Visitor) -> None:
    assert operator.get("/dashboard/conversations?queue=all&cursor=%21%21").status_code == 400


def test_a_conversation_is_shown_with_everything_that_is_known(operator: Visitor, office: Office) -> None:
    message_id = office.has_marta()
    answer = operator.get(CONVERSATION)
    page = Page(answer)
    for shown in (
        "Hola, soy Marta", "Mucho gusto, Marta.", "Adelante", "queued", "“Marta en WhatsApp”", "Proposal",
        "Age 36 years Hola, soy Marta said in the chat,", "before: 63 years", "Smoker no", "Mortgage balance 130,000 €",
        "Sport buceo",
        "337,000 € quoted up to 300,000 €", "Balanced chosen", "15.96 € a month", "185.91 € a year",
        "Renewable term, 150,000 €",
        "death, permanent disability", "valid until Dec 20, 2026", "294.50 €", "Essential 9.19 €",
        "Use of their data for the quote given", "text 2026-11-20", "Waiting for them: to choose an option",
    ):  # fmt: skip
        assert shown in page.text, shown
    assert ("strong", {}) in page.elements
    assert f"#m-{message_id}" in page.links()
    assert f"m-{message_id}" in [attributes.get("id") for _, attributes in page.elements]


@pytest.mark.parametrize("reference", [MARTA, f"+{MARTA}", "+34 600 000 001", MARTA_KEY])
def test_a_conversation_is_found_by_what_people_type(operator: Visitor, office: Office, reference: str) -> None:
    office.has_marta()
    assert "Hola, soy Marta" in operator.get(f"/dashboard/conversations/{reference}").text


def test_somebody_who_only_wrote_and_sent_things_is_shown(operator: Visitor, office: Office) -> None:
    office.hears("", kind="audio")
    text = Page(operator.get(CONVERSATION)).text
    assert "Customer · voice note" in text
    assert "Nothing is known yet." in text


def test_nobody_is_a_page_that_says_so(operator: Visitor) -> None:
    answer = operator.get("/dashboard/conversations/34699999999")
    assert answer.status_code == 404
    assert "nobody is known" in Page(answer).text


# -- forgetting --------------------------------------------------------------------------------------------------------


def test_reset_forgets_the_state_and_keeps_the_transcript(operator: Visitor, office: Office) -> None:
    office.has_marta()
    answer = operator.post(f"{CONVERSATION}/reset", form={"confirmed": "yes"})
    assert answer.status_code == 303
    shown = Page(operator.get(answer.location)).text
    assert "was reset" in shown
    assert "Hola, soy Marta" in shown
    after = office.desk.conversation(MARTA_KEY)
    assert after is not None
    assert (after["stage"], after["profile"], after["quotes"]) == ("INICIO", {}, [])


def test_erase_leaves_nothing(operator: Visitor, office: Office) -> None:
    office.has_marta()
    answer = operator.post(f"{CONVERSATION}/erase", form={"confirmed": "yes"})
    assert answer.status_code == 303
    assert "was erased" in operator.get(answer.location).text
    assert office.desk.conversation(MARTA_KEY) is None
    assert operator.get(CONVERSATION).status_code == 404
    assert operator.post(f"{CONVERSATION}/erase", form={"confirmed": "yes"}).status_code == 404


@pytest.mark.parametrize("act", ["reset", "erase"])
def test_nothing_is_forgotten_unless_it_is_meant(operator: Visitor, office: Office, act: str) -> None:
    office.has_marta()
    before = office.desk.conversation(MARTA_KEY)
    for form in ({}, {"confirmed": "no"}):
        assert operator.post(f"{CONVERSATION}/{act}", form=form).status_code == 400
    assert operator.get(f"{CONVERSATION}/{act}").status_code == 404
    assert office.desk.conversation(MARTA_KEY) == before


# -- when things fail --------------------------------------------------------------------------------------------------


class Unreachable:
    """A desk whose store is gone."""

    def __getattr__(self, _: str) -> Callable[..., Any]:
        def fail(*_: Any, **__: Any) -> Any:
            raise LedgerUnavailable("connection refused by redis://user:secret@host")

        return fail


def test_a_store_that_is_gone_is_a_page_that_says_so_and_nothing_more(new_app: Callable[..., Flask]) -> None:
    visitor = Visitor(new_app(desk=Unreachable(), inbox=Unreachable()))
    visitor.log_in()
    for path in (
        "/dashboard/activity",
        "/dashboard/technical",
        "/dashboard/conversations",
        CONVERSATION,
        f"/dashboard/try/messages?number={MARTA}",
    ):
        answer = visitor.get(path)
        assert answer.status_code == 503, path
        assert "cannot be reached" in answer.text
        assert "secret" not in answer.text
    for_scripts = visitor.get(f"/dashboard/try/messages?number={MARTA}", headers={"Accept": "application/json"})
    assert for_scripts.json["error"]["message"].startswith("Nothing is lost")


def test_a_conversation_of_a_newer_version_still_shows_its_transcript(operator: Visitor, office: Office) -> None:
    office.hears("hola")
    contact = Contact(key=MARTA_KEY, channel="whatsapp", phone=f"+{MARTA}")
    newer = msgspec.structs.replace(new_conversation(contact, office.ledger.server_time()), schema=states.SCHEMA + 1)
    office.settles(state=states.encode(newer))
    answer = operator.get(CONVERSATION)
    assert answer.status_code == 200
    assert "hola" in Page(answer).text


# -- languages, notices, what browsers ask for -------------------------------------------------------------------------


def test_pages_are_spanish_until_somebody_wants_english(app: Flask, office: Office) -> None:
    office.has_marta()
    visitor = Visitor(app, "es")
    visitor.log_in()
    answer = visitor.get(CONVERSATION)
    assert '<html lang="es">' in answer.text
    text = Page(answer).text.replace("\xa0", " ")
    for shown in (
        "La llevo yo", "Edad 36 años", "antes: 63 años", "Hipoteca pendiente 130.000 €", "Equilibrada elegida",
        "15,96 € al mes",
        "fallecimiento, incapacidad permanente absoluta", "Se espera que elija una opción", "English",
    ):  # fmt: skip
        assert shown in text, shown
    back = visitor.get(f"/dashboard/language/en?back={quote_plus(CONVERSATION)}")
    assert back.location == CONVERSATION
    assert '<html lang="en">' in visitor.get(CONVERSATION).text


@pytest.mark.parametrize("back", ["//evil.example/x", "https://evil.example", "/\\evil.example", "/login", "/dashboard/\r\nx"])
def test_the_change_of_language_leads_to_no_other_site(operator: Visitor, back: str) -> None:
    assert operator.get("/dashboard/language/es", query_string={"back": back}).location == "/"


def test_a_language_that_there_is_not_changes_nothing(operator: Visitor) -> None:
    assert "Set-Cookie" not in operator.get("/dashboard/language/xx").headers


def test_what_was_done_is_said_once(operator: Visitor, office: Office) -> None:
    office.has_marta()
    answer = operator.post(f"{CONVERSATION}/takeover")
    assert "done=" not in answer.location
    assert "You have the conversation" in operator.get(answer.location).text
    assert "You have the conversation" not in operator.get(answer.location).text


def test_who_erases_somebody_reads_who_that_is(operator: Visitor, office: Office) -> None:
    office.has_marta()
    text = Page(operator.get(CONVERSATION)).text
    assert f"Everything about Marta (+{MARTA}) goes" in text
    assert "Yes, erase everything of Marta" in text


def test_an_address_that_nobody_serves_is_a_page_for_people_and_json_for_programs(stranger: Visitor) -> None:
    page = stranger.get("/nothing/here", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert set(page.headers["Content-Security-Policy"].split("; ")) == POLICY
    for path, accept in (("/nothing", "*/*"), ("/nothing", "application/json"), ("/webhook/nothing", "text/html")):
        answer = stranger.get(path, headers={"Accept": accept})
        assert (answer.status_code, answer.json["error"]["code"]) == (404, "not_found"), (path, accept)


@pytest.mark.parametrize("path", [CONVERSATION, "/dashboard/activity", "/dashboard/static/dashboard.css"])
def test_pages_are_compressed_for_who_takes_it(operator: Visitor, office: Office, path: str) -> None:
    office.has_marta()
    plain = operator.get(path)
    packed = operator.get(path, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert len(gzip.decompress(packed.data)) == pytest.approx(len(plain.data), abs=200)  # a clock may have gone on
    assert len(packed.data) < len(plain.data) / 2
