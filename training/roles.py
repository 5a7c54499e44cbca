"""What a message teaches about the numbers and persons in it: which amount, whose age, who lives on the income, or nothing."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from src.agent.understanding.amounts import MONEY_KEYS, amount_of
from src.agent.understanding.choices import is_premium
from src.agent.understanding.deciding import HOUSEHOLD, NEXT_AGE, year_of
from src.agent.understanding.grammar import Grammar
from src.agent.understanding.quantities import Quantity
from src.agent.understanding.roles import NOTHING, mention_features, number_features
from training.acts import SAME
from training.corpus import PREMIUMS, TODAY, Meant, Utterance
from training.learn import Example

NUMBER_KEYS = (*MONEY_KEYS, "age", "term_years", "dependents", "details.birth_year", "partner.age", "child.age",
               "other.price", "other.payment")  # fmt: skip
OPTION = "option"
"""The role of a number that points at one of the options shown."""
_NO_AMOUNTS = ("ordinal", "other", "smokes", "date", "weeks", "days")
_PAYMENTS = (14 / 12, 12 / 14, 12)
"""A month's income as the labels and as the person may have counted it."""
_NEAR = 0.011
_MOST_MENTIONS = 7
"""Of more persons than this nobody can tell which of them make up a number."""


def number_examples(corpus: Iterable[Utterance]) -> Iterator[Example]:
    """Every number and date with its role."""
    for said in corpus:
        seen = said.grammar
        for place, role in enumerate(roles_of(said)):
            if role is not None:
                features = number_features(
                    seen.plain, seen.tokens, seen.numbers, place, said.awaiting, premiums=said.context.premiums
                )
                yield Example(features, (role,))


def roles_of(said: Utterance) -> list[str | None]:
    """The role of each number of a message, None where its labels leave it open."""
    roles: list[str | None] = [NOTHING] * len(said.grammar.numbers)
    told = sorted((each for each in said.values if each.key in NUMBER_KEYS), key=lambda each: each.key)
    unplaced = [meant for meant in told if not _placed(meant, said.grammar, roles)]
    unplaced += [meant for meant in said.values if meant.key == "birth_date" and not _placed_date(said.grammar, roles)]
    for meant in said.values:
        if meant.key.startswith("foreign."):
            _place_foreign(meant, said.grammar, roles)
    for option in _options_chosen(said):
        _place_option(option, said.grammar, roles)
    if unplaced:  # one of the numbers may have been meant after all
        return [None if role == NOTHING else role for role in roles]
    return roles


def _placed(meant: Meant, seen: Grammar, roles: list[str | None]) -> bool:
    """Gives the number behind a value its role. False when there is none and there should be."""
    free = [place for place, role in enumerate(roles) if role == NOTHING]
    fitting = [place for place in free if _stands_for(meant, seen.numbers[place])]
    if fitting:
        roles[fitting[0]] = meant.key
        for other in fitting[1:]:
            roles[other] = None
        return True
    if meant.key == "age":
        coming = [place for place, number in enumerate(seen.numbers) if number.value - 1 in meant.values]
        if coming:
            roles[coming[0]] = NEXT_AGE
            return True
    if meant.key == "dependents" and not seen.mentions:
        together = [place for place in free if seen.numbers[place].value - 1 in meant.values]
        if together:
            roles[together[0]] = HOUSEHOLD
            return True
    return meant.key == "dependents" or bool(meant.values[0] == 0)


def _placed_date(seen: Grammar, roles: list[str | None]) -> bool:
    dates = [place for place, number in enumerate(seen.numbers) if number.unit == "date"]
    for place in dates:
        roles[place] = "birth_date" if place == dates[0] else None
    return bool(dates)


def _place_foreign(meant: Meant, seen: Grammar, roles: list[str | None]) -> None:
    key = meant.key.removeprefix("foreign.")
    sum_alone = Meant(key, (float(str(meant.values[0]).split()[0].replace(",", ".")),))
    for place, number in enumerate(seen.numbers):
        if _stands_for(sum_alone, number):
            roles[place] = key


def _options_chosen(said: Utterance) -> Iterator[int]:
    for intent in sorted({each for alternatives in said.intents for each in alternatives}):
        name, _, topic = SAME.get(intent, intent).partition(":")
        if name == "choice" and topic.isdigit():
            yield int(topic)


def _place_option(option: int, seen: Grammar, roles: list[str | None]) -> None:
    for place, number in enumerate(seen.numbers):
        if roles[place] == NOTHING and (number.value == option or is_premium(number, PREMIUMS[option - 1])):
            roles[place] = OPTION


def _stands_for(meant: Meant, number: Quantity) -> bool:
    """Whether a number can be what was meant."""
    if number.unit in _NO_AMOUNTS and meant.key not in MONEY_KEYS:
        return False
    if meant.key == "details.birth_year":
        return year_of(number.value, TODAY) in meant.values and number.unit in ("", "years")
    values = set(amount_of(meant.key, number)[0])
    if meant.key == "monthly_income":
        values |= {value * payments for value in values for payments in _PAYMENTS}
    return any(_near(value, wanted) for wanted in meant.values for value in values)


def _near(value: float, wanted: Any) -> bool:
    if isinstance(wanted, bool) or not isinstance(wanted, int | float):
        return False
    return abs(value - wanted) <= max(_NEAR * abs(wanted), 0.01)


def mention_examples(corpus: Iterable[Utterance]) -> Iterator[Example]:
    """Every mention of persons, and whether they are counted among those who live on the income."""
    for said in corpus:
        if said.wants_unsaid and not said.values and said.awaiting != "dependents":
            continue
        seen, counted = said.grammar, counted_mentions(said)
        if counted is None:
            continue
        for place in range(len(seen.mentions)):
            features = mention_features(
                seen.plain, seen.tokens, seen.mentions, place, numbers=seen.numbers, awaiting=said.awaiting
            )
            yield Example(features, ("counted",) if place in counted else ())


def counted_mentions(said: Utterance) -> set[int] | None:
    """The places of the mentions that make up the number of dependants; None where that cannot be told."""
    meant, seen = said.meant("dependents"), said.grammar
    if meant is None or meant.values[0] == 0 or _is_told_in_figures(meant, seen):
        return set()
    if len(seen.mentions) > _MOST_MENTIONS:
        return None
    for wanted in meant.values:
        fitting = [
            places for places in _subsets(len(seen.mentions)) if sum(seen.mentions[place].count for place in places) == wanted
        ]
        children = {place for place, mention in enumerate(seen.mentions) if mention.child}
        chosen = next((places for places in fitting if children <= places), fitting[0] if fitting else None)
        if chosen is not None:
            return chosen
    return None


def _is_told_in_figures(meant: Meant, seen: Grammar) -> bool:
    """Whether the number of dependants stands there by itself, without the persons."""
    bare = (number for number in seen.numbers if number.unit in ("", "people") and number.value in meant.values)
    return any(not any(mention.start <= number.start < mention.end for mention in seen.mentions) for number in bare)


def _subsets(count: int) -> Iterator[set[int]]:
    """The sets of places that are not empty, largest first."""
    for size in range(count, 0, -1):
        yield from (set(places) for places in itertools.combinations(range(count), size))
