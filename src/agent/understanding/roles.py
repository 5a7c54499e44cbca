"""What a number, a date or a person that is named is about: whose age, which amount, who lives on the income, or nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from src.agent.understanding.choices import is_premium
from src.agent.understanding.features import Token, around, question_of
from src.agent.understanding.people import Mention
from src.agent.understanding.quantities import Quantity

NOTHING = "nothing"
_CLAUSE = re.compile(r"[.;!?\n]|,(?=\s)|\b(?:y|pero|aunque)\b")
_SIZES = (0, 1, 2, 3, 5, 9, 14, 18, 26, 36, 46, 61, 71, 86, 100, 151, 300, 601, 901, 1200, 1801, 2600, 4001, 9001, 15001, 60001,
          150_001, 400_001)  # fmt: skip


def number_features(
    plain: str,
    tokens: Sequence[Token],
    numbers: Sequence[Quantity],
    place: int,
    awaiting: str | None,
    *,
    premiums: Sequence[float] = (),
) -> set[str]:
    """What speaks for one reading or another of the number at that place among the message's numbers."""
    number = numbers[place]
    question = question_of(awaiting)
    asked = (awaiting or "").removeprefix("confirm:") or "-"
    size = f"{sum(number.value >= each for each in _SIZES)}{'k' if number.sized else ''}"
    found = _beside(tokens, number.start, number.end, question)
    found |= _sentence(plain, number.start, number.end, question)
    marks = [f"unit:{number.unit}", f"period:{number.period}", f"size:{size}", f"unit+size:{number.unit}:{size}"]
    marks.append(f"which:{place}/{min(len(numbers), 4)}")
    if number.rejected:
        marks.append("rejected")
    if number.article:
        marks.append("article")
    if number.high is not None:
        marks.append("range")
    if number.foreign:
        marks.append("foreign")
    if any(is_premium(number, premium) for premium in premiums):
        marks.append("premium")
    alone = not re.search(r"[a-z]{2}", plain[: number.start] + plain[number.end :])
    if alone:
        marks.append("alone")
    found.update(marks)
    found.update(f"{question}&{mark}" for mark in marks)
    found.update(f"A:{asked}&{mark}" for mark in marks)
    found |= {f"q:{question}", f"A:{asked}"}
    before, after = around(tokens, number.start, number.end)
    found.update(
        f"{mark}&{word}"
        for mark in (f"unit:{number.unit}", f"size:{size}")
        for word in ("<" + before[0] if before else "<^", ">" + after[0] if after else ">$")
    )
    return found


def mention_features(
    plain: str,
    tokens: Sequence[Token],
    mentions: Sequence[Mention],
    place: int,
    *,
    numbers: Sequence[Quantity],
    awaiting: str | None,
) -> set[str]:
    """What speaks for or against persons being counted among those who live on the income."""
    mention = mentions[place]
    question = question_of(awaiting)
    noun = plain[mention.start : mention.end].rsplit(maxsplit=1)[-1]
    found = _beside(tokens, mention.start, mention.end, question) | _sentence(plain, mention.start, mention.end, question)
    kind = "child" if mention.child else "adult"
    marks = [
        kind,
        f"noun:{noun}",
        f"count:{min(mention.count, 4)}:{mention.sure}",
        f"others:{min(len(mentions), 4)}",
        f"which:{min(place, 3)}",
        f"counted:{mention.counted}",
    ]
    bare = [each for each in numbers if each.unit in ("", "people") and not mention.start <= each.start < mention.end]
    marks.append(f"other numbers:{min(len(bare), 2)}")
    if any(each.child for each in mentions):
        marks.append(f"{kind} beside children")
    if any(each.child and each.counted for each in mentions) and not mention.counted:
        marks.append(f"{kind} beside counted children")
    found.update(marks)
    found.update(f"{question}&{mark}" for mark in marks)
    return found


def _beside(tokens: Sequence[Token], start: int, end: int, question: str) -> set[str]:
    before, after = around(tokens, start, end)
    inside = [token.text for token in tokens if start <= token.start < end]
    found = {f"-{min(place, 2)}:{word}" for place, word in enumerate(before)}
    found |= {f"+{min(place, 2)}:{word}" for place, word in enumerate(after)}
    found |= {f"in:{word}" for word in inside if not word.startswith("#")}
    nearest = [*([before[0]] if before else ["^"]), *([after[0]] if after else ["$"])]
    found.add(f"-0+0:{' _ '.join(nearest)}")
    if len(before) > 1:
        found.add(f"-1-0:{before[1]} {before[0]}")
    if len(after) > 1:
        found.add(f"+0+1:{after[0]} {after[1]}")
    if len(before) > 2:
        found.add(f"-2-1-0:{' '.join(before[2::-1])}")
    found |= {f"{question}&-:{before[0] if before else '^'}", f"{question}&+:{after[0] if after else '$'}"}
    for place, word in enumerate(before[:3]):
        if len(word) > 4:
            found.add(f"-stem:{word[:5]}")
            found.add(f"-stem{place}:{word[:4]}")
    for word in after[:3]:
        if len(word) > 4:
            found.add(f"+stem:{word[:5]}")
    return found


def _sentence(plain: str, start: int, end: int, question: str) -> set[str]:
    """The clause it stands in, the clauses beside it, and what they ask or suppose."""
    borders = [0, *(match.start() for match in _CLAUSE.finditer(plain) if not start <= match.start() < end), len(plain)]
    first = max(border for border in borders if border <= start)
    last = min(border for border in borders if border >= end)
    clause = re.findall(r"[a-z]+", plain[first:start] + " _ " + plain[end:last])
    found = {f"clause:{word[:6]}" for word in clause}
    others = re.findall(r"[a-z]+", plain[:first] + " " + plain[last:])
    found |= {f"else:{word[:6]}" for word in others[-30:]}
    asks = "?" in plain[end:] or "¿" in plain[:start]
    if asks:
        found |= {"asked", f"{question}&asked"}
    if re.search(r"\b(?:si|cuando|aunque)\b", plain[first:start]):
        found.add("supposed")
    if re.search(r"\bno\b", plain[first:start]):
        found.add("negated")
    return found
