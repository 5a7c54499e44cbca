"""What is stopped on its way in, and what is never let out.

In: `inspect` finds attempts to steer the program, to get at other people's data, abuse, threats and words of somebody who
may be in danger. Swearing at a price is an objection, not abuse. Out: `check_reply` lets a figure, link or address through
only when it comes from the facts. Both look at the folded text, so that look-alike letters hide nothing, and give the words
that convinced them as evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from src.agent.figures import Figure, Figures, date_spellings, figures, plain_link, spelled
from src.agent.lookalikes import fold, rule
from src.agent.redaction import redact
from src.agent.state import Conversation, House

FindingName = Literal[
    # in
    "injection",
    "exfiltration",
    "insult",
    "threat",
    "self_harm",
    # out
    "amount",
    "percentage",
    "date",
    "link",
    "personal_data",
    "promise",
    "recommendation",
    "canary",
    "length",
]


class Finding(msgspec.Struct, frozen=True):
    """One thing that was found; `evidence` are the words, never to be stored or logged."""

    name: FindingName
    evidence: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """What was found; nothing found means that the text may pass."""

    findings: tuple[Finding, ...] = ()

    @property
    def passed(self) -> bool:
        """Nothing was found."""
        return not self.findings

    def has(self, *names: FindingName) -> bool:
        """Whether any of these was found."""
        return any(finding.name in names for finding in self.findings)


# --- in ---------------------------------------------------------------------------------------------------------------

_ORDERS = (
    r"(?:instruccion|instruction|regla|rule|norma|orden(?:es)?\b|indicacion|directri|directive|prompt|restriccion|restriction|"
    r"limitacion|guideline|programacion|programming|filtro|filter|guardrail|politica|polic(?:y|ies)|protocolo)"
)
_HIDDEN = (
    r"(?:prompt|(?:instrucciones|reglas|mensaje|instructions|rules|message)s? (?:\w+ ){0,2}?(?:internas?|de sistema|del sistema|"
    r"secretas?|ocultas?|originales|iniciales|hidden|secret|system)|tus instrucciones|tu configuracion|your instructions|"
    r"your (?:system|initial|original|hidden)|system (?:message|instructions)|codigo fuente|source code|"
    r"(?:texto|text|words|everything) (?:de |mas |that is )?(?:arriba|above))"
)
_SECRETS = (
    r"(?:api[ _-]?keys?|claves? (?:api|de api|secretas?|privadas?|de acceso)|contrasenas?|passwords?|tokens?\b|"
    r"variables de entorno|environment variables|credencial\w+|credentials|base de datos|database|\.env\b|redis|admin_token)"
)
_SHOW = (
    r"(?:muestra\w*|ensena\w*|dime|dame|di\b|revela\w*|imprim\w+|repit\w+|repet\w+|copia\w*|escrib\w+|pasa\w*|manda\w*|envia\w*|"
    r"lista\w*|saca\w*|exporta\w*|comparte\w*|vuelca\w*|filtra\w*|facilita\w*|quiero|necesito|print|show|reveal|repeat|"
    r"output|display|tell me|give me|send|list|dump|export|share|leak|what (?:is|are)|cual(?:es)? (?:es|son))"
)
_INJECTION = (
    # orders to drop the orders
    rf"\b(?:ignor|olvid|descart|desobedec|omit|salta(?:te)?\b|anula|elimina|disregard|forget|override|bypass|overwrite)\w*"
    rf"(?: [^ .]{{1,20}}){{0,6}}? \W?{_ORDERS}\w*(?! (?:del?|of) (?:mi|banco|la? (?:otra|aseguradora|hipoteca)|my))",
    r"\b(?:ignora|olvida|ignore|forget|disregard)\w* (?:absolutamente )?(?:todo lo (?:anterior|que te (?:han|hayan) (?:dicho|ordenado))|"
    r"(?:all|everything) (?:above|before|previous|you were told))",
    rf"\bno (?:sigas|obedezcas|hagas caso (?:a|de)|cumplas|apliques|do not follow)(?: \w+){{0,3}} {_ORDERS}",
    rf"\b(?:do not|don't|stop) (?:follow|obey)\w*(?: \w+){{0,3}} {_ORDERS}",
    rf"\b(?:nuevas?|new|estas son tus) {_ORDERS}\w* ?:",
    # another role
    r"\b(?:a partir de ahora|desde ahora|from now on|ahora)(?:,| ya)* (?:(?:tu )?(?:eres|seras|actuas|te llamas|respondes|you are|"
    r"you will|act|you're)\b(?! (?:tu |mi asesor|quien|el que)))",
    r"\b(?:actua|comportate|responde|hazte pasar|haz de cuenta|finge|simula|imagina|pretend|act|roleplay|behave|respond)\w*"
    r" (?:\w+ ){0,3}?(?:como|que eres|ser|as|to be|you are|you're|por)(?: si fueras)? (?:\w+ ){0,2}?(?:actuari|dan\b|hacker|"
    r"desarrollador|developer|admin|supervisor|jefe|director|ia\b|ai\b|modelo|model|chatgpt|gpt|humano|human|sin restricc|"
    r"unrestricted|empleado|programador|tarificador|persona sin)",
    r"\b(?:tu )?eres (?:un |una |el |la |mi )?(?:actuari[oa]|dan\b|hacker|desarrollador|administrador|supervisor|director|"
    r"jefe de|ia sin|modelo (?:de lenguaje )?sin|chatgpt|gpt|asistente sin|tarificador)\b[^?]{0,80}$",
    r"\byou are (?:now|no longer) ",
    r"\b(?:modo|mode) (?:desarrollador|developer|debug|dios|god|admin\w*|sin restricciones|dan\b|root|mantenimiento|de prueba)|"
    r"\b(?:developer|debug|god|admin|dan|jailbreak|maintenance|test) mode\b|\bjailbreak|\bdo anything now\b|\bsudo\b|"
    r"\bdesbloquea\w* (?:tus|tu|todas)|\bwithout (?:any )?restrictions|\bsin (?:ninguna? )?(?:restricciones|censura|filtros)\b",
    r"\b(?:soy|habla|aqui) (?:tu |el |la |un )?(?:creador|desarrollador|programador|administrador del sistema|developer|openai|"
    r"anthropic|meta\b|equipo de desarrollo)\w*[^?]{0,40}\b(?:orden|ordeno|autoriz|permit|necesito que|muestra|dame|cambia|activa|"
    r"desactiv|pon\b)|\bi am your (?:creator|developer|administrator)",
    # markup of models and tools
    r"(?:^|\n) ?[\[<#*\"']{0,3} ?(?:system|sistema|assistant|developer|asistente)\b ?[\]>*\"']{0,3} ?:",
    r"<\|?/? ?(?:im_start|im_end|system|assistant|endoftext|instructions?|prompt)\b|\[/?(?:inst|system)\]|#{2,} ?(?:system|instruc)|"
    r"\b(?:begin|end|inicio|fin)(?: of| de| del)? (?:system|sistema|prompt|instruc)|[\"']role[\"'] ?: ?[\"']|[\"'](?:tool|function)[\"'] ?:|"
    r"[\"']lc[\"'] ?: ?\d|\{\{.{1,80}\}\}|\{%.{1,80}%\}",
    r"\bdrop table\b|\bselect \* from\b|\bunion select\b|['\"] ?or ?['\"]?1['\"]? ?= ?['\"]?1|<script\b|javascript:|\bonerror ?=",
    # prices by decree
    r"\b(?:prima|precio|cuota|tarifa|price|premium) ?(?::=|==?|<-) ?[\d€]",
    r"\b(?:confirma\w*|fija\w*|cambia\w*|modifica\w*|establece\w*|actualiza\w*|set|change|confirm)(?: \w+){0,3} "
    r"(?:prima|precio|cuota|tarifa|price|premium)(?: \w+){0,4} (?:a|en|de|to|at|=) ?(?:€ ?)?(?:0|cero|1|un|zero|one)\b",
    # what is inside
    rf"\b{_SHOW}(?: [^ .]{{1,20}}){{0,5}}? ?{_HIDDEN}|\bsystem prompt\b",
)
_OTHERS = (
    r"(?:(?:otr[oa]s?|ultim[oa]s?|demas|anterior(?:es)?|todos(?: los| vuestros)?|vuestros|cualquier|other|another|last|previous|all)"
    r" (?:\w+ )?(?:client|usuari|asegurad|person|contact|lead|prospect|custom|user|polic)\w*|(?:los|vuestros|tus|las) (?:client|usuari|asegurad)\w+|"
    r"mi (?:vecin[oa]|jef[ea]|ex\b|compañer[oa]|companer[oa]|cunad[oa])|(?:customers|users|clients)\b|la persona de antes|el de antes|"
    r"quien (?:escribio|hablo) antes)"
)
_EXFILTRATION = (
    rf"\b{_SHOW}(?: (?:me|los|las|el|la|lo|un|una|tod[oa]s?|the|all|of|me the|de|del|que|list|lista|tienes|teneis)){{0,5}} "
    r"(?:(?:client|customer|user|usuari)\w*'?s?'? (?:data|details|phones|names|records)|(?:datos|telefonos?|numeros?(?: de telefono)?|conversacion(?:es)?|chats?|nombres?|e-?mails?|correos?|direccion(?:es)?|polizas?|"
    r"informacion|info|listas?|listado|expedientes?|fichas?|historial(?:es)?|mensajes|data|details|phones?|phone numbers?|"
    r"names|messages|conversations?|records?)"
    rf"(?: (?:de|del|que|of|from|with|con|para|sobre|about|tiene|los|las|the|personales|private|a|contratad[oa]s? por)){{0,5}} {_OTHERS})",
    rf"\b(?:lista|listado|list|export|dump)\w* (?:me )?(?:a |de |of |the |all |todos |los ){{0,4}}(?:clientes|usuarios|customers|users|leads)\b",
    r"\b(?:quien|quienes) (?:mas )?(?:te ha|te han|os ha|os han) (?:escrito|contratado) (?:hoy|antes|ayer)|"
    r"\bque (?:te )?(?:dijo|pregunto|contrato|ha contratado|escribio) (?:el|la|mi) (?:ultimo|anterior|otro|vecin|jef|ex\b)",
    rf"\b{_SHOW}(?: [^ .?]{{1,20}}){{0,4}}? {_SECRETS}(?! (?:del? (?:area|mi|cliente|app)|para entrar))",
)
_RUDE = (
    r"(?:gilipollas|imbecil(?:es)?|idiotas?|estupid[oa]s?|subnormal(?:es)?|retrasad[oa]s?|inutil(?:es)?|tarad[oa]s?|mongol[oa]s?|capull[oa]s?|"
    r"cabron(?:es|a)?|mamon(?:es|a)?|pendej[oa]s?|culer[oa]s?|pelotud[oa]s?|boludos de mierda|malparid[oa]s?|gonorreas?|cretin[oa]s?|"
    r"payas[oa]s?|basura|escoria|zorra|put[oa]s?|perra|mierda|asco de (?:bot|robot|persona|tia|tio)|hijos?(?: de)?(?: la| la gran)? put[ao]s?|hdp|"
    r"hijueputas?|hijaputas?|maricon(?:es)?|sudacas?|mierdas?|tont[oa]s?(?: del culo)?|bobo|lerd[oa]s?|anormal(?:es)?|desgraciad[oa]s?|"
    r"idiot|moron|asshole|bitch|bastard|retard(?:ed)?|stupid|dumb(?:ass)?|useless|piece of shit|scum|cunt|dickhead)"
)
_FILLERS = (
    r"(?:un|una|unos|unas|el|la|lo|mas|muy|tan|bien|que|realmente|maldit[oa]|autentic[oa]|verdader[oa]|complet[oa]|puñeter[oa]|punter[oa]|"
    r"pedazo de|pedazo|trozo de|bot|robot|maquina|chatbot|grandisim[oa]|put[oa]|jodid[oa]|de|a|an|such|so|fucking|really|the)"
)
_NOT_AT_THE_BOT = r"(?! (?:de (?:precio|seguro|banco|hipoteca|trabajo|vida|dia|sueldo)|precio|el|la|mi|del|los|las|de mi|que soy|price|question))"
_INSULT = (
    rf"\b(?:eres|sois|seras|pareces|usted es|vaya|panda de|pedazo de|pedazo|trozo de|cacho|so|you are|you're|u r|ur)(?: {_FILLERS}){{0,4}} {_RUDE}\b{_NOT_AT_THE_BOT}",
    rf"(?:^|[,.!¡:;] ?)(?:{_FILLERS} |oye |mira |anda |pero |callate |puto ){{0,3}}(?!put[oa]s? |mierda){_RUDE}(?:$| ?[,.!?]){_NOT_AT_THE_BOT}",
    r"\b(?:put[oa]|jodid[oa]|maldit[oa]|fucking|stupid|useless|mierda de|asco de|basura de|estupid[oa]|inutil de) "
    r"(?:bot|robot|maquina|chatbot|asistente|ia\b|machine|program|trasto)",
    r"\b(?:bot|robot|maquina|chatbot|asistente|ia|tia|tio|moro|negro|gitano|sudaca|panchito|maricon|chino) de mierda\b",
    r"\b(?:vete|iros|idos|marchaos|andate|vayanse|vayase|anda|ve) (?:tu |todos )?a (?:la mierda|tomar por (?:el )?cul[oi]|la chingada|cagar|la verga|freir)",
    r"\bque (?:te|os|le|les) (?:den\b(?! (?:un|una|el|la|los|las|buen\w*|mas|otr\w*|cita|permiso))|jodan|follen|zurzan|parta)|\bjode(?:te|os)\b|\bjodanse\b|\bchupa(?:me|mela|dmela)|\bcome ?me ?la\b|"
    r"\bhijos? de (?:la )?(?:gran )?put[ao]|\bhijueput|\b(?:tu|vuestra|su) put[ao] madre|\bme cago en (?:tu|vuestra|tus|vuestros|ti)\b|"
    r"\bla (?:puta|concha) (?:madre )?(?:que (?:te|os) (?:pario|trajo)|de tu (?:madre|hermana))|\bconcha de tu|\bchinga (?:tu|a tu)|\bchingate|"
    r"\bcallate (?:la boca|ya|puto|de una)|\bcierra (?:la|el) (?:puta )?(?:boca|pico)|\bno vales (?:para nada|una mierda|ni para)|"
    r"\beres (?:lo peor|un asco|una (?:verguenza|porqueria)|un[ao]? (?:puta? )?(?:porqueria|asco))|\b(?:das|dais) asco",
    r"\b(?:fuck (?:you|off|u\b)|screw you|shut (?:the fuck )?up|go to hell|suck my|kiss my ass|son of a bitch|motherf)",
    r"\b(?:ensena(?:me)?|manda(?:me)?|envia(?:me)?) (?:\w+ ){0,2}(?:tetas|desnud\w+|nudes|culo)|\bfollar(?:te|os)\b|\bquiero follar|\bsend nudes",
)
_THREAT = (
    r"\b(?:te|os|le|les) (?:voy|vamos|va) a (?:matar|partir|romper|rajar|pegar|reventar|quemar|destrozar|machacar|hostiar|apalizar|"
    r"buscar y|encontrar y|pegar un tiro|dar una paliza|violar|rajar|cortar)",
    r"\b(?:voy|vamos) a (?:matar|romper|partir|rajar|pegar|reventar|quemar|destrozar|violar|apuñalar|apunalar)(?:te|os|le|les|l[oa]s)\b",
    r"\b(?:voy|vamos) a (?:quemar|volar|reventar|atentar|poner una bomba|disparar|hackear|tirar abajo)(?: \w+){0,2} (?:vuestr|tu|oficina|empresa|sede|sistema|servidor|web)",
    r"\bse (?:donde|en donde) (?:vives|vivis|vive|trabajas|trabajais|trabaja|estais|estas|esta (?:tu|vuestra) (?:casa|oficina))",
    r"\b(?:vais|vas|van) a (?:morir|pagarlo con sangre|acabar en el hospital)|\bte mato\b|\bos mato\b|\bte rajo\b|\bos rajo\b|\bte reviento\b",
    r"\b(?:voy|iremos|ire|vamos) a (?:ir )?(?:por|a por) (?:ti|vosotros|vuestras|tu familia)\b(?! (?:cuando|para firmar))",
    r"\b(?:hay|pondre|he puesto|pongo) una bomba\b|\bbomba en (?:la|vuestra|tu|su) (?:oficina|empresa|sede)|"
    r"\b(?:os|te) vais? a arrepentir\b|\bojala (?:te|os) (?:mueras|murais|maten)",
    r"\bi(?:'ll| will|'m going to| am going to| gonna) (?:kill|hurt|stab|shoot|beat|burn|find) (?:you|your|u\b)|\byou(?:'re| are) dead\b|"
    r"\bi know where you (?:live|work)",
)
_SELF_HARM = (
    r"\b(?:me quiero|quiero|quisiera|deseo|prefiero|preferiria|ganas de|mejor|ojala|pienso en|pensando en|planeo|he pensado en|penso en) "
    r"(?:\w+ ){0,2}?(?:morir(?:me)?|matarme|suicidarme|quitarme la vida|quitarme de en medio|desaparecer para siempre|"
    r"no despertar|estar muert[oa]|acabar con (?:todo|mi vida))\b(?! (?:de|a) (?:risa|verguenza|viej[oa]|asco|amor|trabajar|pena|aburrimiento))",
    r"\b(?:suicidarme|me suicido|me suicide|me suicidara|me voy a suicidar|quitarme la vida|me quito la vida|quitarme de en medio|"
    r"me quito de en medio|me quite la vida|me quitara la vida|ahorcarme|me ahorco|cortarme las venas|me corto las venas|autolesion\w*|"
    r"hacerme daño|hacerme dano|tirarme (?:por|a|al|desde) (?:la ventana|el balcon|un puente|las vias|tren|puente|balcon)|"
    r"me (?:voy a tirar|tiro) (?:por|al|de|desde) (?:la ventana|el balcon|un puente|las vias|tren|puente|balcon)|"
    r"acabar con mi vida|acabo con mi vida|poner fin a mi vida|terminar con mi vida)",
    r"\b(?:me mato|me matara|me matase|matarme|voy a matarme)\b(?! (?:a trabajar|trabajando|de|currando|a currar|en (?:un|el|la) (?:accidente|"
    r"coche|moto|carretera)|con (?:el coche|la moto|la bici)|conduciendo|esquiando|escalando|por ahorrar|haciendo|a hacer|estudiando|a estudiar))",
    r"\bno (?:quiero|puedo|merece la pena|vale la pena|tiene sentido|me apetece|aguanto) (?:ya |mas )?(?:seguir viviendo|vivir|seguir con (?:mi|esta) vida|"
    r"seguir adelante|estar vivo|estar viva|la vida)\b(?! (?:aqui|en|con|alli|de))",
    r"\b(?:estarian|estarán|estaran|estaria|estaran) mejor sin mi\b|\bvalgo mas muert[oa]|\bno tengo (?:ganas|razones|motivos) (?:de|para) vivir|"
    r"\bmi vida no (?:vale|tiene sentido)|\bya no puedo mas con (?:la|mi|esta) vida|\bsoy una carga para (?:todos|mi familia|mis)",
    r"\b(?:kill(?:ing)? myself|end(?:ing)? my life|take my own life|want to die|wanna die|suicidal|hurt myself|harm myself|self[- ]harm|better off without me|"
    r"better off dead|don't want to live|no reason to live)\b",
)
_INBOUND: Mapping[FindingName, tuple[str, ...]] = {
    "self_harm": _SELF_HARM,
    "threat": _THREAT,
    "injection": _INJECTION,
    "exfiltration": _EXFILTRATION,
    "insult": _INSULT,
}
_LEET = str.maketrans("013457@$!|", "oieastasii")
_SPACED_OUT = r"\b(?:[a-z][ .*_-]){3,}[a-z]\b"


def inspect(text: str) -> Verdict:
    """What in a prospect's message needs an answer of its own, most serious first; one finding of each kind."""
    readings = _readings(text)
    findings: list[Finding] = []
    for name, patterns in _INBOUND.items():
        evidence = _first_evidence(patterns, readings)
        if evidence:
            findings.append(Finding(name, evidence))
    return Verdict(tuple(findings))


def _readings(text: str) -> tuple[str, ...]:
    """The text as it looks, and, where letters are spaced out or written as digits, as it is meant."""
    seen = rule(r"[ \t\r\f\v]+").sub(" ", fold(text).text).strip()
    joined = rule(_SPACED_OUT).sub(lambda match: rule(r"[ .*_-]").sub("", match[0]), seen)
    meant = rule(r"\b(?=[a-z0-9@$!|]*[a-z])(?=[a-z]*[0-9@$])[a-z0-9@$!|]{3,40}").sub(lambda m: m[0].translate(_LEET), joined)
    return (seen,) if meant == seen else (seen, meant)


def _first_evidence(patterns: Iterable[str], readings: Iterable[str]) -> str:
    for reading in readings:
        for pattern in patterns:
            match = rule(pattern).search(reading)
            if match:
                return match[0].strip()
    return ""


AbuseAnswer = Literal["warning", "farewell"]


class AbuseStep(msgspec.Struct, frozen=True):
    """What to do about one more abusive message. `silent`: the bot says nothing from then on, until a human hands back."""

    answer: AbuseAnswer
    to_human: bool = False
    silent: bool = False


def abuse_step(earlier_offences: int, *, threat: bool = False) -> AbuseStep:
    """The policy: the first insult is met with calm and an offer, the second one or any threat ends the bot's part."""
    if threat or earlier_offences >= 1:
        return AbuseStep("farewell", to_human=True, silent=True)
    return AbuseStep("warning")


# --- out --------------------------------------------------------------------------------------------------------------

USUAL_MAX_CHARACTERS = 600
"""A chat message that is read; proposals are longer and give their own limit."""


class Facts(msgspec.Struct, frozen=True):
    """What a reply may name, in the spellings of `figures`. `canary` is a secret word that no reply may hold."""

    amounts: frozenset[str] = frozenset()
    percentages: frozenset[str] = frozenset()
    dates: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    phones: frozenset[str] = frozenset()
    canary: str = ""

    def and_texts(self, *texts: str) -> Facts:
        """These facts and every figure of texts that are true as they stand: raw templates, knowledge entries."""
        found = [figures(text) for text in texts]

        def joined(kind: str) -> frozenset[str]:
            known: frozenset[str] = getattr(self, kind)
            return known.union(*({figure.value for figure in getattr(one, kind)} for one in found))

        return Facts(**{kind: joined(kind) for kind in Figures.__struct_fields__}, canary=self.canary)


def facts_of(
    conversation: Conversation,
    house: House,
    *,
    texts: Iterable[str] = (),
    catalogue_figures: Iterable[object] = (),
    links: Iterable[str] = (),
    today: str = "",
    canary: str = "",
) -> Facts:
    """What may be said in this conversation.

    The amounts and dates of its quotes, need, profile and details; the house's links and notices; `texts` that are true
    as they stand; `catalogue_figures` such as the limits of capital; `today` as an ISO date.
    """
    amounts = {spelled(str(figure)) for figure in catalogue_figures}
    percentages: set[str] = set()
    days = {today[:10]} if today else set()
    known = (conversation.quotes, conversation.need, conversation.profile, conversation.details)
    for key, value in (pair for part in known for pair in _leaves("", part)):
        if isinstance(value, str) and rule(r"^\d{4}-\d\d-\d\d").match(value):
            days.add(value[:10])
        elif _is_number(value):
            if rule(_SHARE_KEY).search(key):
                percentages |= {spelled(value), spelled(round(100 * float(value), 6))}
            elif not rule(_COUNTED_KEY).search(key):
                amounts.add(spelled(value))
    if "monthly_income" in conversation.profile:
        amounts.add(spelled(12 * float(conversation.profile["monthly_income"])))
    contact = conversation.contact
    own = " ".join(
        str(part) for part in (contact.phone, conversation.details.get("phone"), conversation.profile.get("email")) if part
    )
    facts = Facts(
        amounts=frozenset(amounts),
        percentages=frozenset(percentages),
        dates=frozenset(spelling for day in days for spelling in date_spellings(day)),
        links=frozenset(plain_link(link) for link in links if link),
        canary=canary,
    )
    return facts.and_texts(house.privacy_url, house.legal_notice, house.business_hours, own, *texts)


_COUNTED_KEY = r"age|year|term|depend|child|class|count|postal|phone|number|version|position"
_SHARE_KEY = r"share|rate|percent|ratio|factor"


def _leaves(key: str, value: Any) -> Iterable[tuple[str, Any]]:
    """Every plain value below, with the name it stands under."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(str(name), inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(key, inner)
    else:
        yield key, value


def _is_number(value: object) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float) or (isinstance(value, str) and bool(rule(r"^-?\d+(?:\.\d+)?$").match(value)))


def check_reply(text: str, facts: Facts, *, max_characters: int = USUAL_MAX_CHARACTERS) -> Verdict:
    """What keeps this reply from being sent; if anything does, SAFE_REPLY goes out and `guard.reply_replaced` is counted.

    Every amount, percentage, date, link, address and phone number must be among the facts. No promise, no advice (the
    sale is informed, not advised: RDL 3/2020), no identity or account number, no canary.
    """
    findings: list[Finding] = []
    if not text.strip() or len(text) > max_characters:
        findings.append(Finding("length", f"{len(text)} characters"))
    found = figures(text)
    findings += _unknown("amount", found.amounts, facts.amounts)
    findings += _unknown("percentage", found.percentages, facts.percentages)
    findings += _unknown("date", found.dates, facts.dates)
    findings += _unknown("link", found.links, facts.links)
    findings += _unknown("personal_data", found.emails, facts.emails)
    known_phones = {phone[-9:] for phone in facts.phones}  # with or without the country's prefix
    findings += [Finding("personal_data", phone.evidence) for phone in found.phones if phone.value[-9:] not in known_phones]
    findings += [Finding("personal_data", kind) for kind in redact(text).kinds]
    seen = rule(r"\s+").sub(" ", fold(text).text)
    findings += _said(_PROMISES, "promise", seen)
    findings += _said(_ADVICE, "recommendation", seen)
    if facts.canary and rule(r"\W").sub("", fold(facts.canary).text) in rule(r"\W").sub("", seen):
        findings.append(Finding("canary"))
    return Verdict(tuple(findings))


def _unknown(name: FindingName, found: Iterable[Figure], known: frozenset[str]) -> list[Finding]:
    return [Finding(name, figure.evidence) for figure in found if figure.value not in known]


def _said(pattern: str, name: FindingName, text: str) -> list[Finding]:
    """What is said and not denied: "no podemos garantizar" is the opposite of a promise."""
    matches = rule(pattern).finditer(text)
    return [Finding(name, m[0]) for m in matches if not rule(_DENIED_BEFORE).search(text[max(0, m.start() - 40) : m.start()])]


_DENIED_BEFORE = r"\b(?:no|ni|sin|nunca|jamas|not|never|cannot|can't|don't|without|nadie)\b(?: [a-z']+){0,3} $"
_PROMISES = (
    r"\b(?:garantizo|garantizamos|garantizaremos|garantizare|prometo|prometemos|te aseguro|le aseguro|os aseguro|guarantee|promise)\b|"
    r"\bgarantizad[oa]s?\b(?! en poliza)|\bguaranteed\b|\b100 ?(?:%|por cien(?:to)?) (?:seguro|garantizad|sure|approved)|"
    r"\b(?:te|se|le|os) (?:lo|la|los) (?:apruebo|aprobamos|apruebe|concedo|acepto)\b|\byou(?:'re| are) (?:approved|covered already)|"
    r"\b(?:poliza|solicitud|seguro|alta) (?:ya )?(?:esta|queda|ha sido|esta ya) (?:aprobad|aceptad|emitid|activ|en vigor)|"
    r"\b(?:ya )?(?:estas|esta|estais|quedas|queda) (?:ya )?(?:asegurad|cubiert)[oa]s?\b(?! (?:el|la|en|por|si|solo|hasta))|"
    r"\bseguro que (?:te|le|os|lo|la) (?:acept|aprueb|aprob|pag|cubr|conced)|\bsin (?:ninguna |ningun )?(?:duda|riesgo|problema) (?:te|le) (?:acept|pag|aprueb)|"
    r"\b(?:te|le|os) (?:hago|hacemos|haria|puedo hacer|aplico|aplicamos|consigo) (?:un |una )?(?:descuento|rebaja|precio especial|oferta)|"
    r"\b(?:descuento|precio|oferta) (?:especial|exclusiv[oa]|solo para ti|secret[oa])\b|\bi(?:'ll| will| can) give you a (?:discount|special)|"
    r"\b(?:siempre|seguro que) (?:pagara|pagaran|cobraras|cobrara|cobraran)\b|\bnunca (?:subira|subiran|cambiara)\b"
)
_ADVICE = (
    r"\b(?:te|le|os|yo|se) (?:l[oa]s? )?(?:recomiendo|recomendamos|recomendaria|recomendariamos|aconsejo|aconsejamos|aconsejaria|sugiero que)\b|"
    r"\b(?:recomiendo|recomendamos|aconsejamos|aconsejo)\b|\b(?:mi|nuestra) (?:recomendacion|consejo)\b|\bla (?:opcion )?(?:recomendada|aconsejada)\b|"
    r"\blo mejor para (?:ti|usted|vosotros) (?:es|seria)|\b(?:la|el|lo) que (?:mas|mejor) (?:te|le|os) conviene|\b(?:te|le|os) conviene (?:mas|contratar|elegir|coger)|"
    r"\b(?:deberias|deberia|deberiais|tienes que|tiene que) (?:contratar|elegir|coger|escoger|quedarte|quedarse)\b|\byo (?:elegiria|cogeria|contrataria|escogeria)|"
    r"\b(?:i|we) (?:would )?(?:recommend|advise|suggest)\b|\b(?:my|our) (?:recommendation|advice)\b|\byou should (?:choose|take|buy|get|pick)\b|"
    r"\b(?:recommended|best) option for you\b|\bbest (?:for you|choice)\b"
)


# --- fixed texts ------------------------------------------------------------------------------------------------------

RefusalName = Literal["injection", "exfiltration", "insult_warning", "abuse_farewell", "threat", "self_harm", "sensitive_ids"]

SAFE_REPLY: Mapping[str, str] = {
    "es": "Prefiero no dar un dato que no pueda comprobar. Una persona del equipo puede confirmarlo: escribe «persona» y le paso la conversación.",
    "en": "I'd rather not give a figure I can't verify. Someone on the team can confirm it: write “person” and I'll hand the conversation over.",
}
"""What goes out instead of a reply that did not pass, by language."""

_REFUSALS: Mapping[RefusalName, Mapping[str, str]] = {
    "injection": {
        "tu": "Eso no puedo hacerlo: los precios salen siempre de la tarifa y mis normas no cambian. Si quieres, seguimos con tu seguro.",
        "usted": "Eso no puedo hacerlo: los precios salen siempre de la tarifa y mis normas no cambian. Si quiere, seguimos con su seguro.",
        "en": "I can't do that: prices always come from the tariff and my rules don't change. If you like, we can go on with your insurance.",
    },
    "exfiltration": {
        "tu": "No puedo compartir datos de otras personas ni información interna. Con lo tuyo te ayudo encantado.",
        "usted": "No puedo compartir datos de otras personas ni información interna. Con lo suyo le ayudo con mucho gusto.",
        "en": "I can't share other people's data or internal information. I'm glad to help with your own.",
    },
    "insult_warning": {
        "tu": "Siento que estés molesto. Puedo seguir ayudándote si nos hablamos con respeto, o te paso con una persona del equipo. ¿Qué prefieres?",
        "usted": "Siento su malestar. Puedo seguir ayudándole si nos hablamos con respeto, o le paso con una persona del equipo. ¿Qué prefiere?",
        "en": "I'm sorry you're upset. I can keep helping if we stay respectful, or pass you to someone on the team. Which do you prefer?",
    },
    "abuse_farewell": {
        "tu": "Dejo aquí la conversación y aviso a una persona del equipo, que te atenderá si lo necesitas.",
        "usted": "Dejo aquí la conversación y aviso a una persona del equipo, que le atenderá si lo necesita.",
        "en": "I'll stop here and let someone on the team know; they will help you if you need it.",
    },
    "threat": {
        "tu": "No puedo seguir con esta conversación. Aviso a una persona del equipo.",
        "usted": "No puedo seguir con esta conversación. Aviso a una persona del equipo.",
        "en": "I can't go on with this conversation. I'm letting someone on the team know.",
    },
    "self_harm": {
        "tu": (
            "Siento mucho que estés pasando por esto. Lo importante ahora eres tú: puedes llamar gratis al *024*, a cualquier hora, "
            "y en una emergencia al *112*. Dejo el seguro a un lado y aviso a una persona del equipo."
        ),
        "usted": (
            "Siento mucho que esté pasando por esto. Lo importante ahora es usted: puede llamar gratis al *024*, a cualquier hora, "
            "y en una emergencia al *112*. Dejo el seguro a un lado y aviso a una persona del equipo."
        ),
        "en": (
            "I'm so sorry you're going through this. You are what matters now: in Spain you can call *024* free at any hour, "
            "and *112* in an emergency. I'm leaving the insurance aside and letting someone on the team know."
        ),
    },
    "sensitive_ids": {
        "tu": "Ese dato no hace falta aquí: lo he borrado y no lo guardo. Mejor no enviar documentos ni números personales por chat.",
        "usted": "Ese dato no hace falta aquí: lo he borrado y no lo guardo. Mejor no enviar documentos ni números personales por chat.",
        "en": "That isn't needed here: I've deleted it and won't keep it. Please don't send documents or personal numbers in this chat.",
    },
}


def refusal(name: RefusalName, *, language: str = "es", address: str = "tu") -> str:
    """The fixed answer, in Spanish with that form of address or in English."""
    return _REFUSALS[name]["en" if language == "en" else address]
