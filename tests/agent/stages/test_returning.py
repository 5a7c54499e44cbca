"""Coming back after a pause, after a person's corrections, and to prices that ran out."""

from __future__ import annotations

from datetime import date

from src.agent.state import ProfileSource
from tests.agent.talk import Talk, at_proposal


def test_after_a_pause_somebody_is_greeted_by_name_and_told_where_it_was_left() -> None:
    talk = Talk().agree().answer_until("smoker")
    talk.wait(days=2)
    talk.mean("greeting")
    assert "Ana" in talk.text
    assert "asistente automático" in talk.text
    assert "La última vez" in talk.text
    assert talk.awaiting == "smoker"
    talk.mean("smoker=false")
    assert "La última vez" not in talk.text


def test_a_standing_proposal_is_recalled_with_how_long_it_holds() -> None:
    talk = at_proposal()
    talk.wait(days=5)
    talk.mean("resume")
    assert "sigue en pie hasta el 20/12/2026" in talk.text
    assert talk.awaiting == "choice"
    talk.choose(1)
    talk.wait(days=5)
    talk.mean("greeting")
    assert "Equilibrada" in talk.text
    assert talk.awaiting == "accept"


def test_an_expired_proposal_is_priced_anew_and_that_is_said() -> None:
    talk = at_proposal()
    before = [quote.id for quote in talk.conversation.quotes]
    talk.wait(days=40)
    talk.mean("greeting")
    assert "caducado" in talk.text
    assert "sigue en pie" not in talk.text
    assert [quote.id for quote in talk.conversation.quotes] != before
    assert all(quote.valid_until > date(2026, 12, 20) for quote in talk.conversation.quotes)
    assert talk.awaiting == "choice"


def test_accepting_an_expired_proposal_prices_it_anew_instead() -> None:
    talk = at_proposal()
    talk.choose(1)
    talk.wait(days=40)
    talk.accept()
    assert talk.conversation.outcome is None
    assert "caducado" in talk.text


def test_an_expired_outcome_is_lifted_when_somebody_comes_back() -> None:
    talk = at_proposal()
    entry = talk.conversation.agenda.get("expire")
    assert entry is not None
    talk.conversation = talk.agent.fall_due(talk.conversation, entry, entry.due).conversation
    assert talk.conversation.outcome == "expired"
    talk.wait(days=31)
    talk.mean("greeting")
    assert talk.conversation.outcome is None
    assert "caducado" in talk.text


def test_a_birthday_in_between_changes_the_price_and_shows_it() -> None:
    talk = Talk().agree().answer_until("age")
    talk.mean('birth_date="1991-05-25"')
    talk.answer_until()
    before = talk.conversation.quotes[0].monthly_premium
    talk.wait(days=10)  # the nearest birthday is now the next one
    talk.mean("greeting")
    assert talk.conversation.quotes[0].monthly_premium >= before


def test_what_a_person_corrected_is_used_and_said_once() -> None:
    talk = at_proposal()
    talk.conversation.profile["smoker"] = True
    talk.conversation.profile_sources["smoker"] = ProfileSource("", talk.now, "human", [False])
    talk.mean("greeting")
    assert "Una persona del equipo ha actualizado" in talk.text
    assert "Fuma: sí" in talk.text
    assert "pasa de" in talk.text
    talk.mean("greeting")
    assert "actualizado" not in talk.text


def test_what_a_person_corrected_without_effect_on_the_price_is_not_mentioned() -> None:
    talk = at_proposal()
    talk.conversation.profile["postal_code"] = "28001"
    talk.conversation.profile_sources["postal_code"] = ProfileSource("", talk.now, "human")
    talk.mean("greeting")
    assert "actualizado" not in talk.text


def test_restart_in_the_middle_begins_with_the_first_question() -> None:
    talk = at_proposal()
    talk.press("restart")
    assert talk.awaiting == "name"
    assert talk.profile == {}
