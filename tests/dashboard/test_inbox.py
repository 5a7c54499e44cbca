"""The inbox: who stands in which queue, who is found by what, and how a page that is open is told what changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from src.agent.agenda import UNANSWERED, Agenda, Entry
from src.agent.memory import Called, Memory
from src.dashboard.inbox_page import PER_PAGE
from src.desk.inbox import Inbox
from src.messages import Content
from tests.conftest import Skew
from tests.dashboard.conftest import MARTA, MARTA_KEY, Office, Page, Visitor
from tests.dashboard.test_pages import summaries

ANA, LUIS, EVA, PEPE = (f"3460000000{number}" for number in (2, 3, 4, 5))
CONVERSATION = f"/dashboard/conversations/{MARTA_KEY}"


def queue(operator: Visitor, name: str, **more: str) -> list[str]:
    answer = operator.get("/dashboard/conversations", query_string={"queue": name, **more})
    assert answer.status_code == 200
    return [link.partition("?")[0].rpartition(":")[2] for link in summaries(answer)]


def writes(office: Office, number: str, text: str = "hola", **settled: Any) -> None:
    office.hears(text, number=number)
    office.settles(number, **settled)


def test_everybody_stands_in_the_queue_of_who_has_to_do_something(operator: Visitor, office: Office, skew: Skew) -> None:
    called = Memory(handoff=Called(office.ledger.server_time(), "asked"))
    writes(office, ANA, owner="human", memory=called, replies=(Content(text="Te paso con una persona."),))
    skew.advance(60)
    writes(office, LUIS, stage="NEEDS_ANALYSIS", replies=(Content(text="¿Fumas?"),))
    writes(office, EVA, stage="FINALIZADO", outcome="declined")
    writes(office, PEPE, owner="human")
    office.operators.say(f"whatsapp:{PEPE}", {"text": "¿Te llamo?"})
    writes(office, MARTA, stage="FINALIZADO", outcome="accepted")
    found = {name: queue(operator, name) for name in ("needs", "waiting", "bot", "closed")}
    assert found == {"needs": [ANA, MARTA], "waiting": [PEPE], "bot": [LUIS], "closed": [EVA]}
    assert set(queue(operator, "all")) == {ANA, LUIS, EVA, PEPE, MARTA}
    text = Page(operator.get("/dashboard/conversations?queue=needs")).text
    assert "asked for a person · 1 min" in text
    assert "accepted an option" in text
    skew.advance(5)
    office.hears("sí, llámame", number=PEPE)
    assert queue(operator, "needs") == [ANA, PEPE, MARTA] or queue(operator, "needs") == [ANA, MARTA, PEPE]


def test_who_wrote_during_a_pause_is_among_those_who_need_somebody(operator: Visitor, office: Office) -> None:
    entry = Entry(kind=UNANSWERED, due=office.ledger.server_time(), data={"messages": []})
    writes(office, ANA, agenda=Agenda().with_entry(entry))
    assert queue(operator, "needs") == [ANA]
    assert "wrote during the pause" in operator.get("/dashboard/conversations").text
    assert "Not answered: the assistant was paused" in operator.get(f"/dashboard/conversations/whatsapp:{ANA}").text


def test_whom_we_play_ourselves_is_in_no_queue_once_somebody_real_can_write(
    new_app: Callable[..., Flask], office: Office
) -> None:
    visitor = Visitor(new_app(inbox=Inbox(office.records, shows_played=False)))
    visitor.log_in()
    visitor.client.post(
        "/dashboard/try/messages", json={"number": ANA, "text": "hola"}, headers={"X-CSRF-Token": visitor.csrf()}
    )
    assert queue(visitor, "bot") == []
    assert queue(visitor, "all") == [ANA]
    assert "trial" in Page(visitor.get("/dashboard/conversations?queue=all")).text


@pytest.mark.parametrize(
    "query",
    ["lópez", "LOPEZ", "maría lóp", "lop mar", "600 000 001", "0001", "+34 600 00 00 01", "ejemplo.es", "Marieta", MARTA_KEY],
)
def test_a_person_is_found_by_any_part_of_what_they_go_by(operator: Visitor, office: Office, query: str) -> None:
    office.hears("hola", name="Marieta 🌸")
    office.settles(profile={"name": "María José López", "email": "mj@ejemplo.es"})
    writes(office, EVA, profile={"name": "Eva Gil"})
    assert queue(operator, "needs", q=query) == [MARTA]


@pytest.mark.parametrize("query", ["zzz", "maria gil", "600 000 999", "%", "*", "a" * 5000, "\x00"])
def test_nobody_is_found_by_what_nobody_goes_by(operator: Visitor, office: Office, query: str) -> None:
    writes(office, MARTA, profile={"name": "María José López"})
    writes(office, EVA, profile={"name": "Eva Gil"})
    assert queue(operator, "needs", q=query) == []


def test_a_search_goes_on_page_by_page_and_loses_nobody(operator: Visitor, office: Office) -> None:
    people = [f"346000{number:05d}" for number in range(PER_PAGE + 3)]
    for number in people:
        writes(office, number, profile={"name": f"Ana {number}"})
    answer = operator.get("/dashboard/conversations?q=ana")
    seen = summaries(answer)
    further = [link for link in Page(answer).links() if "cursor=" in link]
    seen += summaries(operator.get(further[0]))
    assert sorted(link.partition("?")[0].rpartition(":")[2] for link in seen) == people


# -- a page that is open -----------------------------------------------------------------------------------------------


def news(operator: Visitor, **known: str) -> dict[str, Any]:
    answer = operator.get("/dashboard/live", query_string={"queue": "all", **known}, headers={"Accept": "application/json"})
    assert answer.status_code == 200
    return dict(answer.json)


def test_a_page_is_told_only_what_changed(operator: Visitor, office: Office) -> None:
    office.has_marta()
    first = news(operator, open=MARTA_KEY)
    assert {"people", "rows", "standing", "awaited", "facts"} <= set(first)
    known = {"open": MARTA_KEY, "version": first["version"], "list": first["list"]}
    again = news(operator, **known)
    assert set(again) == {"needs", "list", "version"}
    last = office.desk.conversation(MARTA_KEY)["messages"][-1]["id"]  # type: ignore[index]
    office.hears("¿y si me mudo?")
    changed = news(operator, **known, last=last)
    assert changed["version"] != first["version"]
    assert "¿y si me mudo?" in changed["rows"]
    assert "Hola, soy Marta" not in changed["rows"]
    assert "<li" in changed["rows"]


def test_a_new_status_and_a_new_fact_are_news(operator: Visitor, office: Office) -> None:
    office.has_marta()
    office.operators.say(MARTA_KEY, {"text": "Soy Laura"})
    rows = office.desk.conversation(MARTA_KEY)["messages"]  # type: ignore[index]
    version = news(operator, open=MARTA_KEY)["version"]
    ledger = office.ledger
    ledger.write.hset(
        ledger.keys.of_contact(MARTA_KEY, "out"), {f"s:{rows[-1]['id']}": "failed", f"e:{rows[-1]['id']}": "131026"}
    )
    told = news(operator, open=MARTA_KEY, version=version, last=rows[-1]["id"])
    assert "WhatsApp no puede entregarle" in told["bubbles"][rows[-1]["id"]]
    assert "Send again" in told["bubbles"][rows[-1]["id"]]
    assert told["rows"].strip() == ""
    office.operators.correct(MARTA_KEY, {"age": 40})
    assert "40" in news(operator, open=MARTA_KEY, version=told["version"])["facts"]


def test_who_is_gone_is_no_longer_news(operator: Visitor, office: Office) -> None:
    office.has_marta()
    office.desk.erase(MARTA_KEY)
    answer = operator.get("/dashboard/live", query_string={"open": MARTA_KEY}, headers={"Accept": "application/json"})
    assert answer.status_code == 404


def test_many_who_look_at_one_list_look_once(operator: Visitor, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.has_marta()
    looked: list[str] = []
    people = office.records.people
    monkeypatch.setattr(office.records, "people", lambda **asked: (looked.append("people"), people(**asked))[1])
    for _ in range(2):
        news(operator)
    once = len(looked)
    for _ in range(20):
        news(operator)
    assert len(looked) <= 2 * once, "at most once a second"


def test_a_fact_is_shown_with_the_words_it_was_told_in(operator: Visitor, office: Office) -> None:
    office.has_marta()
    page = Page(operator.get(CONVERSATION))
    assert "Age 36 years Hola, soy Marta" in page.text
