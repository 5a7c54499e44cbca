"""Which profile key an amount of money belongs to, and how much it is in EUR, per month where the key is monthly.

Each amount goes to the nearest word that says what it is; without one, to what was asked. What the words leave open gets a
confidence below `CONFIRM_BELOW` and its other readings.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from src.agent.understanding.quantities import Quantity, as_number
from src.agent.understanding.reading import Context, Found
from src.agent.understanding.wording import Wording

MONEY_KEYS = (
    "monthly_income",
    "mortgage_balance",
    "other_debts",
    "savings",
    "existing_cover",
    "sum_assured",
    "monthly_budget",
)
IN_THOUSANDS = ("mortgage_balance", "other_debts", "savings", "existing_cover", "sum_assured")
"""Nobody owes or insures 150 EUR: a small bare number may be thousands, and is confirmed."""

_CUES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (key, re.compile(rf"\b(?:{words})"))
    for key, words in (
        (
            "details.competitor_month",
            (
                r"(?:en |con )?(?:la |el |mi )?otr[oa]s? (?:aseguradora|compania|sitio|seguro|lado|banco|empresa|"
                r"entidad)|(?:la |mi )?competencia\b|"
                r"me (?:lo |la )?(?:dejan|ofrecen|cobran|han ofrecido|ofrecieron|piden|sale)\b|en (?:mapfre|"
                r"mutua|axa|allianz|generali|caser|santalucia|zurich|el banco me)\b|"
                r"el (?:banco|de ahora) me (?:lo )?(?:deja|cobra|ofrece|pide)"
            ),
        ),
        (
            "details.home_value",
            (
                r"(?:casa|piso|vivienda|apartamento|chalet) (?:que )?(?:vale|costo|cuesta|esta valorad\w+|esta tasad\w+|"
                r"nos costo|me costo)|(?:compr(?:e|amos)|me costo|nos costo|tasad\w+|valorad\w+)(?: (?:la|el|"
                r"mi|un|una) (?:casa|piso|vivienda|apartamento))?"
            ),
        ),
        (
            "monthly_budget",
            (
                r"presupuesto\b|(?:no )?(?:quiero|puedo|quisiera|querria|podria|pienso|voy a|me gustaria|puede|"
                r"pueda|podemos|queremos) (?:pagar|gastar\w*|pasar(?:me)?|permitirme|invertir|destinar|aportar|"
                r"llegar)|"
                r"gastar\w*|no pas(?:ar|e|arme|emos|es)\b|sin pasar\w*|no mas de|(?<!por )(?<!de )pagar\b(?! (?:la |"
                r"el |mi )?(?:hipoteca|piso|casa|prestamo))|pagaria\w*|prima\b|como mucho|como maximo|maximo|"
                r"max\b|tope|budget|afford|spend"
            ),
        ),
        (
            "existing_cover",
            (
                r"(?:tiene|tienen|hizo|hecho|contratado|contratada) (?:hecho |contratado )?(?:un|otro|una) (?:seguro|"
                r"poliza)|(?:ya )?(?:tengo|tenemos|hay|teniamos|contrate|tengo contratado) (?:ya )?(?:otro|otra|"
                r"un|una|contratado un|contratada una)? ?(?:seguro|poliza|cobertura)|seguro (?:de vida )?(?:de|"
                r"del|en|con) (?:el |la |mi )?(?:banco|empresa|trabajo|colectivo)|"
                r"(?:ya )?(?:estoy|tengo) (?:ya )?(?:cubiert[oa]|asegurad[oa])|ya (?:me )?cubre|poliza|seguro (?:actual|"
                r"que tengo|colectivo|vigente)|cubiert[oa]s?\b|(?:la|mi) empresa (?:me |nos )?(?:cubre|paga|"
                r"tiene|pone)(?: (?:hecho |contratado )?un seguro)?|existing cover|already (?:have|insured)"
            ),
        ),
        (
            "monthly_income",
            (
                r"gan(?:o|amos|aba|ando)\b|cobr(?:o|amos|ando)\b|ingres(?:o|os|amos|ando)\b|sueldo|salario|nomina|"
                r"(?:me|nos) (?:pagan|entran|ingresan|llega|llegan|viene|vienen)\b|percib\w+|pension\b|"
                r"(?:me )?sac(?:o|amos)\b|factur\w+|honorarios|remuneracion|jornal|paga\b(?! (?:de|la))|paro\b|"
                r"subsidio|salary|earn\w*|i make|income|mensualidad\b|plata que (?:gano|hago)|haberes"
            ),
        ),
        (
            "savings",
            (
                r"ahorr\w+|guardad[oa]s?|colchon\w*|hucha|(?:en|por) el banco\b|en (?:la )?cuenta\b|inver(?:tid[oa]s?|"
                r"siones)|fondos? (?:de inversion|indexad\w+)?|plan(?:es)? de pensiones|deposito|acciones|liquid\w+|"
                r"patrimonio|savings?|saved"
            ),
        ),
        (
            "mortgage_balance",
            (
                r"hipotec\w+|(?:credito|prestamo) (?:hipotecario|de la (?:casa|vivienda)|del (?:piso|apartamento|"
                r"departamento))|(?:deb\w+|queda\w*|falta\w*|pagando|pagar|pago) (?:por |de |pagar |por pagar )*(?:del? |"
                r"la |el |mi |nuestr[oa] )+(?:piso|casa|vivienda|apartamento|departamento|chalet|adosado)|"
                r"(?:del|de la|por la|por el) (?:piso|casa|vivienda|apartamento)|letra|mortgage"
            ),
        ),
        (
            "other_debts",
            (
                r"deud\w+|prestamos?(?! hipotec)|creditos?(?! hipotec)|financiac\w+|financiad\w+|(?:del |el |"
                r"por el |de la |la |por la )(?:coche|moto|carro|furgoneta|tarjeta|master|reforma|auto)\b|tarjetas?\b|"
                r"microcredit\w+|debts?|loans?|owe\b|debo|debemos|adeud\w+"
            ),
        ),
        (
            "sum_assured",
            (
                r"capital(?:es)?|cobertura|y (?:con|por) (?:unos )?(?=\d)|asegur(?:ar|arme|ado|ada|o|e|en|amos|"
                r"arnos|ando)\b|suma(?: asegurada)?|indemniza\w+|(?:les?|se|que) qued(?:e|en|aran?|arian?)\b|"
                r"dejar(?:les?|selo|me)?\b|para (?:mi|los|las) (?:familia|hijos|hijas|mujer|mios)|"
                r"(?:y )?si (?:pongo|ponemos|pido|subo|bajo|fuera\w*|son|cojo|lo pongo|lo subo|lo bajo|quiero|"
                r"hago|subimos|bajamos)|(?:quiero|quisiera|querria|queremos|necesito|me gustaria|prefiero|ponme|"
                r"pon|poned|busco|quería|quiciera) (?:un |uno |una )?(?:seguro|poliza)?(?: de vida)?\b|"
                r"seguro (?:de vida )?(?:de|por|para)\b|(?:cuanto|como|que) (?:seria|costaria|sale|saldria|cuesta|"
                r"vale|me sale|saldrian|serian|valdria|pagaria)\w*(?: (?:un seguro|uno))?(?: de| para| por)?|"
                r"(?:subi|sube|baja|pasa|ponlo|subelo|bajalo|dejalo|amplia|aumenta)\w*|insure|cover\b|sum assured|"
                r"necesito"
            ),
        ),
    )
)
_PUT = re.compile(r"^\W*(?:pues |bueno |vale,? )?pon(?:me|lo|le|ga|gale)? (?:unos |que son )?$")
_PAYS = re.compile(r"\b(?:pag(?:o|amos|ando)|letra|cuota|me cobran|me cuesta)(?: de)?(?: unos| como)? $")
_LARGEST_PAYMENT_EUR = 3_000
_RENT = re.compile(r"\balquil(?:er|ad[oa]|o)\b")
_LEFT_BEFORE = re.compile(r"\b(?:quedan?|faltan?|debo|debemos|restan?)(?: por pagar| pendientes| solo| unos| como| ya)* $")
_OWN_BEFORE = re.compile(r"\b(?:yo|la mia|el mio) (?:gano |cobro |unos |solo |sobre |como )*$")
_OWED = re.compile(
    r"\b(?:me|nos) (?:quedan?|faltan?|restan?|resta|quedaran)\b|\b(?:queda|quedan|falta|faltan) (?:por pagar|"
    r"pendientes?|unos|como|unas)?|\bpendientes?\b|\btodavia (?:debo|pago)\b"
)
_TOO_MUCH = re.compile(
    r"[\s,]*(?:€ ?)?(?:es|son|me parecen?|se me hacen?|esta|me resulta|lo veo|sigue siendo)\s+(?:mucho|"
    r"much[oa]s?|muy car\w+|car[oa]s?|un (?:poco|pelin) car\w+|demasiad\w+|carisim\w+|una pasada|un paston|"
    r"too (?:much|expensive))"
)
_LINK_AFTER = re.compile(
    r"\s*(?:,? ?(?:que (?:tengo|tenemos|debo|me quedan?)|quedan|pendientes?|tengo|tenemos|son))?\s*(?:de|"
    r"para|en|por|a|del|al|como|con|of|in)?\s*(?:la |el |mi |mis |un |una |lo de la |su |capital de |"
    r"nuestra |los )?"
)
_VAGUE = re.compile(r"deb|adeud|owe|pag|quier|necesit|tengo|pon\b|ponme|si ")
_DIFFERENCE = re.compile(r"\s*(?:menos|mas)\b(?! o menos)")
_OWE = re.compile(r"\bdeb(?:o|emos)\b")
_HOME = re.compile(r"\b(?:casa|piso|vivienda|apartamento|chalet)\b")
_OTHER_LOAN = re.compile(
    r"\b(?:coche|moto|carro|furgoneta|personal(?:es)?|consumo|tarjetas?|estudios|master|reforma|muebles)\b"
)
_NO_MORTGAGE = re.compile(
    r"\b(?:no (?:tengo|hay|tenemos|pago)|sin) (?:la |una )?hipoteca\b|\bhipoteca,? no\b|"
    r"^\W*no,? (?:pero |solo |solamente )+(?:si |tengo |hay |me queda )*(?:un |el |otro )?(?:prestamo|credito)\b"
)
_OVER_YEARS = re.compile(r"\s*(?:€|euros?)?,? (?:a|en|quedan|para) \d+ anos")
_HARD_STOP = re.compile(r"[;!?\n]|\.(?!\d)")
_MONTHLY_PLAUSIBLE_EUR = 7000
_YEARLY_PLAUSIBLE_EUR = 12000
_FARTHEST = 90  # characters
_NO_MONTHLY_PREMIUM_EUR = 5000
_MONTHS_PER = {"month": 1.0, "year": 1 / 12, "week": 52 / 12, "day": 365 / 12, "": 1.0}


@dataclass(frozen=True, slots=True)
class _Cue:
    key: str
    start: int
    end: int


def read_money(wording: Wording, quantities: Sequence[Quantity], context: Context) -> tuple[list[Found], list[Quantity]]:
    """The amounts with their keys, and the quantities they took."""
    cues = _cues(wording.plain)
    found: list[Found] = []
    taken: list[Quantity] = []
    amounts = [quantity for quantity in quantities if _may_be_money(quantity) and not _are_both(wording.plain, quantity)]
    amounts = [quantity for quantity in amounts if not _counts_payments(wording.plain, quantity)]
    for said_of in (_OWN_BEFORE, _LEFT_BEFORE):  # "entre los dos 3500, yo 1500"; "eran 100.000, quedan 60.000"
        amounts.sort(key=lambda each: not said_of.search(wording.plain[: each.start]))
    for quantity in amounts:
        key, certainty = _key_of(wording.plain, quantity, amounts, cues, context)
        if key is None or _DIFFERENCE.match(wording.plain, quantity.end):
            continue
        taken.append(quantity)
        if quantity.rejected:
            continue
        value = _valued(key, quantity, wording.evidence(quantity.start, quantity.end), certainty)
        earlier = next((index for index, other in enumerate(found) if other.key == value.key), None)
        if earlier is None:
            found.append(value)
        elif _takes_back(wording.plain[max(0, quantity.start - 30) : quantity.start]):
            found[earlier] = value
    return found, taken


def _cues(plain: str) -> list[_Cue]:
    """The words that say what an amount is; of two that overlap the one listed first ("ya tengo un seguro" | "seguro de")."""
    cues: list[_Cue] = []
    for key, pattern in _CUES:
        for match in pattern.finditer(plain):
            if not any(other.key != key and other.start < match.end() and match.start() < other.end for other in cues):
                cues.append(_Cue(key, *match.span()))
    return cues


def _may_be_money(quantity: Quantity) -> bool:
    return quantity.unit in ("", "money") and not (quantity.article and not quantity.unit)


def _counts_payments(plain: str, quantity: Quantity) -> bool:
    """The 14 of "14 pagas de 1.500"."""
    return bool(re.match(r"\s*pagas\b", plain[quantity.end :]))


def _are_both(plain: str, quantity: Quantity) -> bool:
    """The "dos" of "los dos" is two people."""
    return quantity.value == 2 and bool(re.search(r"\b(?:los|las|nosotr[oa]s) $", plain[: quantity.start]))


def _takes_back(before: str) -> bool:
    return bool(re.search(r"\b(?:mejor|perdon|digo|no,|bueno|mejor dicho|quiero decir)\W*(?:son |unos )?$", before))


def _key_of(
    plain: str, quantity: Quantity, amounts: Sequence[Quantity], cues: Sequence[_Cue], context: Context
) -> tuple[str | None, float]:
    """The key an amount belongs to and how sure that is; None when nothing says so."""
    awaiting = (context.awaiting or "").removeprefix("confirm:")
    if awaiting == "mortgage_balance" and not quantity.sized and quantity.value <= _LARGEST_PAYMENT_EUR:
        if _RENT.search(plain):
            return None, 0
        if _PAYS.search(plain[: quantity.start]):
            return "details.mortgage_payment_month", 0.8
    if _TOO_MUCH.match(plain, quantity.end):
        return "details.current_quote_month", 1.0
    owed = bool(_OWED.search(plain[max(0, quantity.start - 40) : quantity.start]))
    if awaiting in MONEY_KEYS and _PUT.search(plain[: quantity.start]):
        return awaiting, 1.0
    near = _nearest_cue(plain, quantity, amounts, cues)
    if near is not None:
        key, cost = near
        if quantity.unit == "" and quantity.value < 10 and awaiting != key:
            return None, 0
        certainty = 1.0 if cost < 8 or (owed and key == "mortgage_balance") else 0.7
        if key == "other_debts" and (_NO_MORTGAGE.search(plain) or _OTHER_LOAN.search(_around(plain, quantity, amounts))):
            return key, certainty
        return _named(plain, quantity, key, awaiting, certainty)
    if awaiting in MONEY_KEYS:
        if quantity.period == "month" and awaiting in IN_THOUSANDS:
            return ("details.mortgage_payment_month", 0.8) if awaiting == "mortgage_balance" else ("monthly_budget", 0.6)
        return awaiting, 1.0
    return (None, 0) if quantity.unit == "" else _unnamed(plain, quantity, context, owed=owed)


def _named(plain: str, quantity: Quantity, key: str, awaiting: str, certainty: float) -> tuple[str, float]:
    """The key that the nearest word names, corrected by what else speaks against it."""
    if key == "other_debts" and _OWE.search(plain) and _HOME.search(plain):
        key = "mortgage_balance"
    if key == "other_debts" and awaiting == "mortgage_balance":
        return awaiting, 1.0 if _OWE.search(plain) else 0.8
    if key in ("other_debts", "savings") and _OVER_YEARS.match(plain, quantity.end):
        return "mortgage_balance", 0.8
    if key == "mortgage_balance" and quantity.period in ("month", "year"):
        return "details.mortgage_payment_month", 1.0
    if key == "monthly_budget" and quantity.value >= _NO_MONTHLY_PREMIUM_EUR and not quantity.period:
        return "sum_assured", 0.8
    if key == "sum_assured" and quantity.period == "month":
        return "monthly_budget", 0.8
    return key, certainty


def _around(plain: str, quantity: Quantity, amounts: Sequence[Quantity]) -> str:
    """The words about an amount: those between the amounts before and after it."""
    begin = max((other.end for other in amounts if other.end <= quantity.start), default=0)
    end = min((other.start for other in amounts if other.start >= quantity.end), default=len(plain))
    return plain[begin:end]


def _unnamed(plain: str, quantity: Quantity, context: Context, *, owed: bool) -> tuple[str | None, float]:
    """The likeliest key of an amount that no word names and no question asked for."""
    if owed:
        return "mortgage_balance", 1.0 if re.search(r"\bhipotec", plain) else 0.7
    if quantity.period:
        known = context.profile.get("monthly_income")
        if isinstance(known, int | float) and known / 3 < quantity.value < known * 3:
            return "monthly_income", 0.9
        at_work = re.search(r"\b(?:trabaj|curr|labur|chamb|soy )", plain)
        return ("monthly_budget", 0.6) if quantity.value < 150 else ("monthly_income", 0.8 if at_work else 0.7)
    return ("sum_assured", 0.6) if quantity.value >= 20_000 else (None, 0)


def _nearest_cue(plain: str, quantity: Quantity, amounts: Sequence[Quantity], cues: Sequence[_Cue]) -> tuple[str, float] | None:
    best: tuple[float, int, str] | None = None
    for order, cue in enumerate(cues):
        cost = _distance(plain, quantity, amounts, cue)
        if cost is not None and cost <= 12 and (best is None or (cost, order) < best[:2]):
            best = (cost, order, cue.key)
    return None if best is None else (best[2], best[0])


def _distance(plain: str, quantity: Quantity, amounts: Sequence[Quantity], cue: _Cue) -> float | None:
    """How far a word stands from an amount: words between, more for commas, "y", and other amounts."""
    if cue.end < quantity.start - _FARTHEST or cue.start > quantity.end + _FARTHEST:
        return None
    if cue.end <= quantity.start:
        gap, between = plain[cue.end : quantity.start], (cue.end, quantity.start)
        cost = 0.0
    elif cue.start >= quantity.end:
        gap, between = plain[quantity.end : cue.start], (quantity.end, cue.start)
        if _LINK_AFTER.fullmatch(gap):
            return 0.2
        cost = 2.5
    else:
        return 0.0
    if _HARD_STOP.search(gap):
        return None
    words = re.findall(r"[a-z\d]+", gap)
    cost += len(words) + 3 * gap.count(",") + 2 * words.count("y") + 3 * words.count("pero")
    cost += sum(
        5 for other in amounts if other is not quantity and between[0] <= other.start < between[1] and not other.rejected
    )
    vague = 1.5 if _VAGUE.match(plain, cue.start) else 0.0  # "debo 90 de hipoteca": the noun says more than the verb
    return cost + vague


def _valued(key: str, quantity: Quantity, evidence: str, certainty: float) -> Found:
    monthly = key in ("monthly_income", "monthly_budget") or key.endswith("_month")
    readings = [quantity.value, *([quantity.high] if quantity.high else []), *quantity.alternatives]
    confidence = certainty
    if quantity.high is not None or quantity.alternatives:
        confidence = min(confidence, 0.5)
    if quantity.foreign or quantity.slang:
        confidence = min(confidence, 0.6)
    if key in IN_THOUSANDS:
        readings, sure = _in_thousands(readings, quantity)
        confidence = confidence if sure else min(confidence, 0.6)
    elif monthly:
        readings, sure = _per_month(key, readings, quantity)
        confidence = confidence if sure else min(confidence, 0.6)
    values = tuple(dict.fromkeys(as_number(round(reading, 2)) for reading in readings))
    return Found(key, values[0], evidence, confidence, False, values[1:])


def _in_thousands(readings: list[float], quantity: Quantity) -> tuple[list[float], bool]:
    if quantity.sized or quantity.value == 0 or quantity.value >= 2000:
        return readings, True
    thousands = [reading * 1000 for reading in readings]
    return ([*readings, *thousands], False) if quantity.value > 1000 else ([*thousands, *readings], False)


def _per_month(key: str, readings: list[float], quantity: Quantity) -> tuple[list[float], bool]:
    if quantity.period == "hour":
        return [reading * 160 for reading in readings], False
    if key == "details.mortgage_payment_month" and not quantity.period:
        return readings, True
    if quantity.period:
        if key == "monthly_income" and not quantity.sized and quantity.value < 150 and quantity.period in ("month", "year"):
            return [reading * 1000 * _MONTHS_PER[quantity.period] for reading in readings] + readings, quantity.period == "year"
        return [reading * _MONTHS_PER[quantity.period] for reading in readings], True
    value = quantity.value
    if key == "monthly_income":
        if value < 10 and value > 0 and not quantity.sized:
            return [reading * 1000 for reading in readings] + readings, False
        if 10 <= value < 200 and not quantity.sized:
            return [reading * 1000 / 12 for reading in readings] + readings, False
        if value >= _YEARLY_PLAUSIBLE_EUR:
            return [value / 12 for value in readings] + readings, False
        return readings, value < _MONTHLY_PLAUSIBLE_EUR
    if value > 150:
        return [reading / 12 for reading in readings] + readings, False
    return readings, True
