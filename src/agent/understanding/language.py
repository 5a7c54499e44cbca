"""Which language a message is in, told from its commonest words and letters; Spanish unless the words speak against it."""

from __future__ import annotations

import re

from src.agent.understanding.lexicon import lists_named

_COMMON = lists_named("language")
LANGUAGES = frozenset(_COMMON)
_LETTERS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("pt", re.compile(r"[ãõ]|ção\b|ções\b|\bnh[aeiou]")),
    ("ca", re.compile(r"l·l|\b[ldm]'[aeiouh]|ç|\bny|[aeiou]ny\b|ïn|ït|(?<=\w)ció\b")),
    ("de", re.compile(r"[ßäö]|\bü|ü(?:r|b|h)|sch")),
    ("fr", re.compile(r"[êâîôûœ]|è|\bqu'|\bj'|\bc'|\bd'|\bl'|\bn'|ez\b|aux\b")),
    ("it", re.compile(r"\bdell'|\bun'|zione\b|\bgli\b|[aeiou]\bperché|cch|ggi")),
    ("eu", re.compile(r"tx|tz\b|(?<=\w)(?:arekin|aren|etan|rako|tzen|ko dut|ean)\b")),
    ("gl", re.compile(r"\bx[aeiou]|\bunh[ao]|eir[oa]s?\b|(?<=\w)ción\b(?=.{0,300}\b(?:unha|non|eu)\b)")),
    ("es", re.compile(r"[ñ¿¡]|ción\b|[áéíóú]")),
    ("en", re.compile(r"\b\w+'(?:m|re|ve|ll|d|t|s)\b|\bth\w+|(?<=\w)ing\b|\bw[ho]\w+")),
)
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_LETTER_WEIGHT = {"es": 0.5, "en": 0.5}
_MARGIN = 1.0
_WORDS_READ = 60

_GREETS: dict[str, re.Pattern[str]] = {
    "en": re.compile(
        r"^\W*(?:hi|hello|hey there|good (?:morning|afternoon|evening)|yes please|thank you|thanks|yes|"
        r"sure)\W*$",
        re.IGNORECASE,
    ),
    "ca": re.compile(r"^\W*(?:bon dia|bona tarda|bona nit|d'acord|si us plau|gràcies|moltes gràcies|adéu)\W*$", re.IGNORECASE),
    "fr": re.compile(r"^\W*(?:bonjour|bonsoir|salut|merci|merci beaucoup|oui)\W*$", re.IGNORECASE),
    "de": re.compile(r"^\W*(?:guten (?:tag|morgen|abend)|hallo|danke|vielen dank|ja|nein)\W*$", re.IGNORECASE),
    "it": re.compile(r"^\W*(?:buongiorno|buonasera|ciao|grazie|salve)\W*$", re.IGNORECASE),
    "pt": re.compile(r"^\W*(?:bom dia|boa tarde|boa noite|olá|obrigad[oa]|oi)\W*$", re.IGNORECASE),
    "eu": re.compile(r"^\W*(?:kaixo|egun on|arratsalde on|gabon|eskerrik asko|bai|ez)\W*$", re.IGNORECASE),
    "gl": re.compile(r"^\W*(?:bos días|bos dias|boas tardes|boas noites|grazas|moitas grazas)\W*$", re.IGNORECASE),
}
_ASKED_FOR: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (
        language,
        re.compile(
            rf"\b(?:en|in|em|auf|na)\s+(?:{names})\b|\b(?:habl\w+|speak|parl\w+|fal\w+|sprechen|escrib\w+)\s+(?:en\s+|"
            rf"in\s+)?(?:{names})\b|^\W*(?:{names})(?:,? (?:please|por favor|porfa))\W*$"
        ),
    )
    for language, names in (
        ("es", ("castellano|espanol|castella|spanish|castelan|espanhol|espagnol|spanisch|spagnolo|gaztelaniaz|cristiano")),
        ("en", "ingles|english|angles|anglais|englisch|inglese"),
        ("ca", "catala|catalan|valenciano"),
        ("gl", "gallego|galego"),
        ("eu", "euskera|vasco|euskaraz"),
        ("pt", "portugues|portuguese"),
        ("fr", "frances|french|francais"),
        ("de", "aleman|german|deutsch"),
        ("it", "italiano|italian"),
    )
)


def detect_language(text: str, spoken: str = "es") -> str:
    """The ISO code of the language; `spoken` when the message is too short or too mixed to say otherwise."""
    lowered = text.lower().replace("’", "'")
    words = _WORD.findall(lowered)[:_WORDS_READ]
    if len(words) <= 3:
        for language, pattern in _GREETS.items():
            if pattern.match(lowered):
                return language if language == "en" or len(words) > 1 or spoken == language or len(words[0]) > 3 else spoken
    if len(words) < 2:
        return spoken
    scores = dict.fromkeys(_COMMON, 0.0)
    for word in words:
        speakers = [language for language, common in _COMMON.items() if word in common]
        for language in speakers:
            scores[language] += (1 / len(speakers) + 0.15) * (1 if len(word) > 1 else 0.3)
    for language, pattern in _LETTERS:
        scores[language] += min(len(pattern.findall(lowered)), 4) * _LETTER_WEIGHT.get(language, 0.8)
    home = spoken if spoken in scores else "es"
    best = max(scores, key=lambda language: scores[language])
    if best == home or scores[best] < 1.2:
        return home
    margin = _MARGIN if home == "es" or best != "es" else 0.6
    return best if scores[best] - max(scores[home], scores["es"] if best != "es" else 0.0) >= margin else home


def wished_language(plain: str) -> str | None:
    """The language somebody asks to be answered in, from the comparable form of the text."""
    for language, pattern in _ASKED_FOR:
        if pattern.search(plain):
            return language
    return None
