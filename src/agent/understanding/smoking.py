"""How somebody smokes, and who of a couple does: since when no more, only now and then, something else than tobacco."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from src.agent.profile import NONE_IS_ZERO
from src.agent.understanding.deciding import DOUBTFUL, LIKELY, SURE, Acts
from src.agent.understanding.outline import BOTH, ME, OTHER, PARTNER, SECOND_PERSON, Detail, Outline, Span
from src.agent.understanding.reading import Context, Found


def smoking_told(outline: Outline, acts: Acts, context: Context) -> Iterator[Detail]:
    """The person's own habit beside the plain yes or no, and what is said of others."""
    yield from _own_smoking(outline, acts, context)
    yield from _habits(outline, context)


# --- one's own habit --------------------------------------------------------------------------------------------------

_ABOUT_SMOKING = re.compile(r"fum|\btabac|\bcigar|\bvape|\bpucho")
_LEFT_IT = r"\b(?:deje|dejamos|he dejado|abandone)\b|\bex ?-?fumador|\bsin (?:fumar|tabaco|probar)"
_QUIT = re.compile(rf"{_LEFT_IT}|\bno\b.{{0,9}} desde hace|\bque (?:ya )?no fumo")
_AGO = re.compile(r"\b(?:hace|hara|llevo|va para)(?: ya| unos| casi| mas de| como| cosa de)* (?P<number>N+)")
_STILL = re.compile(r"\bllevo(?: ya| unos| casi| mas de)* N+ (?:fumando|vapeando)\b")
_PER_YEAR = {"years": 1, "months": 12, "weeks": 52, "days": 365}
_OTHER_SMOKE = re.compile(r"\b(?:vape(?:o|amos|rs?|ador)|iqos|cachimbas?|shisha|pipa|(?<!soy )puros?|puritos?|porros?|snus)\b")
_AT_TIMES = r"de vez en cuando|a veces|alguna vez|casi nunca|muy poco|ocasional\w*|social(?:mente)?"
_ON_OCCASIONS = r"findes?|fin(?:es)? de semana|cuando salgo|en (?:bodas|fiestas)"
_NOW_AND_THEN = re.compile(rf"\b(?:{_AT_TIMES}|{_ON_OCCASIONS})\b")
_MY_SMOKE = re.compile(r"\b(?:fumo|vapeo|vapeamos|uso|soy|tengo un|me fumo|le doy)\b")
_DENIED = re.compile(r"\b(?:no|ni|nunca|jamas|sin|tampoco|nada de)\b")
_COUNTS_AS_SMOKER_FOR_YEARS = 1
"""Insurers count somebody as a smoker for at least twelve months after the last cigarette."""


def _own_smoking(outline: Outline, acts: Acts, context: Context) -> Iterator[Detail]:
    asked = (context.awaiting or "").removeprefix("confirm:") == "smoker"
    if asked or _ABOUT_SMOKING.search(outline.text):
        yield from _given_up(outline, acts)
    still = _STILL.search(outline.text)
    if still and outline.tells(still.span()):
        yield Detail(Found("smoker", True, outline.evidence(still.span())), outline.places_in(still.span()))
    firm = context.awaiting == "smoker" and acts["smoker=true"] >= SURE and acts["smoker=false"] < LIKELY
    for how, pattern in (("vape_or_other", _OTHER_SMOKE), ("occasional", _NOW_AND_THEN)):
        for match in pattern.finditer(outline.text):
            clause = outline.text[slice(*outline.clause(match.span()))]
            mine = _MY_SMOKE.search(clause) if how == "vape_or_other" else re.search(r"\b(?:fumo|vapeo)\b|\bsoy fum", clause)
            if _DENIED.search(clause.split(match[0])[0]) or not (mine or (asked and not re.search("[PO]", clause))):
                continue
            if not outline.tells(match.span()) or (not mine and acts["smoker=false"] >= SURE):
                continue
            yield Detail(Found("details.smoking", how, outline.evidence(match.span())))
            if not firm and not (how == "occasional" and acts["smoker=true"] >= SURE):
                yield Detail(Found("smoker", True, outline.evidence(match.span()), DOUBTFUL, False, (False,)))
            return


def _given_up(outline: Outline, acts: Acts) -> Iterator[Detail]:
    quit_, ago = _QUIT.search(outline.seen.plain), _AGO.search(outline.text)
    if not quit_ or not ago or outline.sentence(quit_.span()) != outline.sentence(ago.span()):
        return
    place, number = outline.number_at(ago.start("number"))
    span = min(quit_.start(), ago.start()), max(quit_.end(), ago.end())
    somebody_else = re.search("[PO]", outline.text[outline.clause(quit_.span())[0] : quit_.start()])
    if somebody_else or number.unit not in _PER_YEAR or not outline.tells(span):
        return
    years = number.value / _PER_YEAR[number.unit]
    evidence = outline.evidence(span)
    since = int(years) if years >= 1 else round(years, 2)
    yield Detail(Found("details.ex_smoker_years", since, evidence), (place,))
    if years < _COUNTS_AS_SMOKER_FOR_YEARS and acts["smoker=true"] < SURE:
        counts = acts["smoker=true"] >= acts["smoker=false"]
        yield Detail(Found("smoker", counts, evidence, DOUBTFUL, False, (not counts,)))
    elif years >= _COUNTS_AS_SMOKER_FOR_YEARS and acts["smoker=false"] < SURE:
        yield Detail(Found("smoker", False, evidence))


# --- who of several smokes --------------------------------------------------------------------------------------------

_HOW = r"(?P<how>(?:(?:no|nunca|jamas|tampoco|ni|si|tambien|que|me|ya|solo|yo) )*)"
_SMOKES, _I_SMOKE = r"(?:fuma|vapea|es fumadora?)\b", r"(?:fumo|vapeo|soy fumadora?)\b"
_WHO = r"\b(?P<who>[PBO]+|yo)"
_GAVE_UP = r"(?P<how>lo (?:ha )?dej(?:o|ado)|(?:ha )?dej(?:o|ado) (?:de fumar|el tabaco))"
_SAID = tuple(
    (re.compile(pattern), otherwise)
    for pattern, otherwise in (
        (rf"{_WHO} {_HOW}(?:{_SMOKES}|fumamos\b|vapeamos\b)", ""),
        (rf"{_WHO} {_GAVE_UP}\b", ""),
        (rf"\b{_HOW}(?:{_SMOKES}|fumamos|vapeamos) {_WHO}", ""),
        (rf"(?:^|\W){_HOW}{_I_SMOKE}(?P<who>)", ME),
        (rf"^\W*{_HOW}{_SMOKES}(?! nadie)(?P<who>)", ""),
    )
)
"""How a habit is told, and of whom where nobody is named: of oneself, or of whoever was spoken of before."""
_BACK = ("tambien", "tampoco")
_PLAIN_HOW = r"(?P<how>(?:que )?(?:si|no|tambien|tampoco|nunca|jamas))"
_SHORT = re.compile(rf"\W*(?:(?:pues|bueno|por|para|a|que) )*(?:{_WHO} )?{_PLAIN_HOW}(?: (?P<behind>[PB]+|yo))?\W*")
_NEITHER = re.compile(r"\bni [PO]+ ni yo\b|\bni yo ni [PO]+|\bningun[oa] de B+|\bningun[oa] (?:fumamos|fuma)\b")
_DOES_NOT = re.compile(r"\b(?:no|nunca|jamas|tampoco|ni|dejo|dejado)\b")
_NOR_ANOTHER = re.compile(r"\bni O")
_SMOKING_VERB = re.compile(r"\b(?:fum|vape)")
_MAY_BE_MINE = re.compile(r"\b(?:yo|si|no|nunca|jamas|nada|dej\w+|fum\w+|vap\w+|tabaco)\b")


@dataclass(frozen=True, slots=True)
class _Habit:
    """Whether somebody smokes; `verb`: in a sentence of its own, and not only "ella sí"."""

    who: str
    span: Span
    smokes: bool
    verb: bool


def _habits(outline: Outline, context: Context) -> Iterator[Detail]:
    """Who of them smokes, where somebody beside the person is named; the person's own habit alone is read as any answer is."""
    asked = context.awaiting == "smoker"
    if not asked and not _SMOKING_VERB.search(outline.text):
        return
    told: dict[str, _Habit] = {}
    unread: list[str] = []
    last = ""
    for clause in outline.clauses():
        words = outline.text[slice(*clause)]
        habit = _said_in(words, clause, last, refers=asked or bool(told), opening=asked and not told)
        last = (habit and habit.who) or _subject(words) or last
        if habit is None or not outline.tells(clause):
            unread.append(words)
        elif habit.who not in told or (habit.verb and not told[habit.who].verb):
            told[habit.who] = habit
    neither = _NEITHER.search(outline.text)
    if neither and outline.tells(neither.span()):
        spoken_of = (ME, OTHER) if _NOR_ANOTHER.search(neither[0]) else (BOTH,)
        told = {who: _Habit(who, neither.span(), smokes=False, verb=True) for who in spoken_of}
    if not told.keys() & {PARTNER, BOTH, OTHER}:
        return
    for who, key in ((PARTNER, SECOND_PERSON), (ME, "smoker")):
        if who in told or BOTH in told:
            habit = told.get(who) or told[BOTH]
            value = {"smoker": habit.smokes} if who == PARTNER else habit.smokes
            persons = tuple(mention.start for mention in outline.mentions_in(habit.span))
            both = outline.places_in(habit.span) if who == PARTNER and BOTH in told else ()  # the "dos" of "los dos"
            yield Detail(Found(key, value, outline.evidence(habit.span)), both, persons)
    if ME not in told and BOTH not in told and not any(_MAY_BE_MINE.search(clause) for clause in unread):
        yield Detail(not_mine=("smoker",))
    if not unread:
        yield Detail(not_mine=NONE_IS_ZERO)


def _subject(clause: str) -> str:
    """Whoever a clause names first."""
    named = re.search(_WHO, clause)
    return named[0][:1].replace("y", ME) if named else ""


def _said_in(clause: str, span: Span, last: str, *, refers: bool, opening: bool) -> _Habit | None:
    """The habit that a clause tells. `last` was spoken of before; `refers`: there is something that "también" can go back to;
    `opening`: the clause opens the answer to whether somebody smokes."""
    for pattern, otherwise in _SAID:
        match = pattern.search(clause)
        who = (match["who"][:1].replace("y", ME) or (ME if otherwise == ME else last)) if match else ""
        if match and who:
            return _Habit(who, span, smokes=not _DOES_NOT.search(match["how"]), verb=True)
    short = _SHORT.fullmatch(clause)
    if not short or (short["how"] in _BACK and not refers):
        return None
    who = (short["who"] or short["behind"] or "")[:1].replace("y", ME) or (ME if opening else "")
    return _Habit(who, span, smokes=not _DOES_NOT.search(short["how"]), verb=False) if who else None
