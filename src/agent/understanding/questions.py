"""Questions and what they are about, so that the answer comes from the figures at hand or from the knowledge."""

from __future__ import annotations

import re

from src.agent.understanding.reading import Intent
from src.agent.understanding.wording import Wording

_QUESTIONS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (topic, re.compile(words))
    for topic, words in (
        (
            "resend_proposal",
            (
                r"\b(?:mand\w+|envi\w+|pas\w+|reenvi\w+|ensen\w+|repit\w+|dame|ver|muestr\w+|send)\b[^.;?]{0,25}\b(?:otra vez|"
                r"de nuevo|nuevamente|again|la propuesta|las opciones|la cotizacion|el presupuesto|las tres|los detalles)\b|"
                r"\brepite (?:la|las) (?:propuesta|opciones)"
            ),
        ),
        (
            "privacy",
            (
                r"\b(?:privacidad|proteccion de datos|rgpd|lopd|que (?:haceis|haces|hacen) con mis datos|mis datos|"
                r"datos personales|para que (?:usais|quereis|usas|quieres|necesitais) (?:mis|los) datos)\b"
            ),
        ),
        (
            "why",
            (
                r"\b(?:y )?por ?que (?:esa|ese|esta|este|tanto|tan|es|sale|son|me (?:preguntas|pides|pide|lo preguntas|"
                r"haces)|necesitas|quieres|hay|lo|tengo que|pides|pregunt\w+|eso)\b|\bpara que (?:necesitas|"
                r"quieres|lo quieres|quereis|me preguntas|es eso)\b|"
                r"\b(?:es obligatorio|tengo que|hace falta) (?:decir\w*|contestar\w*|responder\w*|contar\w*|poner\w*)\b|"
                r"^\W*y eso\W*$|^\W*(?:y )?(?:por ?que|why)\W*$|"
                r"(?:^|[,.;:!¿])[^\w,.;:!¿]*+(?:y )?(?:por ?que|why)\W*$|\bde donde (?:sale|sacas|sale eso|salen)\b|"
                r"\bcomo (?:lo )"
                r"?(?:has calculado|calculas|se calcula|habeis calculado|llegas a)\b|\bwhy\b"
            ),
        ),
        ("suicide", r"\bsuicid\w+"),
        (
            "bank_tied",
            (
                r"\b(?:banco|entidad|caja)\b[^.;]{0,30}\b(?:oblig\w+|exig\w+|impon\w+|fuerza\w*|vincula\w*|con ellos|"
                r"bonifica\w*)|\b(?:oblig\w+|forzos\w+|tengo que)\b[^.;]{0,30}\bbanco\b"
            ),
        ),
        (
            "compare",
            (
                r"\b(?:diferencias?|recom\w+|aconsej\w+|compar\w+|en que se diferencian?|que cambia|cual es mejor|"
                r"explica\w* (?:bien |mejor )?(?:la|las|opcion)\b|"
                r"entre (?:la )?(?:1|una|uno|primera|2|dos|segunda) y (?:la )?\w+|"
                r"que diferencia|difference|which is better|cual me conviene|cual es la mejor)\b"
            ),
        ),
        (
            "beneficiaries",
            (
                r"\bbeneficiari\w+\b[^.;]*\?|\b(?:quien|quienes) (?:cobra|cobran|cobraria|recibe|reciben)|\ba quien (?:le )"
                r"?(?:pagan|pagais|va)"
            ),
        ),
        (
            "fixed_price",
            r"\b(?:precio|prima|cuota)s? (?:fij[oa]|constante|nivelad[oa]|congelad[oa])s?\b|\b(?:siempre )?el mismo precio\b",
        ),
        ("exclusions", r"\b(?:exclu\w+|que no cubre|no cubre|no esta cubierto|letra pequena|limitaciones)\b"),
        (
            "coverage",
            (
                r"\b(?:que|como|cuando|si|me|os|le|te)? ?(?:cubre|cubren|cubris|cubriria|incluye|incluyen|entra|"
                r"entran|cobertura|coberturas|covers?|covered|protege|ampara|pagais|indemniza\w*)\b(?=[^.;]*\?)|"
                r"\b(?:que|cual(?:es)?) (?:\w+ )?(?:cubre|incluye|entra|cobertura|coberturas)"
            ),
        ),
        (
            "claims",
            (
                r"\b(?:siniestro|cobrar el seguro|si (?:me )?muero|si fallezco|cuando muera|cuanto tarda\w*|"
                r"como (?:se )?(?:cobra|reclama))\b"
            ),
        ),
        ("cancel", r"\b(?:cancel\w+|dar(?:me|lo)? de baja el|anular\w*|permanencia|desisti\w+|arrepent\w+|rescind\w+)\b"),
        ("tax", r"\b(?:impuestos?|desgrava\w*|hacienda|irpf|sucesiones|tribut\w+|deduc\w+|fiscal\w*)\b"),
        (
            "payment",
            (
                r"\b(?:como|cuando|puedo|se|de que forma) (?:\w+ )?(?:pag(?:o|a|ar|aria|an)|domicili\w+|cobrais)\b|"
                r"\b(?:forma|metodo)s? de pago\b"
            ),
        ),
        (
            "health_questionnaire",
            (
                r"\b(?:cuestionario|reconocimiento medico|revision medica|pruebas medicas|preexist\w+|enfermedad\w* previas?)"
                r"\b"
            ),
        ),
        (
            "other_sum",
            (
                r"\b(?:(?:menos|mas|otro|menor|mayor) (?:de )?capital|(?:baj|sub|cambi|reduc|aument|ajust)\w* "
                r"(?:un poco |algo )?(?:el|de) capital|"
                r"capital (?:mas )?(?:bajo|alto|pequeno|grande|menor|mayor|distinto|diferente))\b"
            ),
        ),
        (
            "price",
            (
                r"\b(?:cuanto|que|cual)\b[^.;]{0,20}\b(?:cuesta\w*|costaria\w*|vale\w*|valdria\w*|sale\w*|saldria\w*|"
                r"pagaria\w*|seria\w*|es la cuota|cobrais|precio|pago|me cobr\w+|costo|costara|pagare|clava\w*|"
                r"era|al mes|al ano|voy a pagar|(?:me|se) (?:me )?queda\w*)\b|"
                r"\bprecios?\b|\btarifas?\b|\bcosto\b|\bhow much\b|\bprice\b|\bcuanto\W*\?|\ba (?:como|cuanto) (?:me )?(?:sale|"
                r"esta|queda)|\by (?:con|por) \d|\bquant costa\b|\bquanto cust\w+|\by si (?:pongo|pido|subo|"
                r"bajo|quiero|fueran?|cojo|quito|anado|hago|lo)\b"
            ),
        ),
        ("duration", r"\b(?:cuanto (?:tiempo )?dura|hasta (?:cuando|que edad)|renueva|renovacion|vence)\b"),
        (
            "smoker",
            (
                r"\b(?:que (?:se )?(?:considera|cuenta como|es ser) fumador|si (?:vapeo|fumo|empiezo a fumar|"
                r"dejo de fumar))\b"
            ),
        ),
    )
)
_ASKS = re.compile(
    r"\?|^\W*(?:y |pero |oye |una pregunta |hola |perdona |a ver )*(?:que|cual|cuanto|cuanta|cuantos|"
    r"cuando|como|donde|quien|por que|para que|cubre|cubris|puedo|puede|se puede|hay|es obligatorio|"
    r"tengo que|teneis|what|how|when|which|who|can i|do i|is it|does)\b|\b(?:me gustaria saber|quiero saber|"
    r"quisiera saber|queria saber|(?:tengo |antes |primero )?una (?:duda|pregunta)\b|me pregunto|"
    r"(?:podrias|puedes|podeis) (?:explicar\w*|"
    r"decirme|contarme|aclarar\w*)|explica\w*|una duda|tell me|explicame)\b"
)
_NAMED_BY_COVER = re.compile(  # more than one option may have it
    r"\b(?:la|las) (?:que (?:cubre|incluye|lleva|tiene)|de) (?:la )?(?:invalidez|incapacidad|enfermedad\w*|accidente\w*)"
)
_IN_WRITING = re.compile(
    r"\b(?:mand|envi|pas|send)\w*\b[^.;?]{0,25}\b(?:correo|e-?mail|mail|pdf|escrito|folleto)\b"  # asked for without a "?"
)
_NOT_A_QUESTION = re.compile(
    r"^\W*(?:que (?:va|tal|onda|hubo|bien|bueno|guay|pasa(?=\W*$)|remedio|caro|fuerte|mas da)|como (?:no|"
    r"quieras|estas|va|mola)|cuando (?:quieras|puedas)|como(?=\W*$))\b"
)


def read_questions(wording: Wording) -> list[Intent]:
    """At most one question; without a topic when the words name none we know."""
    plain = wording.plain
    asks = _ASKS.search(plain)
    topics = [(topic, match) for topic, pattern in _QUESTIONS if (match := pattern.search(plain))]
    if not asks:
        topics = [
            each
            for each in topics
            if each[0] in ("price", "resend_proposal", "bank_tied", "compare", "other_sum", "fixed_price")
            and _stands_alone(plain, each[1])
        ]
    if topics:
        topic, match = topics[0]
        return [Intent("question", topic, 0.9, wording.evidence(*match.span()))]
    by_cover = None if asks else _NAMED_BY_COVER.search(plain)
    if by_cover:
        return [Intent("question", "coverage", 0.9, wording.evidence(*by_cover.span()))]
    wanted = None if asks else _IN_WRITING.search(plain)
    if wanted:
        return [Intent("question", "", 0.7, wording.evidence(*wanted.span()))]
    if asks and not _NOT_A_QUESTION.search(plain) and ("?" in plain or len(plain.split()) > 3):
        return [Intent("question", "", 0.7, wording.evidence(*asks.span()))]
    return []


def _stands_alone(plain: str, match: re.Match[str]) -> bool:
    """Whether a topic word without a question is a request ("precio?", "pasame precios") and not part of a statement."""
    return not re.search(
        r"\b(?:es|esta|muy|buen|mal|al|el mejor|a ese|ese|por ese)\s+$", plain[max(0, match.start() - 20) : match.start()]
    )
