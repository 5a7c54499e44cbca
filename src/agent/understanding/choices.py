"""Which option somebody means: by number, by name or by description."""

from __future__ import annotations

import re

from src.agent.understanding.reading import Context, Intent
from src.agent.understanding.wording import Wording

_ORDINALS: tuple[tuple[str, str], ...] = (
    (
        "1",
        (
            r"primer[oa]?|1\s?[ªa]|uno|una|opcion (?:1|uno|a)|la (?:1|a)|el (?:1|a)|numero (?:1|uno)|first|"
            r"option (?:1|one)|1\.?"
        ),
    ),
    (
        "2",
        (
            r"segund[oa]|2\s?[ªa]|dos|opcion (?:2|dos|b)|la (?:2|b)|el (?:2|b)|numero (?:2|dos)|second|option (?:2|"
            r"two)|2\.?"
        ),
    ),
    (
        "3",
        (
            r"tercer[oa]?|3\s?[ªa]|tres|opcion (?:3|tres|c)|la (?:3|c)|el (?:3|c)|numero (?:3|tres)|third|"
            r"option (?:3|three)|3\.?|ultim[oa]|last"
        ),
    ),
)
_CHOICES: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "middle",
        re.compile(
            r"\b(?:(?:la|el|lo|los|las) (?:de|del|que esta) (?:en )?(?:el )?(?:medio|enmedio|centro|mitad)|"
            r"de en ?medio|(?:la|el) (?:intermedi[oa]|median[oa]|media|central)|intermedia|the middle(?: one)?|"
            r"middle option|equilibrad[oa]|termino medio|la del medio)\b"
        ),
    ),
    (
        "cheapest",
        re.compile(
            r"\b(?:(?:la|el|lo) (?:mas )?(?:barat[oa]|barat[oa]|economic[oa]|basic[oa]|simple|sencill[oa]|"
            r"baj[oa]|ajustad[oa])|(?:la|el|lo) (?:que )?(?:menos|mas poco) (?:cuest\w*|car[oa]|val\w*)|the cheap(?:est|"
            r"er)(?: one)?|esencial|la pequena|el minimo|la minima|el mas barato)\b"
        ),
    ),
    (
        "most_complete",
        re.compile(
            r"\b(?:(?:la|el|lo) (?:mas )?(?:complet[oa]|car[oa]|grande|top|full|premium|mejor)|(?:la|el) (?:que )?(?:mas|"
            r"lo) (?:cubr\w*|complet\w*|tod[oa])|(?:la|el) que (?:cubr\w+|inclu\w+|tiene) mas|the (?:most complete|"
            r"best|full)(?: one)?|la de todo|(?<!de acuerdo )(?<!conforme )con todo|todo incluido|la tope|la gorda)\b"
        ),
    ),
)
_CHOICE_ORDINAL = tuple(
    (
        number,
        re.compile(
            r"^\W*(?:no[\s,]+(?=mejor|prefiero|quiero|la |me quedo))?"
            r"(?:pues |vale[\s,]+|ok[\s,]+|si[\s,]+|perfecto[\s,]+|me quedo con |quiero |prefiero |"
            r"elijo |escojo |creo que |mejor |dame |voy con |yo |con |por |me gusta |me interesa |"
            r"me convence |me cuadra |me encaja |me va bien |a ver |"
            rf"bueno |claro |tira con )*(?:la |el |opcion |la opcion |el plan |numero |the )*(?:{words})(?: opcion|"
            r" option| one| propuesta)?(?=(?=\W*$)|[\s,.]+(?:por favor|porfa|gracias|esta|me|mejor|y|pero|"
            r"si|mandame|mandamelo|enviame|please)\b|\s*[,.])"
            rf"|\b(?:me quedo con|quiero|prefiero|elijo|escojo) (?:la |el |opcion )*(?:{words})\b"
            rf"(?! (?:para|mas|persona|seguro)\b)(?: opcion| propuesta| option)?|"
            rf"\b(?:la|el) (?:{words})(?: opcion| propuesta| option)"
        ),
    )
    for number, words in _ORDINALS
)


_WERE_IT_NOT = re.compile(
    r"\bpero\b[^.;!?]{0,20}\b(?:mas (?:barat|economic)|menos (?:car|precio|capital|dinero)|(?:mas|otro) capital)"
)
"""An option that is named to have it changed is not chosen."""
_ASKS_WHICH = re.compile(
    r"\b(?:cual|que opcion|cual de ellas) (?:me )?(?:es|seria|sale|saldria|crees|dirias)\b|\bwhich (?:one )?is\b"
)


def offer_on_the_table(context: Context) -> bool:
    """Whether options were shown, so that "la segunda" or "me la quedo" mean one of them."""
    return (
        bool(context.options)
        or context.awaiting in ("choice", "accept")
        or context.stage in ("PRESENTACION_PROPUESTA", "COTIZACION")
    )


def read_choice(wording: Wording, context: Context) -> Intent | None:
    """An option that was numbered, named or described; only while options are on the table."""
    if not offer_on_the_table(context):
        return None
    plain = wording.plain
    if _WERE_IT_NOT.search(plain) or _ASKS_WHICH.search(plain):
        return None
    if context.awaiting in ("choice", "accept", None) and "?" not in plain:
        for number, pattern in _CHOICE_ORDINAL:
            match = pattern.search(plain)
            if match and int(number) <= max(len(context.options), 3):
                return Intent("choice", number, 0.95, wording.evidence(*match.span()))
    described = [(topic, match) for topic, pattern in _CHOICES if (match := pattern.search(plain))]
    if len(described) == 1 and not re.search(
        r"\bno (?:quiero|me gusta|me convence)\b|\b(?<!la )(?<!el )(?:que|cual) (?:incluye|cubre|diferencia)", plain
    ):
        topic, match = described[0]
        return Intent("choice", topic, 0.9, wording.evidence(*match.span()))
    return None
