"""What somebody says about their own or their family's health is taken out; what they ask about the cover stays.

Health data is special-category data (GDPR art. 9) that the sale does not need, so it is not stored at all. The marks tell
later readers only that it was there. A cancer overcome more than five years ago needs no declaring (RDL 5/2023 art. 209),
so it has a mark of its own: such a person goes on like anybody else.
"""

from __future__ import annotations

from typing import NamedTuple

from src.agent.lookalikes import any_of, fold, rule

HEALTH_MARK = "[dato de salud]"
CANCER_OVERCOME_MARK = "[cáncer superado hace más de 5 años]"

_EARLIEST_YEAR_NOW = 2026
"""A lower bound of the current year, which this pure code cannot know: it errs towards a human, never the other way."""


def redact_health(text: str) -> str:
    """The text with every health disclosure replaced by HEALTH_MARK or CANCER_OVERCOME_MARK, the rest left readable.

    Questions about the cover ("¿cubre el cáncer?"), hypothetical cases and sayings are not disclosures.
    """
    folded = fold(text)
    if not rule(_ANY_SIGN).search(folded.text):
        return text
    clauses = _clauses(folded.text)
    disclosing = _disclosing(clauses)
    if not any(disclosing):
        return text
    pieces: list[str] = []
    cursor = at = 0
    while at < len(clauses):
        if not disclosing[at]:
            at += 1
            continue
        end = at
        while end < len(clauses) and disclosing[end]:
            end += 1
        run = clauses[at:end]
        start_in_text, end_in_text = folded.span_in_original(run[0].start, run[-1].end)
        pieces += (text[cursor:start_in_text], _mark(" , ".join(clause.text for clause in run)))
        cursor = end_in_text
        at = end
    return "".join((*pieces, text[cursor:]))


# --- words ------------------------------------------------------------------------------------------------------------
# Stems, over folded text (no accents). Kept in alphabetical order within a line of meaning; add freely.

# Somebody has them or had them: saying so with a verb is a disclosure.
_ILLNESSES = r"""
    a1c aborto acufen alergi[ac] alzheimer anemi aneurism anginas? anorexi[ac] ansiedad apnea arritmi arterios artritis artrosis
    asma autism bipolar bocio bronquitis bulimi cardiopat cataratas celiaqu ciatica cirrosis colesterol colitis
    coronari covid crohn cuadriple.bypass demencia depresi dermatitis derrame diabet discapacid distrofia drogas
    drogadic embolia endometriosis enfermedad enfermo enfisema epilep epoc\b esclerosis escoliosis esquizofreni fibromialgi
    fibrosis gastritis glaucoma gota\b hemofili hemorragi hepat hernia hipercolest hipertens hipertir hipotens hipotir hiv\b
    huntington ictus infart incapacid insuficiencia jaqueca lesion lupus menier migra[nñ]a minusval miocard miopia
    narcoleps neumoni[ac] neuropat obesidad osteopor parkinson patologi\w+ polio\b poliquist psoria psicosis quiste renal
    retinopat reuma ri[nñ]on sarcoid sida\b sincop sobrepeso soplo tdah tension.(?:alta|arterial|baja|por)
    tension\b(?=\W*$) tiroid[ei] toc\b transtorno trastorno tromb tuberculosis ulcera vasculitis vih\b
    azucar.(?:alt[oa]|en|por) problemas?.(?:de|del|en|con).(?:el.|la.|los.)?(?:corazon|salud|espalda|pulmon|higado|vista)
    problemas?.cardiac
    asthma arthritis anxiety cholesterol depression disabilit disease epileps heart.(?:attack|condition|problem|failure)
    hepatitis illness kidney migraine seizure stroke surgery thyroid high.blood
"""
_CANCER = r"cancer|canser|carcinoma|tumor|leucemia|leukemia|linfoma|lymphoma|melanoma|mieloma|metastasis|sarcoma"
_CANCER_TREATMENT = r"quimio|chemo|radioterap|mastectom|braquiterap|inmunoterap"
_MEDICINES = r"""
    acenocumarol adalimumab adiro alprazolam amlodipino anticoagula antidepres antihipertens ansiolit apixaban
    aspirina atorvastatin betabloque bisoprolol citalopram clopidogrel clonazepam corticoid diazepam duloxetina eliquis
    emconcor enalapril escitalopram estatina eutirox fluoxetina gabapentin humira ibuprofen inhalador insulin
    lamotrigin levotiroxin lexatin litio lorazepam lormetazepam losartan metadona metformin methotrexate metotrexat
    morfina olanzapin omeprazol orfidal ozempic paroxetina pastilla prednisona pregabalin prozac quetiapin ramipril
    risperidon rivotril semaglutid sertralin simvastatin sintrom statin tramadol tranquimazin trankimazin trazodona
    valium valsartan venlafaxin ventolin viagra warfarin xanax xarelto medicacion medicament medication
"""
_TREATMENTS = r"""
    ablacion angioplast biopsia bypass cateter cirugia desfibrilador dialisis intervencion.quirurgica marcapasos muletas?\b
    oxigeno operacion.(?:de|del|a).(?!compra|venta|hipoteca|credito|financ) protesis quirofano rehabilitac
    silla.de.ruedas stent tratamiento(?!.de.(?:aguas|iva|residuos|textos)) trasplant transplant terapia\b transfusion valvula
"""
# A person is one of these: the word alone says it.
_BEING = any_of(
    r"""
    diabetic[oa]|hipertens[oa]|asmatic[oa]|epileptic[oa]|celiac[oa]|alergic[oa]|bipolar|seropositiv[oa]
    vih positiv[oa]|depresiv[oa]|esquizofrenic[oa]|alcoholic[oa]|drogadict[oa]|anorexic[oa]|bulimic[oa]
    hemofilic[oa]|cardiopata|autista|obes[oa]|hipotiroide[oa]|anemic[oa]|discapacitad[oa]|minusvalid[oa]
    paraplejic[oa]|tetraplejic[oa]|trasplantad[oa]|deprimid[oa]|toxicoman[oa]
    enferm[oa] (?:de|del|cronic[oa])
    paciente (?:de|oncologic[oa])|superviviente de|operad[oa] (?:de|del|a)|diagnosticad[oa]|medicad[oa]|embarazada
    diabetic|epileptic|asthmatic|hiv positive|pregnant
    """
)


def _stems(words: str) -> str:
    return "|".join(words.split())


_TERM = rf"\b(?:{_stems(_ILLNESSES)}|{_CANCER}|{_CANCER_TREATMENT}|{_stems(_MEDICINES)}|{_stems(_TREATMENTS)})"
_CANCER_TERM = rf"\b(?:{_CANCER}|{_CANCER_TREATMENT})"

# Verbs that tell something of oneself whatever follows.
_DONE_TO_ME = any_of(
    r"""
    \bme (?:han |habian |van a |tienen que |acaban de |fueron a )?(?:oper\w+|diagnostic\w+|detect\w+|intervin\w+|
        intervenid\w+|trasplant\w+|extirp\w+|ingres\w+ en el hospital|ingresaron (?:por|en el hospital|
        en urgencias)|hospitaliz\w+|medic(?:o|aron|an)\b|
        recet\w+|amput\w+)
    \b(?:estoy|estuve|he estado|estaba|sigo|llevo \w+ \w+) (?:operad|diagnosticad|medicad|hospitalizad|ingresad|
        embarazad|enferm|en tratamiento|con tratamiento|de baja (?:medica|laboral|por|desde)|en dialisis|
        en rehabilitacion|en quimio|con quimio|con medicacion)
    \b(?:voy|iba|fui|vamos) (?:al|a la|a un|a una) (?:psic|psiq|oncolog|cardiolog|quimio|dialisis)
    \bme (?:he )?(?:rompi|roto|fracture|fracturado) (?:la|el|un|una|los|las) |\bme falta un (?:ri[nñ]on|pulmon|ojo|brazo)
    \b(?:padezco|padeci|sufro) (?:de|del) |\bpeso (?:ya |unos |mas de )?\d{2,3} ?(?:kilos|kgs?)\b
    \bme hicieron una operacion\b|\bme he curado\b|\bme cure\b
    \b(?:i was|i have been|i've been|i am being) (?:diagnosed|operated|hospitali|treated)
    """
)
# Verbs that tell something of oneself when a term follows.
_ABOUT_ME = any_of(
    r"""
    \b(?:tengo|tenia|tuve|he tenido|habia tenido|padezco|padeci|he padecido|padecia|sufro|sufri|he sufrido|sufria|
        estoy|estuve|he estado|tomo|tomaba|tome|me tomo|estoy tomando|llevo|me pincho|me inyecto|uso|necesito|
        supere|he superado|superad[oa]|venci|he vencido|pase|he pasado|me recupere|recuperad[oa]|curad[oa]|vivo con|
        me medico|me trato|tratandome|acabe|termine|he acabado|he terminado|recibi|sigo con|ando con|arrastro|
        conviv[oí]|me (?:estan|dio|dieron|ha dado|han dado|encontraron|han encontrado|hicieron|han hecho|pusieron|
        han puesto|quitaron|han quitado|salio|ha salido|vieron|han visto|trataron|tratan|ven|controlan|hago|hice|
        descubrieron)|mi (?!hipoteca|seguro|banco)(?:\w+ )?|i have|i've|i had|i've had|i suffer|i suffered|i take|
        i'm taking|i survived|i beat|my)\b
    """
)
_RELATIVE = any_of(
    r"""
    \b(?:padres?|madre|papas?\b|(?<!de )mama|viejos?|herman[oa]s?|abuel[oa]s?|ti[oa]s?|hij[oa]s?|mujer|marido|
        espos[oa]|pareja|novi[oa]|suegr[oa]s?|familia|familiares|antecedentes|father|mother|dad|mum|mom|brother|
        sister|wife|husband|son|daughter|family)\b
    """
)
# It goes on about the same illness, without a verb that would say so by itself.
_GOES_ON = any_of(
    r"""
    \b(?:recai|remision|revision|alta medica|dado? de alta|dada de alta|secuel|metastas|oncolog|cardiolog|
        medic[oa]s?\b|hospital|pastill|\d+ ?mg\b|tratamiento|curad|superad|recuperad|estable|controlad|cronic|
        tipo (?:1|2|i{1,2})\b|diagnostic|libre de|limpi[oa]\b|sintom|crisis\b|brote|operacion|en remision|all clear|
        relapse|treatment)
    ^\W*(?:y |pero |aunque |ya )*(?:hace|desde hace|desde|en el|en) (?:mas de |unos |casi )?(?:\w+ )?(?:anos?|
        mes(?:es)?|dias|\d{4})\b
    ^\W*(?:y |pero |aunque )*(?:ya |ahora )*(?:estoy|me encuentro|voy) (?:muy |ya |mucho )*(?:bien|mejor|recuperad|
        curad|perfecto)
    """
)
_ONLY_A_TIME = r"(?:ya )?(?:hace|desde hace|desde|en) (?:\w+ ){0,4}?(?:anos?|mes(?:es)?|dias|(?:19|20)\d\d)$"
_TIME_OF_ILLNESS = r"\b(?:hace|desde|en el|en) (?:\w+ ){0,3}?(?:anos?|meses|(?:19|20)\d\d)\b|\btipo (?:1|2|i{1,2})\b"

# Not a disclosure.
_MARK = r"\[dato de salud\]|\[cancer superado hace mas de 5 anos\]"
_ASKS_FOR_COVER = any_of(
    r"""
    \b(?:cubr\w+|cobertura\w*|incluy\w+|incluid\w+|entra(?:n|ria)?\b|exclu\w+|pag(?:a|an|ais|aria|arian)\b|
        indemniza\w*|cobr(?:o|aria|arian|an)\b|que pasa|que (?:es|son|significa|quiere decir)|
        enfermedad(?:es)? graves?|seguro (?:de|por|para|con)|poliza|cover\w*|include\w*|pay\w*|what (?:is|if|
        happens)|por si|en caso de|carencia|cuestionario|preguntan?|pedis|pregunt\w+)
    """
)
_HYPOTHETICAL = any_of(
    r"""
    \b(?:si|cuando|aunque|como) (?:\w+ ){0,2}?(?:me (?:da|diera|diese|diagnostic(?:an|aran|asen)|detect(?:an|aran)|
        pasa|pongo|pusiera|oper(?:an|aran)|muero|muriera|quedo|quedara)|tuvier|tuvies|sufr(?:o|ier)|padecier|
        enfermo|enfermar|caigo|cayer|cojo|pillo|fallezco|desarroll|contraig|algun dia|un dia|i get|i got|i had|
        i were)
    \b(?:if i (?:get|got|become|ever)|por si|en caso de|miedo a|preocupa)
    """
)
_HYPOTHETICAL_IF_ACUTE = any_of(
    r"""
    \b(?:si|if) (?:\w+ )?(?:tengo|i have) (?:un |una |a )?(?:infart|ictus|derrame|accidente|stroke|heart attack|
        {cancer})
    """,
    cancer=_CANCER,
)
_SAYING = any_of(
    r"""
    \b(?:casi )?me (?:va a |vais a |puede )?da(?:r|is)? (?:un |algo|una )
    \b(?:precio|susto|cuota|cifra)s? de infarto
    \balergi[ac]o? a (?:los |las |el |la )?(?:comercial|seguro|banco|robot|bot|papeleo|vendedor)
    \bme (?:tiene|teneis|pone|poneis|tienen|ponen) (?:\w+ )?enferm[oa]
    \bsoy (?:un )?enferm[oa] (?:del?|por) (?:futbol|trabajo|orden|running|cine)
    """
)
_NEGATED = any_of(
    r"""
    \b(?:no|ni|nunca|jamas|tampoco|sin|ningun\w*|never|not|don't|no tengo)\b (?:\w+ ){0,4}?(?:tengo|tenido|tuve|
        padezco|padecido|sufro|sufrido|soy|estoy|tomo|ningun\w*|enferm\w+|problemas?|nada|have|had|take|any|
        antecedentes|medicacion|operad\w|operaron|operado|hay)
    """
)
_HAS_IT = any_of(
    r"""
    \b(?:que|ya|porque|como|siendo|con) (?:ya )?(?:tengo|tuve|padezco|he tenido|soy)\b
    \b(?:tengo|tuve) ya\b
    """
)
_ANY_SIGN = rf"{_TERM}|{_DONE_TO_ME}|\b(?:{_BEING})|\bde baja\b"


# --- clauses ----------------------------------------------------------------------------------------------------------


class _Clause(NamedTuple):
    start: int
    end: int
    text: str
    sentence: int
    asked: bool


# Where another thought begins, also in a voice note without a single comma.
_BORDER = any_of(
    r"""
    (?P<sentence>[.!?…\n]+)|[,;:()¿¡]+
    (?= (?:y|e|pero|aunque|and|but|ademas|tambien|asi que|por eso|porque) )
    (?<!\bno)(?<!\bsi)(?<!\bni)(?<!\bque)(?<!nunca)(?<!jamas)(?<!poco)(?= (?:no |nunca |si )?(?:tengo|tuve|soy|gano|
        cobro|vivo|trabajo|fumo|me llamo|quiero|querria|quisiera|necesito|debo|he tenido|padezco|tomo|padeci|
        estoy casad|estoy solter|estoy divorciad|me operaron|me diagnosticaron|mi madre|mi padre|mi mujer|mi marido|
        mi hipoteca|i am|i'm|i have|i had|i earn|i smoke|i don't smoke|my mother|my father|my name)\b)
    (?<=\d\d anos) (?!de (?:tratamiento|edad)|sin |con |despues|tomando|en tratamiento)
    """
)


def _clauses(text: str) -> list[_Clause]:
    """The thoughts of the text, without the blanks and conjunctions around them."""
    found: list[_Clause] = []
    start = sentence = 0
    first_of_sentence = 0
    borders = [(border.start(), border.end(), bool(border["sentence"])) for border in rule(_BORDER).finditer(text)]
    for border_start, border_end, ends_sentence in (*borders, (len(text), len(text), True)):
        core = rule(r"^(?:\s|(?:y|e|pero|and|but|ademas|tambien)(?=\s|$))*").match(text[start:border_start])
        begin = start + (core.end() if core else 0)
        words = text[begin:border_start].rstrip()
        if words:
            found.append(_Clause(begin, begin + len(words), words, sentence, asked=False))
        start = border_end
        if ends_sentence:
            asked = "?" in text[border_start:border_end]
            found[first_of_sentence:] = [clause._replace(asked=asked) for clause in found[first_of_sentence:]]
            first_of_sentence = len(found)
            sentence += 1
    return found


def _disclosing(clauses: list[_Clause]) -> list[bool]:
    """For each clause whether it belongs to a disclosure: by itself, or because it goes on about one."""
    disclosing: list[bool] = []
    speaks_of_self = False
    for at, clause in enumerate(clauses):
        if at == 0 or clauses[at - 1].sentence != clause.sentence:
            speaks_of_self = False
        mine = bool(rule(_ABOUT_ME).search(clause.text))
        by_itself = _discloses(clause.text, asked=clause.asked, speaks_of_self=mine or speaks_of_self)
        goes_on = bool(disclosing) and disclosing[-1] and bool(rule(_GOES_ON).search(clause.text)) and not clause.asked
        disclosing.append(by_itself or goes_on)
        speaks_of_self = (speaks_of_self or mine) and not rule(_ASKS_FOR_COVER).search(clause.text)
    for at in range(len(clauses) - 1):  # "hace 8 años" before "tuve un cáncer"
        disclosing[at] = disclosing[at] or (disclosing[at + 1] and bool(rule(_ONLY_A_TIME).match(clauses[at].text)))
    return disclosing


def _discloses(words: str, *, asked: bool, speaks_of_self: bool) -> bool:
    if rule(_MARK).search(words) or rule(_SAYING).search(words):
        return False
    if rule(_HYPOTHETICAL).search(words) or rule(_HYPOTHETICAL_IF_ACUTE).search(words):
        return False
    if rule(_NEGATED).search(words):
        return False
    if rule(_DONE_TO_ME).search(words):
        return True
    being = rule(rf"\b(?:{_BEING})").search(words)
    term = rule(_TERM).search(words)
    if not being and not term:
        return False
    if rule(_ASKS_FOR_COVER).search(words) and not being and not rule(_HAS_IT).search(words):
        return False
    if rule(_RELATIVE).search(words):
        return True
    if being:
        return True
    return speaks_of_self or (not asked and bool(rule(_TIME_OF_ILLNESS).search(words)))


# --- cancer -----------------------------------------------------------------------------------------------------------

_NUMBER_WORDS = {
    "seis": 6, "siete": 7, "ocho": 8, "nueve": 9, "diez": 10, "once": 11, "doce": 12, "trece": 13, "catorce": 14,
    "quince": 15, "veinte": 20, "treinta": 30, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "twelve": 12,
    "fifteen": 15, "twenty": 20,
}  # fmt: skip
_YEARS_AGO = (
    r"\bhace (?:ya |mas de |unos |como |casi |aproximadamente )*(\w+) anos\b"
    r"|\b(\w+) years ago\b|\bllevo (?:ya |mas de |unos |casi )*(\w+) anos\b"
)
_OVER_FIVE_YEARS = r"\b(?:mas de|over|more than) (?:cinco|5|five) (?:anos|years)\b|\bhace (?:5|cinco) anos y (?:medio|pico)\b"
_YEAR = r"\b(?:19[5-9]\d|20\d\d)\b"
_NOT_OVERCOME = any_of(
    r"""
    \bsigo\b|\btodavia\b|\baun\b|\bactualmente\b|\bahora mismo\b|(?<!sin )(?<!ninguna )\brecai|\bme ha vuelto
    \bmetasta|\btengo (?:un )?(?:{cancer})
    \bestoy (?:en|con|recibiendo|tomando)\b
    \bi have\b(?! had)|\bstill\b
    """,
    cancer=_CANCER,
)


def _mark(words: str) -> str:
    """Which mark stands for this run of clauses."""
    cancer = rule(_CANCER_TERM).search(words) and not rule(_RELATIVE).search(words)
    beside_it = rule(rf"(?:{_CANCER})\w* (?:de|del|en) (?:el |la |los |las )?\w+").sub(" ", words)  # its organ is no illness
    other = rule(rf"\b(?!superviviente)(?:{_stems(_ILLNESSES)}|{_stems(_MEDICINES)}|{_BEING})").search(beside_it)
    if not cancer or other or rule(_NOT_OVERCOME).search(words):
        return HEALTH_MARK
    return CANCER_OVERCOME_MARK if _over_five_years_ago(words) else HEALTH_MARK


def _over_five_years_ago(words: str) -> bool:
    """The most recent time that is named lies more than five years back."""
    years = [_EARLIEST_YEAR_NOW - int(year[0]) for year in rule(_YEAR).finditer(words)]
    for match in rule(_YEARS_AGO).finditer(words):
        number = next(group for group in match.groups() if group)
        years.append(int(number) if number.isdigit() else _NUMBER_WORDS.get(number, 0))
    if rule(_OVER_FIVE_YEARS).search(words):
        return all(age == 0 or age >= 5 for age in years)
    return bool(years) and min(years) > 5
