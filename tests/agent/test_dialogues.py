"""The forty dialogue outlines, turn by turn: what they give must be known, what the bot must do must be seen."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from src.agent.state import Consent
from tests.agent.talk import Talk, at_proposal
from tests.kit.rig import PROJECT

OUTLINES = PROJECT / "tests" / "agent" / "dialogues.yaml"
DIALOGUES = {one["id"]: one for one in yaml.safe_load(OUTLINES.read_text(encoding="utf-8"))["dialogues"]}

# --- where each dialogue begins ---------------------------------------------------------------------------------------


def fresh() -> Talk:
    return Talk()


def asked(awaiting: str, **answers: Any) -> Callable[[], Talk]:
    return lambda: Talk().agree().answer_until(awaiting, **answers)


def came_with_consent() -> Talk:
    """Somebody who agreed before the first message, on the website."""
    talk = Talk()
    talk.conversation.consents["quote"] = Consent(given=True, at=talk.now, text_version="web")
    return talk


def greeted() -> Talk:
    talk = Talk()
    talk.say("hola")
    return talk


def all_but_the_sum() -> Talk:
    """Job and mortgage are known already, and the next question is about the income."""
    talk = Talk().agree().answer_until("age")
    talk.mean('occupation="administrativa"', "occupation_class=1")
    talk.press("set:mortgage_balance:0")
    return talk.answer_until("monthly_income", dependents=1)


def away_for_days() -> Talk:
    talk = at_proposal()
    talk.wait(days=6)
    return talk


def dear_proposal() -> Talk:
    return at_proposal(age=47)


BEGINNINGS: dict[str, Callable[[], Talk]] = {
    "D01": fresh,
    "D02": came_with_consent,
    "D03": asked("age"),
    "D04": at_proposal,
    "D05": asked("name"),
    "D06": asked("age"),
    "D07": asked("smoker"),
    "D08": dear_proposal,
    "D09": at_proposal,
    "D10": asked("smoker"),
    "D11": asked("monthly_income"),
    "D12": at_proposal,
    "D13": asked("age"),
    "D14": asked("age"),
    "D15": asked("age"),
    "D16": came_with_consent,
    "D17": came_with_consent,
    "D18": came_with_consent,
    "D19": fresh,
    "D20": asked("name"),
    "D21": asked("name"),
    "D22": asked("age"),
    "D23": asked("name"),
    "D24": asked("mortgage_balance"),
    "D25": asked("smoker"),
    "D26": asked("smoker"),
    "D27": asked("occupation"),
    "D28": asked("smoker"),
    "D29": asked("smoker"),
    "D30": asked("age"),
    "D31": asked("name"),
    "D32": fresh,
    "D33": asked("name"),
    "D34": asked("name"),
    "D35": at_proposal,
    "D36": greeted,
    "D37": asked("name"),
    "D38": all_but_the_sum,
    "D39": asked("name"),
    "D40": away_for_days,
}
OPTIONAL_TURNS = {("D01", "sí, calcula"), ("D02", "dale")}
"""Leave to calculate: skipped by a bot that quotes as soon as it can, as the outlines say."""


def _need(talk: Talk, text: str) -> None:
    """Puts the question that an outline's answer belongs to, where this bot asks in another order."""
    if text == "unos 150":
        talk.conversation.awaiting = "sum_assured"


# --- slots ------------------------------------------------------------------------------------------------------------

KEYS = {
    "children": "dependents",
    "income_month": "monthly_income",
    "marital": "marital_status",
    "capital": "sum_assured",
    "budget_month": "monthly_budget",
    "debts": "other_debts",
    "risk_class": "occupation_class",
    "p1.age": "age",
    "p1.smoker": "smoker",
    "p1.capital": "sum_assured",
}
PROFILE_KEYS = {"name", "age", "smoker", "occupation", "mortgage_balance", "birth_date", "term_years", "email", *KEYS.values()}


def known(talk: Talk, slot: str, wanted: Any) -> bool:
    conversation = talk.conversation
    if slot == "consent_quote":
        return conversation.consents["quote"].given is wanted
    if slot == "has_mortgage":
        return bool(conversation.profile.get("mortgage_balance")) is wanted
    if slot == "income_year":
        return round(conversation.profile.get("monthly_income", 0) * 12) == wanted
    if slot == "option":
        return conversation.selected_quote == conversation.quotes[wanted - 1].id
    if slot == "risk_class" and wanted == "refer":
        return conversation.owner == "human"
    if slot.startswith("p2."):
        return conversation.details.get("second_person", {}).get(slot[3:].replace("capital", "sum_assured")) == wanted
    key = KEYS.get(slot, slot)
    if key in PROFILE_KEYS:
        asked_about = talk.awaiting == f"confirm:{key}" and talk.candidate == wanted
        return conversation.profile.get(key) == wanted or asked_about
    return conversation.details.get(key) == wanted


# --- what the bot must do ---------------------------------------------------------------------------------------------


def says(*patterns: str) -> Callable[[Talk], bool]:
    return lambda talk: all(re.search(pattern, talk.text, re.IGNORECASE) for pattern in patterns)


def confirms(talk: Talk) -> bool:
    return (talk.awaiting or "").startswith("confirm:")


def asks_again(talk: Talk) -> bool:
    return talk.awaiting is not None and talk.text.rstrip().endswith(("?", ".", "»", ":"))


def no_price(talk: Talk) -> bool:
    return "€" not in talk.text


MUST: dict[str, Callable[[Talk], bool]] = {
    "ai_disclosure": says("asistente automático|automated assistant", "programa|program"),
    "privacy_notice": says("privacidad|privacy"),
    "ask_only_missing": lambda talk: talk.awaiting == "occupation",
    "requote": lambda talk: (
        talk.stage == "PRESENTACION_PROPUESTA" and bool(talk.conversation.quotes) and "quote.made" in talk.events()
    ),
    "show_price_change": says(r"pasa de [\d.,]+ € a \*[\d.,]+ €"),
    "answer_LCS93_one_year": says("primer año|un año"),
    "resume_pending_question": asks_again,
    "empathy": says("siento"),
    "line_024": says("024", "112"),
    "no_sales": lambda talk: no_price(talk) and not talk.options,
    "handoff": lambda talk: talk.step.handoff is not None and talk.conversation.owner == "human",
    "requote_to_budget": lambda talk: all(
        quote.monthly_premium <= talk.profile["monthly_budget"] for quote in talk.conversation.quotes
    ),
    "state_coverage_gap": says("se queda fuera|sin cubrir|baja el capital"),
    "no_disparage": lambda talk: not re.search("peor|estafa|malo|engañ", talk.text),
    "compare_cover": says("mismas coberturas|sea lo mismo"),
    "confirm_handoff": says("persona del equipo"),
    "ask_time": says("hora"),
    "keep_data": lambda talk: bool(talk.profile),
    "confirm_optout": says("no te volveremos a escribir"),
    "no_more_marketing": lambda talk: (
        talk.conversation.outcome == "opted_out" and "follow_up" not in talk.conversation.consents
    ),
    "log_LSSI21": lambda talk: "conversation.ended" in talk.events(),
    "calm_once": says("siento"),
    "offer_human": lambda talk: "human" in talk.options,
    "close_or_handoff": lambda talk: talk.conversation.owner == "human",
    "refuse": says("no puedo|no comparto"),
    "price_unchanged": no_price,
    "log": lambda talk: "guard.injection" in talk.events(),
    "offer_es_or_human": says("castellà|español|Spanish", "persona|person"),
    "confirm_age": confirms,
    "confirm": confirms,
    "confirm_thousands": confirms,
    "decline_minor": says("18 años"),
    "no_more_personal_data": lambda talk: talk.awaiting is None,
    "erase": lambda talk: talk.step.erase and not talk.profile,
    "decline_or_handoff_kind": says("gracias", "65"),
    "no_quote": lambda talk: not talk.conversation.quotes,
    "separate_people": says("cada persona|por separado"),
    "inform_free_choice": says("aseguradora|libre|otra compañía|elegir"),
    "explain_definition": says("cuenta como fumador|cuenta también"),
    "handoff_underwriter": lambda talk: talk.step.handoff is not None,
    "do_not_store_health": lambda talk: "infarto" not in repr(talk.conversation) and "sintrom" not in repr(talk.conversation),
    "explain": says("cuestionario"),
    "say_no_need_to_declare_LCS10": says("no tienes que declararlo"),
    "no_effect_on_price": says("no cambia el precio"),
    "redact": lambda talk: not re.search("12345678Z|ES91|cáncer de mama", repr(talk.conversation)),
    "ask_full_date": lambda talk: talk.awaiting == "birth_date",
    "invalid_date": says("fecha no|no es posible|no existe"),
    "export_or_channel": says("esto es lo que guardo"),
    "confirm_then_erase": lambda talk: talk.step.erase and "borrado" in talk.text,
    "log_proof": lambda talk: "data.erased" in talk.events(),
    "generic_info_only": says("no guardo ningún dato"),
    "say_automated_system": says("asistente automático|un programa"),
    "needs_calculator": says("cuenta|calcul"),
    "show_formula": says("ingresos", "deudas|hipoteca"),
    "tell_not_needed_here": says("no hace falta|no necesitas"),
    "recall_summary": says("la última vez"),
    "quote_validity_check": says("sigue en pie|caducado"),
}

NEXT_TO = {"COTIZACION": "PRESENTACION_PROPUESTA"}


def stage_is(talk: Talk, wanted: str) -> bool:
    if wanted == "HUMANO":
        return talk.conversation.owner == "human"
    return talk.stage in (wanted, NEXT_TO.get(wanted))


def problems_of(name: str, talk: Talk, before_turn: Callable[[dict[str, Any], Talk], None] = lambda _turn, _talk: None) -> str:
    """Plays a dialogue, and tells what did not go as its outline says; nothing when all did."""
    dialogue = DIALOGUES[name]
    problems: list[str] = []
    before = dict(talk.profile)
    for turn in dialogue["turns"]:
        if (name, turn["user"]) in OPTIONAL_TURNS and talk.awaiting == "choice":
            continue
        _need(talk, turn["user"])
        prices = [quote.monthly_premium for quote in talk.conversation.quotes]
        silent = talk.conversation.owner == "human"
        before_turn(turn, talk)
        talk.say(turn["user"])
        where = f"«{turn['user']}» → {talk.stage}/{talk.awaiting}/{talk.conversation.owner}: {talk.text!r}"
        expected = turn["expect"]
        problems += [
            f"{slot}={wanted} not known after {where} {talk.profile} {talk.conversation.details}"
            for slot, wanted in expected.get("slots", {}).items()
            if not talk.step.erase and not known(talk, slot, wanted)
        ]
        problems += [f"must {tag}: {where}" for tag in expected.get("bot_must", ()) if not MUST[tag](talk)]
        if "stage" in expected and not stage_is(talk, expected["stage"]):
            problems.append(f"stage should be {expected['stage']}: {where}")
        if "any_price_not_from_engine" in expected.get("forbidden", ()):
            problems += [where] if [quote.monthly_premium for quote in talk.conversation.quotes] != prices else []
        if not talk.replies and not silent:
            problems.append(f"silence after {where}")
    if not stage_is(talk, dialogue["final_stage"]) and not (dialogue["final_stage"] == "FINALIZADO" and talk.step.erase):
        problems.append(f"ends in {talk.stage}, not {dialogue['final_stage']}: {before}")
    return "\n".join(problems)


@pytest.mark.parametrize("name", sorted(DIALOGUES))
def test_dialogue(name: str) -> None:
    assert problems_of(name, BEGINNINGS[name]()) == ""


def test_every_dialogue_has_a_beginning_and_every_tag_a_check() -> None:
    tags = {tag for one in DIALOGUES.values() for turn in one["turns"] for tag in turn["expect"].get("bot_must", ())}
    assert set(BEGINNINGS) == set(DIALOGUES)
    assert tags <= set(MUST)
