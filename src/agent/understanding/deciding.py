"""From likelihoods to what is taken for said: what is certain counts, what is likely is asked about, the rest is nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import msgspec

from src.agent.profile import BALANCES, NONE_IS_ZERO
from src.agent.understanding.amounts import MONEY_KEYS, amount_of
from src.agent.understanding.asking import NOT_ASKED, OTHER, TALKED_OF_AS, topics_of
from src.agent.understanding.choices import is_premium, pointers_of
from src.agent.understanding.features import message_features
from src.agent.understanding.grammar import Grammar
from src.agent.understanding.learnt import head
from src.agent.understanding.lexicon import words_of
from src.agent.understanding.names import PARTICLES, full_name
from src.agent.understanding.occupations import class_of
from src.agent.understanding.people import Mention
from src.agent.understanding.quantities import Quantity, as_number
from src.agent.understanding.reading import CONFIRM_BELOW, Context, Found
from src.agent.understanding.roles import NOTHING, mention_features, number_features
from src.agent.understanding.spans import NAME, OCCUPATION, linked_features, lone_features
from src.agent.understanding.wording import fold

NEXT_AGE = "next age"
"""The role of a birthday to come: "en mayo cumplo 40"."""
HOUSEHOLD = "household"
"""The role of all who live together: "somos cuatro en casa"."""
LIKELY, SURE = 0.4, 0.8
"""Below the first nothing was said; from the second on it counts without a question."""
CERTAIN, DOUBTFUL = 1.0, 0.5
_OTHERS = {"partner.age": "details.second_person", "child.age": "details.child_ages", "other.price": "details.competitor_month",
           "other.payment": "details.mortgage_payment_month"}  # fmt: skip
_MOST_DEPENDENTS, _OLDEST = 20, 119


Acts = Mapping[str, float]
"""How likely each act is."""


def acts_of(seen: Grammar, context: Context) -> Acts:
    """How likely each act is of the whole message."""
    return head("acts").probabilities(
        message_features(seen.spoken, context.awaiting, pointers_of(seen.tokens, seen.numbers, context))
    )


_TOPIC_FROM = 0.65


MEANING = "meaning"
"""What somebody asks who did not understand the open question; it depends on that question, so the acts tell it."""


def topic_of(seen: Grammar) -> str:
    """What a question is about: one of the figures at hand, the id of an entry of the knowledge, or "" for neither."""
    topic, likely = _likeliest(topics_of(seen.wording.text))
    return "" if topic in (OTHER, NOT_ASKED) or likely < _TOPIC_FROM else TALKED_OF_AS.get(topic, topic)


def all_known(seen: Grammar) -> bool:
    """Whether every word was met in training: nothing binds in words that nobody knows."""
    known = head("acts").knows
    return all(token.kind != "word" or known(f"w:{token.text}") for token in seen.tokens)


def values_of(seen: Grammar, acts: Acts, roles: Sequence[Role], context: Context) -> list[Found]:
    """Every value that is certain or likely enough to be asked about, one for each key."""
    asked = (context.awaiting or "").removeprefix("confirm:")
    found = [*seen.contacts, *_numbers(seen, acts, roles, context), *_dependents(seen, acts, roles, context)]
    found += _children(found, seen, context)
    known = {each.key for each in found}
    for key in NONE_IS_ZERO:
        likely = acts.get(f"zero={key}", 0.0)
        told_instead = any(each.key in MONEY_KEYS for each in found)
        if key not in known and likely >= (SURE if told_instead else LIKELY):
            found.append(Found(key, 0, seen.wording.text, CERTAIN if likely >= SURE else DOUBTFUL))
    found += told_by_words(seen, acts, context)
    found = _with_what_was_taken_back(found, seen, context)
    corrects = acts.get("correction", 0.0) >= 0.5
    found = [_heeding_mood(each, seen, acts, asked) for each in found]
    return [
        msgspec.structs.replace(each, correction=True) if corrects or _contradicts(each, context) else each for each in found
    ]


def told_by_words(seen: Grammar, acts: Acts, context: Context) -> list[Found]:
    """The values that no number stands for."""
    return [*_smoker(acts, seen), *_marital(acts, seen), *_words(seen, acts, context)]


def _contradicts(found: Found, context: Context) -> bool:
    return found.correction or (found.key in context.profile and context.profile[found.key] != found.value)


def _with_what_was_taken_back(found: list[Found], seen: Grammar, context: Context) -> list[Found]:
    """ "45, no 54" when 54 is what we know: the number that is taken back tells which value is meant."""
    taken = [number for number in seen.numbers if number.rejected]
    said = [number for number in seen.numbers if not number.rejected and number.unit != "date"]
    if len(taken) != 1 or len(said) != 1 or said[0].high is not None:
        return found
    known = context.profile.items()
    keys = [key for key, value in known if not isinstance(value, bool) and value in (taken[0].number, taken[0].number * 1000)]
    if len(keys) != 1:
        return found
    thousands = keys[0] in MONEY_KEYS and not said[0].sized and context.profile[keys[0]] != taken[0].number
    value = said[0].number * 1000 if thousands else said[0].number
    evidence = seen.wording.evidence(said[0].start, said[0].end)
    return [*(each for each in found if each.evidence != evidence), Found(keys[0], value, evidence, CERTAIN, correction=True)]


_QUOTES_US = re.compile(r"\b(?:pusiste|has puesto|pones que|dices que|dijiste|apuntaste|has apuntado)\b")
"""What we wrote down is repeated, to be put right: it is not told."""
_SUPPOSED = re.compile(r"\bsi\b|\bcuando\b|\bcomo si\b")


def _heeding_mood(found: Found, seen: Grammar, acts: Acts, asked: str) -> Found:
    """What is asked, supposed or bargained for is not told: outside the open question it is at most asked about."""
    if found.key in ("email", "postal_code", asked) or found.key.startswith("details.") or found.confidence < CONFIRM_BELOW:
        return found
    asking = "?" in seen.plain or acts.get("question", 0.0) >= SURE
    supposing = any(seen.wording.evidence(*match.span()).lower() != "sí" for match in _SUPPOSED.finditer(seen.plain))
    bargaining = any(acts.get(f"objection:{kind}", 0.0) >= LIKELY for kind in ("price", "competitor"))
    if _QUOTES_US.search(seen.plain) and found.key == "age":
        return msgspec.structs.replace(found, confidence=DOUBTFUL)
    if (asking and supposing) or ((supposing or bargaining) and found.key == "monthly_budget"):
        return msgspec.structs.replace(found, confidence=DOUBTFUL)
    return found


@dataclass(frozen=True, slots=True)
class Role:
    """What a number of the message is about, how likely that is, and what it is else."""

    place: int
    name: str
    likely: float
    odds: Mapping[str, float]


def roles_of(seen: Grammar, context: Context) -> list[Role]:
    """The likeliest role of every number."""
    found = []
    for place in range(len(seen.numbers)):
        features = number_features(seen.plain, seen.tokens, seen.numbers, place, context.awaiting, premiums=context.premiums)
        odds = head("numbers").probabilities(features)
        found.append(Role(place, *_likeliest(odds), odds))
    return found


def option_of(seen: Grammar, roles: Sequence[Role], context: Context) -> tuple[int, float]:
    """The option that a number points at, from 1, and how likely; (0, 0) for none."""
    shown = len(context.options) or 3
    pointing: list[tuple[float, int]] = []
    for role in roles:
        number, likely = seen.numbers[role.place], role.odds.get("option", 0.0)
        if likely < LIKELY or number.rejected:
            continue
        priced = [place for place, premium in enumerate(context.premiums, 1) if is_premium(number, premium)]
        if len(priced) == 1:
            pointing.append((likely, priced[0]))
        elif number.value.is_integer() and 1 <= number.value <= shown:
            pointing.append((likely, int(number.value)))
    if len({option for _, option in pointing}) > 1:
        return 0, 0.0  # "entre la 1 y la 2"
    likely, option = max(pointing, key=lambda each: each[0], default=(0.0, 0))
    return option, likely


def _numbers(seen: Grammar, acts: Acts, roles: Sequence[Role], context: Context) -> list[Found]:
    told: dict[str, list[tuple[float, Found]]] = {}
    child_ages: list[Any] = []
    asked = (context.awaiting or "").removeprefix("confirm:")
    roles = _handed_on(seen, roles)
    answered = any(role.name == asked and role.likely >= LIKELY for role in roles)
    for role in roles:
        number = seen.numbers[role.place]
        name, likely = role.name, role.likely
        guessing = not answered and acts.get("told", 0.0) >= SURE
        if guessing and name in (NOTHING, "option") and role.odds.get(asked, 0.0) >= _GUESSED:
            name, likely = asked, LIKELY  # somebody answers, and this is what comes nearest to an answer
        if name in (NOTHING, "option", "dependents", HOUSEHOLD) or likely < LIKELY:
            continue
        evidence = seen.wording.evidence(number.start, number.end)
        if number.unit == "date":
            value = _date(seen, role.place, likely, evidence)
        else:
            value = _amount(name, number, likely, evidence, context)
        if value is not None and value.key == "details.child_ages":
            child_ages += value.value
        elif value is not None:
            told.setdefault(value.key, []).append((likely, value))
    if asked in MONEY_KEYS and asked not in BALANCES and asked in told:
        told[asked] += [value for value in _rivals(asked, seen, roles, context, least=0.0) if _adds_up(value[1], seen)]
    if asked in BALANCES and asked in told:
        told[asked] += _rivals(asked, seen, roles, context)
    found = [_one_of(key, values, seen) for key, values in told.items()]
    return [*found, Found("details.child_ages", child_ages)] if child_ages else found


def _handed_on(seen: Grammar, roles: Sequence[Role]) -> list[Role]:
    """The roles, where a number that takes another's place ("44, bueno, 45") is about what that one was about."""
    by_place = {role.place: role for role in roles}
    handed = []
    for role in roles:
        before = by_place.get(role.place - 1)
        taken_back = before is not None and seen.numbers[before.place].rejected and not seen.numbers[role.place].rejected
        unclear = role.name == NOTHING or role.likely < LIKELY or (before is not None and role.likely < before.likely)
        handed.append(replace(before, place=role.place) if before and taken_back and unclear else role)
    return handed


_GUESSED = 0.15


def _adds_up(found: Found, seen: Grammar) -> bool:
    """Whether it comes on top of another amount: "y 300 de extras"."""
    start = seen.wording.text.find(found.evidence)
    before, after = seen.wording.text[:start], seen.wording.text[start + len(found.evidence) :]
    return bool(_ADDED.search(fold(before)) and _SOURCE.match(fold(after)))


def _rivals(
    asked: str, seen: Grammar, roles: Sequence[Role], context: Context, *, least: float = _GUESSED
) -> Iterator[tuple[float, Found]]:
    """Other numbers that may be part of the amount that was asked for: "52.000, y otra de 14.000"."""
    for role in roles:
        number = seen.numbers[role.place]
        if role.name != asked and role.odds.get(asked, 0.0) >= least and number.unit != "date":
            value = _amount(asked, number, LIKELY, seen.wording.evidence(number.start, number.end), context)
            if value is not None and value.key == asked:
                yield 0.0, value


def _one_of(key: str, told: Sequence[tuple[float, Found]], seen: Grammar) -> Found:
    """Of several numbers for one key the likeliest; of several amounts none counts unasked, unless the words say which."""
    _, best = max(told, key=lambda each: each[0])
    if key in BALANCES and _SHARED.search(seen.plain) and len(told) == 1:
        return msgspec.structs.replace(best, confidence=DOUBTFUL, alternatives=(_whole(best.value / 2),))
    rivals = [value for other, value in told if value is not best and value.value != best.value]
    if not rivals or key not in MONEY_KEYS:
        return best
    chosen = _chosen_by_words([value for _, value in told], seen)
    if chosen is not None:
        return chosen
    total, values = float(best.value + sum(each.value for each in rivals)), [each.value for each in rivals]
    if key in BALANCES:
        return msgspec.structs.replace(best, confidence=DOUBTFUL, alternatives=tuple(dict.fromkeys((_whole(total), *values))))
    if _VARIES.search(seen.plain):
        middle = _whole(total / (1 + len(rivals)))  # months differ: one figure stands for all of them
        return msgspec.structs.replace(best, value=middle, confidence=DOUBTFUL, alternatives=(best.value, *values))
    return msgspec.structs.replace(best, confidence=DOUBTFUL, alternatives=tuple(values))


_SHARED = re.compile(r"\b(?:a medias|al (?:50|cincuenta)|entre l[oa]s dos|la mitad (?:es|cada)|mitad y mitad)\b")
_VARIES = re.compile(r"\b(?:mes(?:es)?|a veces|depende\w*|segun|temporadas?|otr[oa]s?|vari\w+)\b")
_SAYS_WHICH = re.compile(
    r"\b(?:pon(?:le|me|gamos|ga|er|lo)?|apunta|de media|en promedio|promedio|en total|total|digamos|dejalo en)\W+(?:\w+\W+)?$"
)
_NET = re.compile(r"^\W*(?:\w+\W+)?(?:net[oa]s?|limpi[oa]s?|liquid[oa]s?|en mano|libres?)\b")
_GROSS = re.compile(r"^\W*(?:\w+\W+)?brut[oa]s?\b")
_ADDED = re.compile(r"\b(?:mas(?: otr[oa]s?)?|y(?: otr[oa]s)?)\W+(?:unos |unas |los |las |como )*$")
_SOURCE = re.compile(
    r"^\W*(?:euros |€ )?(?:de|en|por) (?:(?:la|el|las|los|un|una|mi|mis) )?(?:viude\w+|pension\w*|extras?|hor\w+|comision\w*|"
    r"propinas?|alquil\w*|cas\w+|pis\w+|otr[oa]\b|clases|nomina\w*|paro|ayudas?|dietas?|guardias?|plus\w*|trabaj\w+|negocio)"
)


def _chosen_by_words(told: Sequence[Found], seen: Grammar) -> Found | None:
    """Which of several amounts is meant, where the words say so: what follows "pon", what is net, the sum of what adds up."""
    placed = sorted(((seen.wording.text.find(value.evidence), value) for value in told), key=lambda each: each[0])
    before, after = [], []
    for number, (start, value) in enumerate(placed):
        last = placed[number - 1][0] + len(placed[number - 1][1].evidence) if number else 0
        following = placed[number + 1][0] if number + 1 < len(placed) else len(seen.wording.text)
        before.append(fold(seen.wording.text[last:start]))
        after.append(fold(seen.wording.text[start + len(value.evidence) : following]))
    values = [value for _, value in placed]
    said = [value for value, words in zip(values, before, strict=True) if _SAYS_WHICH.search(words)]
    net = [value for value, words in zip(values, after, strict=True) if _NET.match(words)]
    gross = [value for value, words in zip(values, after, strict=True) if _GROSS.match(words)]
    if len(said) == 1:
        return msgspec.structs.replace(said[0], confidence=CERTAIN, alternatives=())
    if len(net) == 1:
        return msgspec.structs.replace(net[0], confidence=CERTAIN, alternatives=())
    if len(values) == 2 and len(gross) == 1:
        rest = next(value for value in values if value not in gross)
        return msgspec.structs.replace(rest, confidence=CERTAIN, alternatives=())
    if (
        all(_ADDED.search(words) for words in before[1:])
        and sum(bool(_SOURCE.match(words)) for words in after) >= len(values) - 1
    ):
        total = _whole(float(sum(value.value for value in values)))
        return msgspec.structs.replace(values[0], value=total, confidence=CERTAIN, alternatives=())
    return None


def _whole(value: float) -> int | float:
    return as_number(round(value, 2))


def _likeliest(likely: Mapping[str, float]) -> tuple[str, float]:
    return max(likely.items(), key=lambda each: each[1])


def _date(seen: Grammar, place: int, likely: float, evidence: str) -> Found | None:
    days: Sequence[date] = seen.dates.get(place, ())
    if not days:
        return None
    first, *others = (day.isoformat() for day in days)
    return Found("birth_date", first, evidence, CERTAIN if likely >= SURE and not others else DOUBTFUL, False, tuple(others))


def _amount(role: str, number: Quantity, likely: float, evidence: str, context: Context) -> Found | None:
    if number.rejected or role == "birth_date":
        return None
    values, sure = amount_of(role, number)
    confidence = min(sure, CERTAIN if likely >= SURE else DOUBTFUL)
    value, *others = values
    if role == NEXT_AGE:
        coming = int(number.value)
        return Found("age", coming - 1, evidence, DOUBTFUL, False, (coming,)) if 0 < coming <= _OLDEST else None
    if role == "details.birth_year":
        year = year_of(value, context.today)
        return Found(role, year, evidence) if year else None
    if number.rough and role == "age":
        return None  # "cuarenta y pico" says no age: it is asked for in figures
    if number.rough:
        confidence = DOUBTFUL
    in_years = role in ("age", "term_years", "partner.age", "child.age")
    if in_years and (not float(value).is_integer() or not 0 <= value <= _OLDEST):
        return None
    if role == "partner.age":
        return Found(_OTHERS[role], {"age": value}, evidence)
    if role == "child.age":
        return Found(_OTHERS[role], [value], evidence)
    if number.foreign:
        return Found(f"details.foreign_{role}", f"{as_number(number.value)} {evidence}", evidence)
    return Found(_OTHERS.get(role, role), value, evidence, confidence, False, tuple(others))


def year_of(value: float, today: str) -> int | None:
    """The year of birth behind "79" or "1979"; None when nobody alive was born then."""
    this = int(today[:4]) if today[:4].isdigit() else 2026
    year = int(value) if value >= 1900 else 1900 + int(value) if int(value) > this % 100 else 2000 + int(value)
    return year if this - 120 < year <= this else None


def _dependents(seen: Grammar, acts: Acts, roles: Sequence[Role], context: Context) -> list[Found]:
    told: list[tuple[float, Found]] = []
    for role in roles:
        number = seen.numbers[role.place]
        counted = number.value.is_integer() and 0 <= number.value <= _MOST_DEPENDENTS
        if role.likely < LIKELY or not counted or role.name not in ("dependents", HOUSEHOLD):
            continue
        evidence = seen.wording.evidence(number.start, number.end)
        if role.name == HOUSEHOLD:
            others = max(int(number.value) - 1, 0)
            told.append((role.likely, Found("dependents", others, evidence, DOUBTFUL, False, (int(number.value),))))
            continue
        most = () if number.high is None else (as_number(number.high),)
        certain = role.likely >= SURE and number.high is None
        value = Found("dependents", number.number, evidence, CERTAIN if certain else DOUBTFUL, False, most)
        told.append((role.likely, value))
    people = _people(seen, context)
    if people:
        told.append(people)
    none = acts.get("zero=dependents", 0.0)
    if none >= LIKELY:
        told.append((none, Found("dependents", 0, seen.wording.text, CERTAIN if none >= SURE else DOUBTFUL)))
    return [max(told, key=lambda each: each[0])[1]] if told else []


def _children(found: Sequence[Found], seen: Grammar, context: Context) -> list[Found]:
    """How many of the dependants are children, where others are among them: only children have studies to be paid."""
    told = next((each for each in found if each.key == "dependents"), None)
    counted = [mention for _, mention in _counted(seen, context)]
    if told is None or told.value != sum(mention.count for mention in counted) or all(mention.child for mention in counted):
        return []
    return [Found("details.children", sum(mention.count for mention in counted if mention.child), told.evidence)]


def _counted(seen: Grammar, context: Context) -> list[tuple[float, Mention]]:
    """The persons who live on the income, with how likely each does."""
    counted = []
    for place, mention in enumerate(seen.mentions):
        features = mention_features(
            seen.plain, seen.tokens, seen.mentions, place, numbers=seen.numbers, awaiting=context.awaiting
        )
        likely = head("mentions").probabilities(features)["counted"]
        if likely >= 0.5:
            counted.append((likely, mention))
    return counted


def _people(seen: Grammar, context: Context) -> tuple[float, Found] | None:
    counted = _counted(seen, context)
    if not counted:
        return None
    total = sum(mention.count for _, mention in counted)
    least = min(likely for likely, _ in counted)
    sure = least >= SURE and all(mention.sure for _, mention in counted)
    evidence = seen.wording.evidence(counted[0][1].start, counted[-1][1].end)
    return least, Found("dependents", total, evidence, CERTAIN if sure else DOUBTFUL)


_UNASKED = {NAME: 0.75, OCCUPATION: 0.6}
"""How likely a word must be part of one that was not asked for."""


def _smoker(acts: Acts, seen: Grammar) -> list[Found]:
    yes, no = acts.get("smoker=true", 0.0), acts.get("smoker=false", 0.0)
    likely, value = max((yes, True), (no, False))
    if likely < LIKELY:
        return []
    sure = likely >= SURE and not _is_denied_in_a_hurry(seen)
    others = () if sure else (not value,)
    return [Found("smoker", value, seen.wording.text, CERTAIN if sure else DOUBTFUL, False, others)]


def _is_denied_in_a_hurry(seen: Grammar) -> bool:
    """Whether a "no" that turns the rest round is not written as one: "nop fumo" may be "no fumo" or "nop. fumo"."""
    for place, token in enumerate(seen.tokens[:-1]):
        written = seen.wording.evidence(token.start, token.end).lower()
        if token.text == "no" and written.isalpha() and written not in ("no", "nó") and seen.tokens[place + 1].kind == "word":
            return True
    return False


def _marital(acts: Acts, seen: Grammar) -> list[Found]:
    stated = {label.removeprefix("marital="): likely for label, likely in acts.items() if label.startswith("marital=")}
    status, likely = _likeliest(stated) if stated else ("", 0.0)
    return [Found("marital_status", status, seen.wording.text)] if likely >= 0.5 else []


def _words(seen: Grammar, acts: Acts, context: Context) -> list[Found]:
    """The name and the occupation, from the words that are part of them."""
    asked = (context.awaiting or "").removeprefix("confirm:")
    odds, tags = _tagged(seen, context.awaiting, asked)
    tags = _grown(tags, odds, seen)
    if asked in _UNASKED and asked not in tags and acts.get("told", 0.0) >= 0.5:
        tags = [asked if each[asked] >= 0.2 and seen.tokens[place].kind == "word" else "" for place, each in enumerate(odds)]
        plainly = "?" not in seen.plain and len(tags) <= _LONGEST_WORK
        if asked == OCCUPATION and OCCUPATION not in tags and plainly:
            tags = [OCCUPATION] * len(tags)  # whatever somebody answers to what they do for a living is what they do
    found: list[Found] = []
    name = _span(seen, tags, NAME)
    if name:
        words = re.findall(r"[^\W\d_]+(?:['’.-][^\W\d_]+)*\.?", seen.wording.evidence(*name))
        if words:
            found.append(Found("name", full_name(words), seen.wording.evidence(*name)))
    work = _span(seen, tags, OCCUPATION)
    if work:
        words_of_it = seen.wording.evidence(*work)
        found.append(Found("occupation", words_of_it[:80], words_of_it))
        risk, sure = class_of(seen.wording.plain[slice(*work)])
        if risk:
            found.append(Found("occupation_class", risk, words_of_it, CERTAIN if sure else DOUBTFUL))
    elif asked == "occupation_class":
        risk, sure = _class_by_number(seen) or class_of(seen.wording.plain)
        if risk:
            found.append(Found("occupation_class", risk, seen.wording.text, CERTAIN if sure else DOUBTFUL))
    return found


def _class_by_number(seen: Grammar) -> tuple[int, bool] | None:
    """The class whose number somebody answers with."""
    bare = len(seen.numbers) == 1 and len(seen.tokens) <= _FEW and seen.numbers[0].value in _CLASSES
    return (int(seen.numbers[0].value), True) if bare else None


_CLASSES, _FEW = (1, 2, 3, 4), 3


def _tagged(seen: Grammar, awaiting: str | None, asked: str) -> tuple[list[Mapping[str, float]], list[str]]:
    """For each word how likely it is part of a name and of an occupation, and which it is taken for ("" for neither)."""
    odds: list[Mapping[str, float]] = [_NEITHER] * len(seen.tokens)
    tags = [""] * len(seen.tokens)
    places = [place for place, token in enumerate(seen.tokens) if token.kind == "word"]
    if not places:
        return odds, tags
    words, kinds = head("words"), ("", NAME, OCCUPATION)
    groups = [lone_features(seen.wording, seen.tokens, place, awaiting) for place in places]
    groups += [linked_features(seen.wording, seen.tokens, place, kind, awaiting) for place in places for kind in kinds]
    sums, counts = words.sums(groups)
    for row, place in enumerate(places):
        linked = len(places) + len(kinds) * row + kinds.index(tags[place - 1] if place else "")
        odds[place] = words.odds(sums[row] + sums[linked], int(counts[row] + counts[linked]))
        tag, share = _likeliest(odds[place])
        tags[place] = tag if share >= (0.5 if tag == asked else _UNASKED[tag]) else ""
    return odds, tags


_NEITHER = {NAME: 0.0, OCCUPATION: 0.0}


_LONGEST_WORK = 12
"""Words of an answer that is the work as a whole."""
_BESIDE = 0.2
"""How likely a word must be part of a name or a work whose other words are beyond doubt."""


def _grown(tags: list[str], odds: Sequence[Mapping[str, float]], seen: Grammar) -> list[str]:
    """The words beside one that is surely part of a name or a work are part of it on less evidence."""
    grown = list(tags)
    forward = range(1, len(tags))
    for places, step in ((forward, -1), (range(len(tags) - 2, -1, -1), 1)):
        for place in places:
            tag = grown[place + step]
            token = seen.tokens[place]
            written = seen.wording.evidence(token.start, token.end)
            least = _BESIDE / 4 if tag == NAME and written[:1].isupper() and not written.isupper() else _BESIDE
            if (
                not grown[place]
                and tag
                and token.kind == "word"
                and (odds[place][tag] >= least or _links(grown, place, tag, seen))
            ):
                grown[place] = tag
    return grown


def _links(tags: Sequence[str], place: int, tag: str, seen: Grammar) -> bool:
    """Whether it is a small word between two parts of a name, as far as they are known yet."""
    beside = (*tags[max(place - 1, 0) : place], *tags[place + 1 : place + 2])
    follows = seen.tokens[place + 1].text if place + 1 < len(seen.tokens) else ""
    names_another = seen.tokens[place].text == "y" and follows in words_of("given names")
    return tag == NAME and seen.tokens[place].text in PARTICLES and tag in beside and not names_another


_NO_LONGER = re.compile(
    r"\b(?:ya no (?:soy|trabajo|estoy|hago|curro)|deje de (?:ser|trabajar))(?: de| como)?\W+(?:un |una |el |la )?$"
)
_INITIALS = 2
"""Letters of what may be an initial or an abbreviation: "J. Antonio", "Mª. Luisa"."""
_LEADS_ON = frozenset((
    "a", "al", "como", "con", "de", "del", "desde", "e", "el", "en", "la", "las", "los", "mi", "o", "para", "pero", "por",
    "que", "un", "una", "y",
))  # fmt: skip
"""Words with which no work ends."""


def _span(seen: Grammar, tags: Sequence[str], wanted: str) -> tuple[int, int] | None:
    """The longest run of words with that tag, the first among equals; one small word between two of them belongs to it."""
    runs: list[list[int]] = []
    for place in (place for place, tag in enumerate(tags) if tag == wanted):
        gap = seen.tokens[runs[-1][-1] + 1 : place] if runs else []
        between = gap[0].text if len(gap) == 1 else ""
        joined = runs and (
            not gap
            or (wanted == OCCUPATION and between.isalpha())
            or between in PARTICLES
            or (wanted == NAME and between == "." and len(seen.tokens[runs[-1][-1]].text) <= _INITIALS)
        )
        joined = joined and not (wanted == NAME and seen.tokens[place].text in words_of("no name") - PARTICLES)
        if joined:
            runs[-1].append(place)
        else:
            runs.append([place])
    if wanted == NAME:
        runs = [run for run in runs if len(run) > 1 or len(runs) == 1 or seen.tokens[run[0]].text not in words_of("no name")]
    if wanted == OCCUPATION:
        runs = [run for run in runs if not _NO_LONGER.search(seen.plain[: seen.tokens[run[0]].start])]
    if not runs:
        return None
    longest = max(runs, key=len)
    while wanted == OCCUPATION and len(longest) > 1 and seen.tokens[longest[-1]].text in _LEADS_ON:
        longest = longest[:-1]
    if wanted == NAME and seen.tokens[longest[0]].text in ("de", "del"):
        return None  # "la mujer de Ana" is not Ana
    while wanted == NAME and len(longest) > 1 and seen.tokens[longest[-1]].text in PARTICLES:
        longest = longest[:-1]
    if (
        wanted == NAME
        and longest[0] >= 2
        and seen.tokens[longest[0] - 1].text == "."
        and len(seen.tokens[longest[0] - 2].text) == 1
    ):
        longest = [longest[0] - 2, *longest]  # "J. Antonio"
    return seen.tokens[longest[0]].start, seen.tokens[longest[-1]].end
