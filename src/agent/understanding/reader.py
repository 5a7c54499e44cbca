"""One turn of the prospect, read by rules alone."""

from __future__ import annotations

import re
from typing import Any

from src.agent.understanding.answers import Answer, read_answer
from src.agent.understanding.intents import read_intents
from src.agent.understanding.numbers import Numeral, find_numerals
from src.agent.understanding.reading import Context, Found, Intent, Reading
from src.agent.understanding.replies import confirmed_candidate, read_reply
from src.agent.understanding.wording import Wording, word_of

_MONEY_KEYS = ("monthly_income", "mortgage_balance", "other_debts", "savings", "existing_cover", "sum_assured", "monthly_budget")


def read(text: str, context: Context, reply_id: str = "") -> Reading:
    """What was understood of `text`, given what was just asked. Never raises; an empty reading has intent `unclear`."""
    if reply_id:
        pressed = read_reply(reply_id, text, context)
        if pressed is not None:
            return pressed
    wording = word_of(text)
    intents = read_intents(wording)
    answer = read_answer(wording.plain, wording.text)
    values = _values(wording, context, answer)
    if answer:
        intents.append(Intent(answer.polarity, "", answer.confidence, wording.evidence(answer.start, answer.end)))
        if answer.polarity == "affirm" and not values:
            values.extend(confirmed_candidate(context, wording.evidence(answer.start, answer.end)))
    if not intents and not values:
        intents.append(Intent("unclear", confidence=0.5))
    return Reading(intents=tuple(intents), values=tuple(values), language=context.language, text=wording.text)


def _values(wording: Wording, context: Context, answer: Answer | None) -> list[Found]:
    found: list[Found] = []
    plain = wording.plain
    awaiting = (context.awaiting or "").removeprefix("confirm:")
    smoker = re.search(r"\b(?:no|nunca|ni|ya no)\b[^.,;]{0,14}\bfum\w+|\bfumador[a]? no\b", plain)
    smokes = re.search(r"\bfum(?:o|ador|adora)\b", plain)
    if smoker:
        found.append(Found("smoker", False, wording.evidence(*smoker.span())))
    elif smokes:
        found.append(Found("smoker", True, wording.evidence(*smokes.span())))
    elif awaiting == "smoker" and answer and answer.polarity != "dont_know":
        found.append(Found("smoker", answer.polarity == "affirm", wording.evidence(answer.start, answer.end)))
    if answer and answer.polarity == "deny" and awaiting in (*_MONEY_KEYS, "dependents") and awaiting not in ("sum_assured", "monthly_budget", "monthly_income"):
        found.append(Found(awaiting, 0, wording.evidence(answer.start, answer.end)))
    found.extend(_numbers(wording, awaiting))
    name = re.search(r"\b(?:soy|me llamo|mi nombre es)\s+(?P<name>[a-z]+(?: [a-z]+)?)", plain)
    if name and wording.evidence(*name.span("name"))[:1].isupper():
        found.append(Found("name", wording.evidence(*name.span("name"))))
    elif awaiting == "name" and not found and re.fullmatch(r"\W*[a-z]+(?: [a-z]+){0,3}\W*", plain):
        found.append(Found("name", wording.text.strip(" .,!").title()))
    if awaiting == "occupation" and not found and len(plain) < 80:
        found += [Found("occupation", re.sub(r"(?i)^(soy|trabajo (de|como))\s+", "", wording.text.strip(" .!"))), Found("occupation_class", 1)]
    return found


def _numbers(wording: Wording, awaiting: str) -> list[Found]:
    found: list[Found] = []
    for numeral in find_numerals(wording.plain):
        key = _key_of(numeral, wording.plain, awaiting)
        if key and all(other.key != key for other in found):
            value: Any = int(numeral.value) if numeral.whole else numeral.value
            if key == "monthly_income" and re.match(r"\W*(?:euros?|€)?\s*(?:brutos |netos )?(?:al ano|anual)", wording.plain[numeral.end :]):
                value = round(value / 12, 2)
            found.append(Found(key, value, wording.evidence(numeral.start, numeral.end), 1.0, False, numeral.alternatives))
    return found


def _key_of(numeral: Numeral, plain: str, awaiting: str) -> str | None:
    before, after = plain[max(0, numeral.start - 30) : numeral.start], plain[numeral.end : numeral.end + 25]
    if re.match(r"\W*(?:anos|tacos|pirulos)", after) and 0 < numeral.value < 110:
        return "age"
    if re.match(r"\W*(?:hij|nin|peque|chamac|pibe)", after):
        return "dependents"
    if re.match(r"[^,;.]{0,12}hipoteca", after) or re.search(r"hipoteca[^,;.]*$", before):
        return "mortgage_balance"
    if re.search(r"\b(?:gano|cobro|ingreso|sueldo)[^,;.]*$", before):
        return "monthly_income"
    if re.search(r"\btengo $", before) and 16 <= numeral.value < 110:
        return "age"
    if awaiting in (*_MONEY_KEYS, "age", "dependents", "term_years"):
        return awaiting
    if awaiting == "birth_date" and 16 <= numeral.value < 110:
        return "age"
    return None
