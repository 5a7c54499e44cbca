"""Whether the person smokes, and since when not. Vaping and pipes count as smoking only once confirmed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from src.agent.understanding.answers import Answer, accented
from src.agent.understanding.quantities import Quantity
from src.agent.understanding.reading import Context, Found
from src.agent.understanding.wording import Wording

_SMOKE = r"(?:fum(?:o|e|ar|a|amos|ado|aba|ando|e nunca)|fumador[ae]?s?)"
_QUIT = re.compile(
    r"\b(?:(?:lo |la )?(?:deje|dejamos|he dejado|dejado|abandone|deix\w+)(?: de fumar| el tabaco| el vicio|"
    r" el cigarr\w+| los cigarr\w+| los puchos| el pucho| de hacerlo)?|ex ?-?\s?fumador[ae]?s?|exfumador[ae]?s?|"
    r"(?:ya )?llevo [^.;]{0,25} sin (?:fumar|tabaco|probar)|(?:anos?|meses|semanas) sin fumar|no,? desde hace\b|"
    r"hace [^.;]{1,25} que (?:no\b|lo deje)|ya no (?:fum\w+|soy fumador[a]?)|fumaba|quit smoking|gave up smoking|"
    r"ex-?smoker|used to smoke|antes fum\w+)\b"
)
_QUITTING = re.compile(
    r"\b(?:(?:lo estoy|estoy|intentando|tratando de|intento|quiero|voy a|queriendo|deberia|me gustaria) (?:dejand\w+|"
    r"dejar\w*)(?: de fumar)?|trying to quit|a ver si lo dejo)\b"
)
_NEVER = re.compile(
    r"\b(?:no|nunca|jamas|ni|tampoco|nada de|sin|don't|do not|never|not a|non|nao|ez dut|pas)[\s,]+(?:he |"
    r"soy |somos |un |una |lo |yo |me |mas |nada |senor,? no |hemos |habia |i |de |he sido |tengo el habito de |"
    rf"suelo )*(?:{_SMOKE}|fum\w*|smok\w+|rauch\w*|tabaco|probado (?:el tabaco|un cigarr\w+)|cigarr\w+|"
    r"piti\w*|pucho\w*|vape\w+|porros|fuma)\b|"
    r"\b(?:fumador[a]?|fumar|fumo|tabaco|fuma)[,:?]*\s*(?:pues )?(?:no|nada|nunca|jamas|cero|para nada|"
    r"que va|nop)\b|\b(?:libre de humo|sin humos|odio el tabaco|non-?\s?smoker|no fumadora?|cero tabaco|"
    r"no-?fumador|detesto el tabaco|sano como|nichtraucher)\b|🚭"
)
_NEVER_UNSURE = re.compile(r"\b(?:nop|no,)\s*,?\s*fumo\b")
_VAPES = re.compile(
    r"\b(?:vape\w*|vapead\w+|vaper|vapers|cigarr\w+ electronic\w+|iqos|tabaco calentado|glo\b|pods?|"
    r"juul|e-?cig\w*|pipa|puros?|puritos?|cachimba|shisha|narguile|porros?|marihuana|maria|cannabis|"
    r"hierba|snus|rape|mota|vaping)\b"
)
_OCCASIONAL = re.compile(
    r"\b(?:de vez en cuando|a veces|alguna vez|algun (?:cigarr\w+|piti\w*|pucho)|ocasional\w*|social\w*|"
    r"en (?:bodas|fiestas|eventos|celebraciones|vacaciones)|(?:solo |solamente |unicamente )?(?:los |"
    r"en )?(?:findes?|fines? de semana|sabados|fin de semana)|cuando (?:salgo|bebo|tomo|voy de)|"
    r"muy poco|poquito|poco\b|rara vez|casi (?:nada|nunca)|uno o dos|un par al (?:mes|dia)|de fiesta|"
    r"de higos a brevas|muy de vez|esporadic\w+|de cuando en cuando|cada tanto|socially|occasionally|"
    r"sometimes|las copas)\b"
)
_SMOKES = re.compile(
    rf"\b(?:{_SMOKE}|fumeta|chimenea|cajetillas?|paquete(?: y medio)?(?: de tabaco)?(?: al dia| diario)|"
    r"cigarr\w+|pitis?|pitillos?|puchos?|fasos?|smoker?|i smoke|tabaco|nicotina|enganchad[oa] al tabaco|"
    r"soc fumador|fume)\b|🚬"
)
_OWN_VERB = r"\b(?:fumo|vapeo|fumaba|soy|fumamos|fumador[a]?)\b"
_OTHER_PERSON = re.compile(
    r"\b(?:mis? (?:mujer|marido|espos[oa]|pareja|novi[oa]|padres?|madre|hij\w+|herman\w+|companer\w+|"
    r"jef\w+)|ella|el|ellos)(?: (?:si|tambien|ya|tampoco))?\s+(?P<not>no |nunca |tampoco |ya no )?(?:es )?(?:fuma|"
    r"fuman|fumaban?|fumador[a]?|vapea|smokes)\b"
)
_OTHER_SMOKES = re.compile(
    r"\b(?P<not>no )?(?:fuma|vapea|fumaba) (?:solo |tambien )?(?:mi (?:mujer|marido|espos[oa]|pareja|novi[oa]|padre|madre|"
    r"hij\w+|herman\w+)|ella|el)\b"
)
_NEITHER = re.compile(
    r"\b(?:ningun[oa](?: de (?:los|las|nosotr[oa]s)(?: dos)?)?|nadie|ni (?:el|ella|yo|mi \w+) ni (?:el|ella|yo|mi \w+)) "
    r"(?:aqui |en casa )?(?:fuma|fumamos|vapea|vapeamos)\b"
)
_SO_MANY_A_DAY = re.compile(
    r"\b(?:\d{1,2}|un[oa]?s?|dos|tres|cuatro|cinco|diez|veinte|medi[oa]) (?:\w+ )?(?:al|por|cada) dia\b"
)
_PARTNER = re.compile(r"^(?:mi (?:mujer|marido|espos[oa]|pareja|novi[oa]|companer\w+)|ella|el)\b")
_ME_TOO = re.compile(r"\byo (?P<not>no|nunca|tampoco)\b|\byo (?P<yes>si|tambien)\b")
_QUESTION = re.compile(
    r"\b(?:por que|si (?=fum|empiezo|soy fum|vape)|cuanto|cubre|importa (?:si|que)|que pasa|afecta)\b[^.!]{0,60}$"
)
_AGO = re.compile(r"\b(?:hace|llevo|hara|va para|desde hace|lleva)\b")
_RECENT = re.compile(
    r"\b(?:ayer|hoy|anteayer|esta semana|este (?:mes|ano)|la semana pasada|el mes pasado|hace (?:poco|"
    r"nada|unas semanas|unos dias|unos meses)|recien\w*|last (?:week|month)|en enero|desde enero)\b"
)
_LONG_AGO = re.compile(
    r"\b(?:hace (?:mucho|muchos|muchisimo|bastante|anos|siglos|tiempo|decadas)|toda la vida|de joven|"
    r"en la universidad|years ago|el siglo pasado|hace la tira)\b"
)
QUIT_COUNTS_AFTER_YEARS = 1
"""Insurers count somebody as a smoker for at least twelve months after the last cigarette."""


def read_smoking(wording: Wording, quantities: Sequence[Quantity], context: Context, answer: Answer | None) -> list[Found]:
    """`smoker`, with `details.ex_smoker_years` or `details.smoking` beside it, and a partner's habit."""
    plain = wording.plain
    asked = (context.awaiting or "").removeprefix("confirm:") == "smoker"
    others = [*_OTHER_PERSON.finditer(plain), *_OTHER_SMOKES.finditer(plain)]
    found = [
        Found("details.second_person", {"smoker": match["not"] is None}, wording.evidence(*match.span()))
        for match in others
        if _PARTNER.match(match[0])
    ]
    mine = wording.blank([match.span() for match in others]).plain if others else plain
    own = _own_habit(wording, mine, quantities, asked=asked)
    if not own and others:
        me = _ME_TOO.search(mine)
        if me:
            own = [Found("smoker", me["yes"] is not None, wording.evidence(*me.span()))]
    neither = _NEITHER.search(plain)
    if neither:
        own = [Found("smoker", False, wording.evidence(*neither.span()))]
    if asked and context.awaiting == "confirm:smoker" and answer is not None and not context.candidate:
        answer = None  # a yes or no is about "does not smoke" then, and no answer to whether somebody smokes
    answered_first = answer is not None and bool(others) and answer.end <= others[0].start()
    if not own and asked and (not others or answered_first):
        own = _short_answer(wording, mine, answer)
    return own + found


def _asks_about_it(plain: str) -> bool:
    """ "¿vapear cuenta como fumar?" says nothing of oneself."""
    first = re.search(r"\b(?:fum|vape|tabaco|cigarr|smok|puro|pipa|cachimba)\w*", plain)
    sentence = re.match(r"[^.!?;\n]*[.!?;\n]", plain[first.start() :]) if first else None
    return bool(sentence) and sentence is not None and sentence[0].endswith("?") and not re.search(_OWN_VERB, sentence[0])


def _own_habit(wording: Wording, plain: str, quantities: Sequence[Quantity], *, asked: bool) -> list[Found]:
    if _asks_about_it(plain):
        return []
    quitting = _QUITTING.search(plain)
    if quitting and (asked or _SMOKES.search(plain)):
        return [Found("smoker", True, wording.evidence(*quitting.span()), 0.8)]
    quit_match = _QUIT.search(plain)
    if quit_match and (asked or _SMOKES.search(plain) or "fum" in quit_match[0] or "smok" in quit_match[0]):
        return _quit(wording, plain, quit_match, quantities)
    unsure = _NEVER_UNSURE.search(plain)
    if unsure:
        return [Found("smoker", False, wording.evidence(*unsure.span()), 0.7, False, (True,))]
    vapes = _VAPES.search(plain)
    never = _NEVER.search(plain)
    if never and not (
        vapes
        and vapes.start() >= never.end()
        and not re.search(r"\b(?:ni|tampoco|no)\s+$", plain[max(0, vapes.start() - 12) : vapes.start()])
    ):
        hedged = re.search(
            r"\b(?:casi no|casi nunca|apenas)\b|\bno\b[^.;]{0,12}\b(?:mucho|demasiado|a diario|habitual\w*|"
            r"todos los dias)\b",
            plain,
        )
        if hedged:
            return [Found("smoker", True, wording.evidence(*never.span()), 0.6, False, (False,))]
        return [Found("smoker", False, wording.evidence(*never.span()))]
    if (
        vapes
        and not re.search(r"\b(?:soy puro|puro (?:nervio|estres))\b", plain)
        and _first_person(plain, vapes.start(), asked=asked)
    ):
        return [
            Found("smoker", True, wording.evidence(*vapes.span()), 0.7, False, (False,)),
            Found("details.smoking", "vape_or_other", ""),
        ]
    smokes = _SMOKES.search(plain)
    if (
        not smokes
        or (_is_question(wording, plain, smokes.start()) and not asked)
        or not _first_person(plain, smokes.start(), asked=asked)
    ):
        return []
    occasional = _OCCASIONAL.search(plain)
    if occasional:
        return [Found("smoker", True, wording.evidence(*smokes.span()), 0.8), Found("details.smoking", "occasional", "")]
    emoji_only = smokes[0] == "🚬"
    return [Found("smoker", True, wording.evidence(*smokes.span()), 0.7 if emoji_only else 1.0)]


def _is_question(wording: Wording, plain: str, position: int) -> bool:
    """ "y si fumo, ¿sube?" asks; "ah y sí fumo" tells."""
    asks = _QUESTION.search(plain[max(0, position - 80) : position + 4])
    if not asks:
        return False
    if asks[0].startswith("si "):
        return not accented(wording, max(0, position - 80) + asks.start()) and "?" in plain[position:]
    return True


def _first_person(plain: str, position: int, *, asked: bool) -> bool:
    """Whether it is said of oneself: "fumo", "soy fumadora", a bare "fumador" - not "el tabaco es caro" or a question."""
    word = re.match(r"[a-z]+|\W", plain[position:])
    if word and word[0] in ("fumo", "vapeo", "fumador", "fumadora", "fumamos", "\U0001f6ac"):
        return True
    return asked or bool(re.search(r"\b(?:me fumo|soy|llevo|tengo|yo|i|i'm a|soc|me|uso|con)\b[^.;?]{0,25}$", plain[:position]))


def _quit(wording: Wording, plain: str, match: re.Match[str], quantities: Sequence[Quantity]) -> list[Found]:
    evidence = wording.evidence(*match.span())
    times = [
        each
        for each in quantities
        if each.unit in ("years", "months", "weeks", "days") and _AGO.search(plain[max(0, each.start - 30) : each.end])
    ]
    if times:
        per_year = {"years": 1, "months": 12, "weeks": 52, "days": 365}[times[-1].unit]
        years = times[-1].value / per_year
        since = Found("details.ex_smoker_years", int(years) if years >= 1 else round(years, 2), evidence)
        if years < QUIT_COUNTS_AFTER_YEARS:
            return [Found("smoker", False, evidence, 0.6, False, (True,)), since]
        return [Found("smoker", False, evidence), since]
    if _LONG_AGO.search(plain):
        return [Found("smoker", False, evidence)]
    year = re.search(r"\ben (?:el )?(?P<year>(?:19|20)\d{2})\b", plain)
    if year:
        return [Found("smoker", False, evidence), Found("details.ex_smoker_since", int(year["year"]), evidence)]
    if _RECENT.search(plain):
        return [Found("smoker", False, evidence, 0.5, False, (True,))]
    return [Found("smoker", False, evidence, 0.7, False, (True,))]


def _short_answer(wording: Wording, plain: str, answer: Answer | None) -> list[Found]:
    daily = _SO_MANY_A_DAY.search(plain)
    if daily and (answer is None or answer.polarity == "affirm"):
        return [Found("smoker", True, wording.evidence(*daily.span()), 0.9)]
    occasional = _OCCASIONAL.search(plain)
    if occasional and (answer is None or answer.polarity != "deny" or re.search(r"\bpero\b", plain)):
        sure = 0.8 if answer is not None and answer.polarity == "affirm" else 0.7
        return [Found("smoker", True, wording.evidence(*occasional.span()), sure), Found("details.smoking", "occasional", "")]
    if answer is None or answer.polarity == "dont_know":
        return []
    return [
        Found(
            "smoker",
            answer.polarity == "affirm",
            wording.evidence(answer.start, answer.end),
            1.0 if answer.confidence > 0.8 else 0.6,
        )
    ]
