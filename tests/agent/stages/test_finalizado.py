"""FINALIZADO: what acceptance leaves behind, and what coming back leads to."""

from __future__ import annotations

import pytest

from tests.agent.talk import Talk, at_proposal


def accepted() -> Talk:
    talk = at_proposal()
    talk.choose(1)
    talk.accept()
    return talk


def refused() -> Talk:
    talk = Talk()
    talk.say("hola")
    talk.press("consent:no")
    return talk


def declined() -> Talk:
    talk = at_proposal()
    talk.press("decline")
    return talk


def test_acceptance_says_what_comes_next_and_calls_a_person() -> None:
    talk = accepted()
    assert (talk.stage, talk.awaiting, talk.conversation.outcome) == ("FINALIZADO", None, "accepted")
    for part in ("Equilibrada", "240.000 €", "30 días", "cuestionario", "persona del equipo"):
        assert part in talk.text
    assert talk.step.handoff is not None
    assert talk.step.handoff.reason == "accepted"
    assert talk.conversation.owner == "bot"
    assert talk.conversation.agenda.get("expire") is None


def test_an_accepted_lead_is_told_where_things_stand() -> None:
    talk = accepted()
    seen = set()
    for meaning in ("greeting", "affirm", "unclear"):
        talk.mean(meaning)
        assert "Equilibrada" in talk.text
        seen.add(talk.text)
    assert len(seen) == 3
    talk.mean("question:price")
    assert "€" in talk.text
    assert talk.conversation.outcome == "accepted"


def test_a_fact_changed_after_acceptance_goes_to_the_person() -> None:
    talk = accepted()
    talk.mean("monthly_income!=2500")
    assert talk.step.handoff is not None
    assert talk.step.handoff.reason == "changed_after_acceptance"
    assert talk.profile["monthly_income"] == 2500
    assert talk.conversation.outcome == "accepted"


def test_starting_anew_forgets_the_facts_and_keeps_the_consent() -> None:
    talk = accepted()
    talk.press("restart")
    assert (talk.stage, talk.awaiting, talk.conversation.outcome) == ("NEEDS_ANALYSIS", "name", None)
    assert (talk.profile, talk.conversation.quotes, talk.conversation.selected_quote) == ({}, [], None)
    assert talk.conversation.consents["quote"].given


def test_starting_anew_without_consent_asks_for_it() -> None:
    talk = refused()
    talk.press("restart")
    assert (talk.stage, talk.awaiting) == ("INICIO", "consent")


def test_after_a_refusal_general_questions_are_answered_and_nothing_is_kept() -> None:
    talk = refused()
    talk.mean("question:price", "age=40")
    assert "precio" in talk.text
    assert (talk.profile, talk.conversation.pending) == ({}, {})
    talk.mean("unclear")
    assert "consent:yes" in talk.options
    talk.mean("thanks")
    assert talk.conversation.outcome == "consent_refused"
    talk.mean("affirm", "thanks")
    assert not talk.conversation.consents["quote"].given
    talk.press("consent:yes")
    assert (talk.stage, talk.awaiting, talk.conversation.outcome) == ("NEEDS_ANALYSIS", "name", None)


@pytest.mark.parametrize("meaning", ["affirm", "interest", "resume"])
def test_wanting_a_quote_after_a_refusal_asks_for_the_consent_again(meaning: str) -> None:
    talk = refused()
    talk.mean(meaning)
    assert (talk.stage, talk.awaiting, talk.conversation.outcome) == ("INICIO", "consent", None)
    assert "quote" not in talk.conversation.consents


def test_a_follow_up_only_for_who_asks_for_it() -> None:
    talk = declined()
    assert "follow_up" not in talk.conversation.consents
    talk.press("more:follow_up")
    assert talk.conversation.consents["follow_up"].given
    assert talk.conversation.outcome == "declined"
    talk.mean("opt_out")
    assert "follow_up" not in talk.conversation.consents
    assert talk.conversation.outcome == "opted_out"


def test_a_last_word_after_declining_reopens_nothing() -> None:
    talk = declined()
    for meaning in ("thanks", "bye", "deny", "affirm"):
        talk.mean(meaning)
        assert talk.conversation.outcome == "declined"
        assert talk.awaiting is None


def test_who_declined_and_comes_back_goes_on_with_the_proposal() -> None:
    talk = declined()
    talk.mean("greeting")
    assert (talk.stage, talk.awaiting, talk.conversation.outcome) == ("PRESENTACION_PROPUESTA", "choice", None)
    assert "Ana" in talk.text


def test_who_declined_and_changes_a_fact_gets_it_priced() -> None:
    talk = declined()
    talk.mean("sum_assured=100000")
    assert talk.stage == "PRESENTACION_PROPUESTA"
    assert talk.conversation.quotes[0].sum_assured == 100_000


def test_baja_is_confirmed_once_and_then_there_is_silence_until_something_is_wanted() -> None:
    talk = Talk().agree()
    talk.mean("opt_out")
    assert (talk.stage, talk.conversation.outcome, talk.awaiting) == ("FINALIZADO", "opted_out", None)
    assert talk.replies
    for meaning in ("opt_out", "thanks", "affirm", "unclear", "insult"):
        talk.mean(meaning)
        assert talk.replies == ()
    talk.show("sticker")
    assert talk.replies == ()
    talk.mean("greeting")
    assert (talk.stage, talk.awaiting, talk.conversation.outcome) == ("NEEDS_ANALYSIS", "name", None)


def test_a_sticker_after_declining_is_only_a_sticker() -> None:
    talk = declined()
    talk.show("sticker")
    assert talk.conversation.outcome == "declined"
    assert len(talk.replies) == 1


def test_baja_before_the_consent_then_coming_back_asks_for_it() -> None:
    talk = Talk()
    talk.say("hola")
    talk.mean("opt_out")
    talk.mean("question:price")
    assert (talk.stage, talk.awaiting) == ("INICIO", "consent")


def test_an_age_over_the_limit_stays_so_until_it_is_corrected() -> None:
    talk = Talk().agree().answer_until("age")
    talk.mean("age=82")
    talk.conversation.owner = "bot"
    talk.mean("affirm")
    assert talk.conversation.outcome == "ineligible"
    assert talk.options == ["restart", "human"]
    talk.mean("question:price")
    assert talk.conversation.outcome == "ineligible"
    talk.mean("age!=52")
    assert (talk.stage, talk.conversation.outcome) == ("NEEDS_ANALYSIS", None)
    assert talk.profile["age"] == 52


@pytest.mark.parametrize("kind", ["sticker", "image"])
def test_a_picture_after_the_end_gets_a_word(kind: str) -> None:
    talk = accepted()
    talk.show(kind)
    assert len(talk.replies) == 1


@pytest.mark.parametrize(
    "asked", ["¿cuánto era al mes?", "¿cuánto voy a pagar?", "¿qué precio me queda?", "¿cuánto se me queda?"]
)
def test_after_acceptance_the_price_is_that_of_what_was_chosen(asked: str) -> None:
    talk = accepted()
    talk.say(asked)
    chosen = next(quote for quote in talk.conversation.quotes if quote.id == talk.conversation.selected_quote)
    assert f"{chosen.monthly_premium:.2f} €".replace(".", ",") in talk.text
    assert sum("al mes" in line for line in talk.text.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        "me he arrepentido",
        "quiero cancelar la solicitud",
        "quiero la 3 en vez de la 2",
        "ya no lo quiero",
        "quiero menos capital",
        "no me ha llamado nadie",
    ],
)
def test_who_wants_it_otherwise_after_accepting_is_not_told_that_all_is_in_order(words: str) -> None:
    talk = at_proposal()
    talk.say("la 2")
    talk.say("sí")
    assert talk.conversation.outcome == "accepted"
    talk.say(words)
    assert talk.step.handoff is not None
    assert talk.step.handoff.reason == "second_thoughts"
    assert "visto bueno" in talk.text


@pytest.mark.parametrize("words", ["gracias", "ok", "¿puedo cancelarlo más adelante?", "¿cuánto pago al final?"])
def test_what_changes_nothing_calls_nobody(words: str) -> None:
    talk = at_proposal()
    talk.say("la 2")
    talk.say("sí")
    talk.say(words)
    assert talk.step.handoff is None
