"""Yes, no and "I don't know", in the Spanish of both sides of the Atlantic, in English and in emoji.

The first words decide. A sentence that merely contains "no" or "si" says nothing about the question that was asked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from src.agent.understanding.wording import Wording

Polarity = Literal["affirm", "deny", "dont_know"]


@dataclass(frozen=True, slots=True)
class Answer:
    """The polarity of a message, and the part of `plain` that says so."""

    polarity: Polarity
    confidence: float
    start: int
    end: int


_FILLER = re.compile(
    r"(?:(?:pues nada(?=,? (?:adelante|vale|venga|ok|si|dale|vamos))|"
    r"pues|bueno|buenas|hola|eh|ehm|em|ah|oh|uy|uf|hum|hmm|mm|mmm|mira|oye|hombre|mujer|tio|"
    r"a ver|la verdad(?: es que)?|lamentablemente|desgraciadamente|por desgracia|desafortunadamente|"
    r"realmente|sinceramente|en realidad|lo siento|perdon|perdona|disculpa|disculpe|gracias|pero|de momento|"
    r"por ahora|"
    r"es que|che|jaja|jajaja|bien|well|oh|hi|hello|muy bien|entonces|o sea|yo creo que|diria que|te digo|"
    r"yo|anda|puf|buenos dias|"
    r"buenas tardes|por dios)\b[\s,.:;!¡¿?]*|[\s,.:;!¡…\"'(-]+)"
)
_STOP = r"(?=\s*(?:$|[,.;:!…)\n\U0001F000-\U0001FAFF\u2600-\u27BF-]))"
_DENY = re.compile(
    r"(?:no(?= y (?:mi|ella|el)\b)|(?:todavia|aun|de momento|por ahora) (?:ningun[oa]?|nada|nadie)\b|"
    r"claro que no|por supuesto que no|desde luego que no|ni (?:hablar|de broma|de cona|loco|loca|"
    r"en broma|pensarlo|por asomo|de lejos|en pedo|"
    r"modo|de vaina|a palos|sonarlo)|de (?:ninguna manera|ningun modo|eso nada)|para nada|en absoluto|"
    r"que va|nel|nel pastel|nones|negativo|nunca|jamas|"
    r"(?:creo|pienso|supongo|me parece|diria|me temo|temo|espero|juraria|parece|prefiero|va a ser) que no|"
    r"(?:mejor|pues|ahora|aun|todavia) no\b(?! (?:puedo|me|tengo|es|lo|estoy|hay))|tampoco|nop|nope|"
    r"nada de eso|"
    r"nah|nanay|naranjas|ne\b|no me interesa|no (?:lo |os |te |les )?(?:(?:quiero|deseo|necesito|quisiera|"
    r"querria)(?! (?:pasar|gastar|pagar|hablar|mas de|tanto))|acepto|autorizo|consiento|doy|hare|haria)|"
    r"no (?:me |nos )?(?:hace falta|gustaria|parece|apetece|convence)|no estoy de acuerdo|no es (?:eso|"
    r"ese|esa|lo que|correcto|cierto|verdad|necesario|asi|mi caso)|no era (?:eso|esa|ese)|no me referia|"
    r"no (?:eso|esa|ese|esto|yo|todavia|aun|exactamente|exacto|del todo|realmente|precisamente|necesariamente|"
    r"por favor|en realidad)\b|no(?: [a-z]+){1,3} no\b|(?:eso|ese|esa|este|esta) no\b|no lo creo|no creo|"
    r"no (?:es )?correcto|no es asi|"
    r"no,? (?:gracias|senor|senora|senorita|por ahora|de momento|para nada|que va|todavia|aun|hombre|"
    r"mujer|tio|es eso|thanks|thank you)|"
    r"not (?:really|at all)|i don't think so|of course not|no way|ninguno|ninguna|ningun[oa]? de (?:los|las) dos|nada"
    + _STOP
    + r"|"
    r"incorrecto|falso|error\b|mal\b|👎|❌|✋|🖐|🙅|⛔|🚫|(?:no (?:tengo|hay|tenemos|me queda)|no(?:[\s,]+no)*)" + _STOP + r")"
)
_AFFIRM = re.compile(
    r"(?:claro(?: que si| esta)?|por supuesto(?: que si)?|desde luego(?: que si)?|como no|faltaria mas|"
    r"(?:creo|pienso|supongo|me parece|diria|imagino|parece) que si|"
    r"sin duda|sin problema|no hay (?:problema|inconveniente|pega)|no me importa|ningun problema|efectivamente|"
    r"(?:eso |todo eso |todo )?(?:es|esta) (?:verdad|cierto|correcto|exacto|asi|bien)\b(?! que)|(?:cien|"
    r"ciento) por (?:cien|ciento)\b|al 100|100 ?%|definitivamente|(?:y )?por que no\W*$|estoy (?:totalmente |"
    r"completamente )?(?:de acuerdo|conforme)|concuerdo|coincido|por mi (?:si|bien|vale|perfecto|ok|"
    r"genial)|eso esta bien|lo veo bien|naturalmente|evidentemente|ciertamente|en efecto|de seguro|"
    r"asi lo creo|asi sea|pues claro|yo si"
    + _STOP
    + r"|asi que si|ese mismo|esa misma|absolutamente|totalmente|completamente|sin (?:lugar a )?dudas?|"
    r"con (?:mucho )?gusto|encantad[oa]|me (?:encantaria|gustaria)"
    + _STOP
    + r"|me parece (?:muy )?(?:bien|buena idea|correcto|perfecto|genial|estupendo)|estaria (?:muy )?(?:bien|"
    r"genial)|seria (?:genial|perfecto|estupendo)|suena (?:bien|genial|perfecto)|buena idea|hagamoslo|"
    r"vamos" + _STOP + r"|lo es\b|lo (?:hare|hice|he hecho|tengo)\b|ya lo (?:he hecho|hice|tengo)|eso seria|eso creo|"
    r"por favor\W*$|exacto|exactamente|correcto|cierto|asi es|"
    r"(?:eso es|eso mismo)"
    + _STOP
    + r"|tal cual|afirmativo|ya lo creo|obvio|obviamente|simon|orale|sale|sale y vale|dale|va que va|va(?:le)?"
    + _STOP
    + r"|vale(?:,? vale)*|venga(?: va)?|"
    r"va,? |adelante|perfecto|de acuerdo|d'acuerdo|d'acord|conforme|acepto|aceptado|de una|hecho|listo"
    + _STOP
    + r"|genial|estupendo|fenomenal|fantastico|me parece (?:bien|perfecto|genial)|"
    r"esta bien|ta bien|todo bien|de lujo|guay|chevere|bacan|ok(?:s|a|is)?\b|oka|okidoki|yes\b|yep|"
    r"yeah|yup|sure|of course|right\b|correct\b|"
    r"go ahead|i agree|agreed|fine\b|afirma\b|asi mismo|positivo|verdad\b|verdadero|ya"
    + _STOP
    + r"|seguro que si|seguro"
    + _STOP
    + r"|sisas|aja\b|ajam|"
    r"👍|👌|✅|✔|🆗|💯|🙆|🤝|si (?:que )?(?:claro|por favor|gracias|porfa|quiero|acepto|senor|senora|me interesa|"
    r"me parece|estoy de acuerdo|lo|la|les|please|porfavor|adelante|dale|vale|ok|perfecto|exacto|correcto|"
    r"asi|es asi|correcto)\b|"
    r"si(?:[\s,]+si)*" + _STOP + r")"
)
_NEGATED_STATEMENT = re.compile(
    r"no (?:(?:es|era|eran|son|fue|fueron|seria|sera)\b|(?:l[oaie]s?|se|me|te|os) (?!se\b|veo|entiendo|"
    r"tengo|sabia|puedo|fio|llamo|gusta|importa|queda|interesa)[a-z]{3,}|(?:he|hemos|ha|han|habia) (?!fumado|"
    r"entendido|tenido|sido)[a-z]+d[oa]s?\b|"
    r"(?!fum|teng|gan|cobr|trab|viv|est|entiend|pued|sab|pod|hay|hac|deb|depend|soy|quier|import|pas|"
    r"se\b)[a-z]{3,}(?:e|io|i|imos|aron|ieron)\b(?= [a-z]))"
)
"""Somebody denies what was just said, as a sentence: "no es mio", "no lo pedi". Facts about oneself are not denials."""
_DONT_KNOW = re.compile(
    r"\b(?:no (?:lo |la |me )?(?:se|sabria|recuerdo|acuerdo|tengo (?:ni )?(?:la menor |la mas minima |"
    r"mucha )?(?:ni )?idea|tengo claro|estoy segur[oa]|sabemos)\b|ni (?:la menor |puta |pajolera |"
    r"la mas minima )?idea\b|"
    r"ni (?:lo )?se\b|quien sabe|a saber\b|(?:yo )?que se yo|que se(?=\W*$)|ni flores|ni papa|ni zorra|"
    r"npi\b|idk\b|i (?:don't|dont|do not) know|not sure|no idea|no sabria decir|ni fu ni fa|"
    r"depende\b(?! de (?:mi|nosotros|ellos))(?<!que depende)(?<!persona depende)|"
    r"me da igual|ni la menor|"
    r"(?:prefiero|preferiria|mejor) no (?:decir|contestar|responder|contar|comentar|dar)\w*|"
    r"^\W*(?:siguiente|salta\w*|pasa)(?: (?:esta|a la siguiente|pregunta|la pregunta|a otra))*\W*$|"
    r"no (?:te |os |se )lo (?:digo|dire|doy|dare)\b|"
    r"(?:eso |ese dato |es )+(?:algo )?(?:muy )?(?:privado|personal|confidencial)\b|me lo (?:guardo|reservo)\b|"
    r"(?:rather|prefer) not(?: to)? (?:say|tell|answer))"
    r"|[🤷]"
)
_WILL_NOT_TELL = re.compile(
    r"\bno (?:te |os |se |le )?(?:lo )?(?:quiero|voy a|pienso) "
    r"(?:decir|contestar|responder|contar|comentar|dar(?:te|os|se|le)?(?:lo)?\b(?! mas))"
)
_CONTRADICTED = re.compile(
    r"[\s,.]*(?:pero|aunque) (?:primero|antes|tengo (?:una |unas )?(?:duda|pregunta)|no se\b|no estoy|espera)|"
    r"[\s,.]*(?:pero )?no\b(?! (?:hay|pasa|tengo|me importa|problem|fumo|quiero pagar))"
)
_SI = re.compile(r"si\b")
_BEFORE_NOW = re.compile(r"\b(?:antes|que antes)\b[^.;,]*$")
_NEGATED_BEFORE = re.compile(r"\bno\b[^.;,]*$")
_EMOJI = re.compile("(?P<yes>[👍👌✅🆗🙆])|[👎❌✋🖐🙅]")
_SAID_INSTEAD = re.compile(r"\b(?:dije|digo|he dicho|decia|era|es) (?:que )?(?:un )?(?P<which>si|no)\b")
_YES_AT_END = re.compile(
    r"(?:^|[,.;:!]\s*|\bque )(?:que |asi que )?(?P<yes>si)(?= (?:que |lo |la |me |quiero|hare|acepto|puedo)|[\s.!]*$)"
)
_RIGHT_AT_END = re.compile(
    r"(?<!no )\b(?:es|esta|son|seria|parece|suena) (?:todo )?(?:correct[oa]s?|cierto|verdad|exact[oa]s?|"
    r"asi|perfect[oa]|bien)\W*$|\bde acuerdo\W*$|,\s*(?:correcto|exacto|perfecto|claro|por supuesto|"
    r"asi es)\W*$"
)
_NO_AT_END = re.compile(r"(?:\bno (?:tengo|tenemos|hay)[\s.!]*$|\bque no[\s.!]*$|[,.;]\s*no(?:,? gracias)?[\s.!]*$)")


def read_answer(wording: Wording) -> Answer | None:
    """Yes, no or don't know; None when the message does not answer."""
    return _at_start(wording) or _emoji(wording.plain) or _at_end(wording)


def will_not_tell(wording: Wording) -> bool:
    """Whether somebody says no to the question itself: "no quiero decirlo" is no answer to whether they smoke."""
    return bool(_WILL_NOT_TELL.search(wording.plain))


def _at_start(wording: Wording) -> Answer | None:
    plain = wording.plain
    start = _after_fillers(plain)
    unsure = _DONT_KNOW.search(plain)
    deny, affirm = _DENY.match(plain, start), _AFFIRM.match(plain, start)
    if unsure and unsure.start() - start < 40 and not (deny and deny.end() <= unsure.start()):
        return Answer("dont_know", 0.95, *unsure.span())
    if affirm and (deny is None or affirm.end() >= deny.end()):
        return Answer("affirm", 0.5 if _CONTRADICTED.match(plain, affirm.end()) else 0.97, *affirm.span())
    if deny:
        return Answer("deny", 0.6 if unsure else 0.97, *deny.span())
    negated = _NEGATED_STATEMENT.match(plain, start)
    if negated and "?" not in plain and len(plain) < 120:
        return Answer("deny", 0.8, *negated.span())
    if _SI.match(plain, start) and accented(wording, start):
        return Answer("affirm", 0.5 if _CONTRADICTED.match(plain, start + 2) else 0.95, start, start + 2)
    return None


def _emoji(plain: str) -> Answer | None:
    emoji = _EMOJI.search(plain)
    return Answer("affirm" if emoji["yes"] else "deny", 0.85, *emoji.span()) if emoji else None


def _at_end(wording: Wording) -> Answer | None:
    """Sentences that come to their answer last: "creo que funcionaria, asi que si"."""
    plain = wording.plain
    said = _SAID_INSTEAD.search(plain)
    if said and not _BEFORE_NOW.search(plain[max(0, said.start("which") - 60) : said.start("which")]):
        return Answer("affirm" if said["which"] == "si" else "deny", 0.8, *said.span("which"))
    yes, right = _YES_AT_END.search(plain), _RIGHT_AT_END.search(plain)
    no = None if said else _NO_AT_END.search(plain)
    if yes and not no and (accented(wording, yes.start("yes")) or not plain[yes.end("yes") :].strip(" .!")):
        return Answer("affirm", 0.8, *yes.span())
    if right and not no and "?" not in plain and not _NEGATED_BEFORE.search(plain[max(0, right.start() - 60) : right.start()]):
        return Answer("affirm", 0.8, *right.span())
    return Answer("deny", 0.8, *no.span()) if no and not yes else None


def accented(wording: Wording, position: int) -> bool:
    """Whether the "si" there was written "sí", which is never the "if"."""
    return wording.evidence(position, position + 2).lower() == "sí"


def _after_fillers(plain: str) -> int:
    position = 0
    for _ in range(6):
        match = _FILLER.match(plain, position)
        if not match:
            break
        position = match.end()
    return position if position < len(plain) else 0
