"""Wishes that the law or the person's safety makes urgent: found by rules, so that it can be read what they find.

No more messages, data to be erased, copied or no longer used, a person to talk to. Danger and abuse are for the guardrails.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from src.agent.understanding.reading import Intent, IntentName
from src.agent.understanding.wording import Wording


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern on the comparable form that means this intent, unless `unless` is found as well."""

    name: IntentName
    topic: str
    pattern: re.Pattern[str]
    unless: re.Pattern[str] | None = None
    confidence: float = 0.95


def _rule(name: IntentName, *patterns: str, topic: str = "", unless: str = "", confidence: float = 0.95) -> Rule:
    return Rule(name, topic, re.compile("|".join(patterns)), re.compile(unless) if unless else None, confidence)


_PERSON = (
    r"(?:persona|personas|human[oa]s?|alguien|agente|asesor[a]?|operador[a]?|operari[oa]|comercial|"
    r"gestor[a]?|representante|ejecutiv[oa]|encargad[oa]|responsable|supervisor[a]?|companer[oa] tuy[oa]|"
    r"companer[oa]s?|"
    r"ser humano|gente|tecnic[oa]|especialista|expert[oa]|telefonista|alguno de (?:vosotros|ustedes)|"
    r"empleado|jefe|manager|human being|real person|someone|somebody|person|agent|advisor|representative|"
    r"staff|people|trabajador[a]?|corredor[a]?)"
)
_REAL = (
    r"(?:real|de verdad|de carne y hueso|fisica|humana|humano|de la (?:empresa|compania|oficina)|de ahi|"
    r"competente|viva|actual person)"
)
_TALK = (
    r"(?:habl(?:ar|o|e|arlo|arle|emos|ando)|pas(?:a|e|ar|ad|en)(?:me|rme|dme|nme)?|pong[ao]n?(?:me)?|"
    r"ponme|poned(?:me)?|conect\w+|comuni[cq]\w+|transfi\w+|transfer\w+|deriv\w+|atiend[ae]n?|atenderme|"
    r"atender|atiendan|contact\w+|"
    r"llam(?:a|e|ad|en|ar|ais)(?:me|dme|nme|rme)?|charlar|conversar|platicar|consultar\w*|tratar(?:lo)?|"
    r"explic\w+|speak|talk|chat|transfer|connect|put me|ayude|ayud(?:a|en|arme)|escalar|dirij\w+|dirig\w+|"
    r"llegar)"
)
_WANT = (
    r"(?:quiero|quisiera|querria|necesito|prefiero|preferiria|me gustaria|podria|puedo|puede|puedes|"
    r"podeis|pueden|hay|deseo|exijo|dame|deme|quiero que|busco|solicito|can i|could i|i want|i need|"
    r"i'd like|would like|let me|me urge|ocupo)"
)

_LIVING, _MADE = r"(?:persona|human[oa]|alguien)", r"(?:maquina|robot|bot|programa|ordenador|ia)"
_EITHER = rf"\b{_LIVING}\b[^.;]{{0,12}}\bo\b[^.;]{{0,12}}\b{_MADE}\b|\b{_MADE}\b[^.;]{{0,12}}\bo\b[^.;]{{0,12}}\b{_LIVING}\b"
_ASKS_WHO_ANSWERS = re.compile(_EITHER)


def asks_who_answers(wording: Wording) -> bool:
    """Whether somebody asks if this is a person or a machine: that wants an answer, and not yet a person."""
    return bool(_ASKS_WHO_ANSWERS.search(wording.plain))


RULES: tuple[Rule, ...] = (
    _rule(
        "opt_out",
        r"^\W*(?:baja|stop|stop promotions|detener promociones|"
        r"alto|unsubscribe|cancelar suscripcion|darme de baja|dar de baja|baja por favor|"
        r"parar|quiero (?:la )?baja|remove me|dadme de baja|no mas mensajes|end|salir de la lista|dame de baja)\W*(?:por favo"
        r"r|please|ya|gracias)?\W*$",
        r"\b(?:no|ni|nunca|deja\w*|dejen|paren?|parad|basta|para|stop)\b[^.;?]{0,18}\b(?:me )?(?:vuelva[ns]?|"
        r"volvais|vuelvas|sigas|sigais|siga)?(?: a )?(?:escrib\w+|mand(?:eis|es|en|e|ar\w*)|envi(?:eis|"
        r"es|en|e|ar\w*)|contact\w+|molest\w+|moleste\w*|llam(?:eis|es|en|ar\w*)|messag\w+|texting|contacting|"
        r"writing)\b[^.;?]{0,14}\b(?:mas|nunca|jamas|otra vez|en paz)\b",
        r"\b(?:dejad?|deja|dejen|deje|parad?|paren?|pare|basta)(?: ya)? (?:de )(?:escribir\w*|molestar\w*|"
        r"mandar\w*|enviar\w*|llamar\w*|contactar\w*|darme la lata|dar la brasa|dar la lata|spamear\w*|"
        r"incordiar\w*|mensaj\w*)",
        r"\b(?:no (?:me )?(?:vuelv\w+|quiero que (?:me )?vuelv\w+) a (?:escribir|contactar|molestar|"
        r"llamar|mandar|enviar)\w*|no quiero (?:recibir )?(?:mas|ni un|ningun)(?: mas)? (?:mensajes?|"
        r"publicidad|whatsapps?|comunicaciones|spam|correos?|llamadas?)|no (?:me )?(?:escrib|mand|envi|"
        r"contact|molest|llam)(?:as|ais|an|eis|es|en|e|a)\w* mas\b)",
        r"\b(?:borra|borrad|quita|quitad|elimina|eliminad|saca|sacad|borren|quiten|saquen|eliminen)(?:me|"
        r"dme|nme)? (?:de |mi (?:numero|telefono|contacto) (?:de )?)(?:la |las |tu |su |vuestr[oa] |"
        r"esta |tus |sus |vuestras )?(?:listas?|base(?: de datos)?|agenda|contactos)",
        r"\b(?:dar|darme|dame|dadme|deme|denme|quiero darme|doy) de baja(?: (?:de (?:los mensajes|este chat|"
        r"las comunicaciones|la lista|todo|esto|aqui)|por favor|ya|del servicio de mensajes|del whatsapp))?\W*$",
        r"\b(?:dejadme|dejame|dejenme|deje?me) en paz\b|\bstop (?:messaging|writing|contacting|texting)\b|"
        r"\b(?:don't|do not) (?:contact|message|write|text)\b|\bunsubscribe\b|\bpublicidad no\b|\bno contact(?:ar|"
        r"eis|en)\b|\bte (?:voy a )?bloque(?:o|ar)\b|\bos (?:voy a )?bloque(?:o|ar)\b",
        unless=r"\bdar(?:me|se)? de baja (?:el|mi|la|del|en el) (?:seguro|poliza|otro)",
    ),
    _rule(
        "data_erase",
        r"\b(?:borr(?!on)[a-z]{1,5}?|elimin[a-z]{1,5}?|suprim[a-z]{1,4}?|olvid(?:a|ad|en)|destru(?:ye|"
        r"id|yan))(?:lo|los|las|la|me|melo)?\b[^.;?]{0,30}\b(?:datos|todo|conversacion|informacion|lo que (?:tengas|"
        r"teneis|tienes|sabes|he dicho|te he dicho|guardas)|chat|historial|rastro|perfil|ficha|mensajes)\b",
        r"\bborr(?:alo|adlo|enlo) todo\b|\bderecho (?:al olvido|de supresion|de cancelacion)\b|\b(?:delete|"
        r"erase|remove) (?:all )?(?:my|everything|the) ?(?:data|information|details|conversation)?\b|"
        r"\bque (?:me )?(?:borr|elimin)\w+ (?:mis|los|todos)",
        unless=r"\bsi (?:borro|elimino)\b|\b(?:borra|quita|elimina) (?:eso|el|la|esa|lo ultimo) (?!todo|datos|"
        r"informacion|conversacion|historial|chat|perfil)",
    ),
    _rule(
        "data_copy",
        r"\b(?:que|cuales) (?:datos|informacion|cosas)\b[^.;]{0,25}\b(?:mi[oa]s?|mi|teneis|tienes|tienen|"
        r"guardais|guardas|guardan|sabeis|sabes|saben|habeis|conservais)\b|\bcopia de (?:mis|los|todos mis|"
        r"mi)\b[^.;]{0,12}\b(?:datos|informacion|conversacion)|"
        r"\bderecho de acceso\b|\b(?:acceder a|ver|consultar|descargar|exportar|mandame|enviame|pasame|"
        r"dame|enviadme|mandadme) (?:todos )?(?:mis datos|los datos que|lo que (?:teneis|tienes|sabeis|"
        r"guardais) (?:de|sobre) mi)|\bque (?:sabes|sabeis|saben|tienes|teneis) (?:de|sobre) mi\b|\b(?:copy of|"
        r"what) (?:my )?data\b[^.;]{0,25}",
    ),
    _rule(
        "withdraw_consent",
        r"\b(?:retir\w+|revoc\w+|revoqu\w+|anul\w+|cancel\w+) (?:mi |el )?(?:consentimiento|permiso|"
        r"autorizacion)|\bya no (?:doy|os doy|te doy|les doy|quiero dar|acepto)\b[^.;]{0,30}\b(?:permiso|"
        r"consentimiento|datos|useis|uses|guard\w+|autoriz\w+)|\bno quiero que (?:sigas|sigais|sigan|"
        r"uses|useis|usen) (?:usando |guardando |tratando )?mis datos\b|\bwithdraw (?:my )?consent\b",
    ),
    _rule(
        "human",
        rf"\b{_TALK}\b[^.;!?\n]{{0,40}}?\b{_PERSON}\b",
        rf"\b{_WANT}\b(?:(?!\bpara )[^.;!?\n]){{0,22}}\b(?:un[ao]? |algun[a]? |a |con |al |el |la |una )(?:{_PERSON})\b",
        r"\b(?:prefiero|quiero|mejor|dame|necesito|quisiera|que me atienda|con|hay|pasame|ponme|paseme) (?:a |"
        rf"con )?(?:un |una |el |la |algun |alguna )?{_PERSON}(?: {_REAL})?\W*$",
        r"^\W*(?:un |una |a |con |al |por favor )?(?:persona|human[oa]|agente|asesor[a]?|operador[a]?|"
        rf"comercial|gestor[a]?|representante|agent|human)(?: {_REAL}| por favor| ya| please)*\W*$",
        rf"\b(?:{_PERSON}|nadie) {_REAL}\b",
        r"\b(?:con|a) (?:una? )?(?:maquina|robot|bot|chatbot|ordenador)\b[^.;?\n]{0,12}\b(?:no|ni) (?:lo |"
        r"la |me |le |te )*[a-z]+",
        r"\b(?:llamadme|llamame|llameme|llamenme|me llamais|me llamas|me llaman ustedes|me podeis llamar|"
        r"me puedes llamar|me puede llamar|me pueden llamar|que me llamen|que me llame|(?:podeis|puedes|"
        r"pueden|puede|podrian|podrias|podria) llamarme|puedes llamarme por|puede llamarme por|podrian llamarme|"
        r"podriais llamarme|prefiero que me llam\w+|"
        r"hablar por telefono|numero de (?:telefono )?(?:de )?(?:atencion|contacto|para llamar|al que llamar)|"
        r"a que (?:numero|telefono)|(?:un|algun|vuestro|su|tu) (?:numero|telefono) (?:para llamar|al que llamar|"
        r"donde llamar|de contacto)|call me back|phone call|give me a call|can you call|quiero una llamada|"
        r"una llamada)\b",
        r"\b(?:no|ni) (?:me siento comod[oa]|me fio|quiero|me gusta|me apetece|pienso|voy a|estoy comod[oa]|"
        r"soporto|aguanto|me va|confio|quisiera|me gustan|hablo)\b[^.;?\n]{0,40}\b(?:maquina|maquinas|"
        r"robot|robots|bot|bots|ordenador|programa|chatbot|automatic[oa]|inteligencia artificial|ia|"
        r"contestador|algoritmo|asistente virtual)\b",
        r"\b(?:hart[oa]|cansad[oa]|paso|odio|detesto)\b[^.;?\n]{0,20}\b(?:maquina|maquinas|robots?|bots?|"
        r"chatbots?|contestador\w*|ia)\b",
        r"\b(?:me )?atiend[ae]n? (?:alguien|una persona|un humano)|\b(?:no me (?:estas |esta )?(?:entiendes?|"
        r"ayudas?|sirves?|aclaras?|enteras|entendiendo|ayudando)|esto no me (?:ayuda|sirve)|asi no (?:nos entendemos|"
        r"vamos a ninguna parte))\b|\bno (?:te|me) enteras\b|\bprefiero (?:en persona|cara a cara|presencial\w*|"
        r"hablarlo)|\b(?:en|ir a|pasar por) (?:la |una |vuestra )?oficina fisica\b|"
        r"\b(?:ir|acercarme|pasarme|pasar) (?:a|por) (?:la |una |vuestra |alguna )?(?:oficina|sucursal|"
        r"tienda)\b|\b(?:quiero|necesito|pasame con|hablar con|contactar con|telefono de|numero de)[^.;?]{0,15}\b(?:servicio "
        r"de )?atencion(?: al cliente| humana| personal\w*)?\b|\batencion humana\b|\bcustomer service\b|"
        r"\balgun companero\b|\bcon quien (?:puedo|tengo que) hablar\b|\bdonde (?:puedo|os puedo) llamar\b|"
        r"\boperator\b",
        unless=r"\b(?:eres|es usted|hablo con|estoy hablando con|sos|esto es|am i|are you|hay)\b[^.;]{0,25}\b(?:persona|"
        r"humano|humana|alguien|human|person)\b[^.;]{0,30}\b(?:o|maquina|robot|bot)\b|\bcomo me llam\w+|"
        rf"{_EITHER}",
    ),
    _rule(
        "human",
        r"\b(?:denunci(?:a|ar|are|aros|arlos)\b|demandar\w*|hoja de reclamaciones|(?:poner|presentar|"
        r"hacer|tramitar|quiero) (?:una )?(?:queja|reclamacion|denuncia)|quejarme|make a complaint)",
        topic="complaint",
    ),
)


def urgent_wishes(wording: Wording) -> list[Intent]:
    """Every wish the rules find, most urgent first."""
    found: list[Intent] = []
    for rule in RULES:
        match = rule.pattern.search(wording.plain)
        if match and not (rule.unless and rule.unless.search(wording.plain)):
            found.append(Intent(rule.name, rule.topic, rule.confidence, wording.evidence(*match.span())))
    names = {intent.name for intent in found}
    if {"opt_out", "data_erase"} <= names:
        about_data = next(intent for intent in found if intent.name == "data_erase").evidence.lower()
        dropped = "opt_out" if _ABOUT_DATA.search(about_data) else "data_erase"
        found = [intent for intent in found if intent.name != dropped]
    return found


_ABOUT_DATA = re.compile(r"dato|todo|conversaci|informaci")
