"""Which language a message is in, told from its commonest words and letters; Spanish unless the words speak against it."""

from __future__ import annotations

import re

_COMMON: dict[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "es": "que de la el los las y en un una por con para no si es mi me se lo al del como pero mas su le ya muy tengo soy quiero anos hola gracias vale cuanto cuesta seguro vida fumo hijos hipoteca gano cobro "
              "estoy mucho esta este eso donde porque cuando nada hay nos te tu yo usted buenas buenos dias claro bueno ahora hace mes ano euros hasta sobre tambien sin una unos trabajo vivo puedo puede",
        "en": "the and is are i am i'm to of in for my you your have has do does don't not how much what can we it's it would like want with that this hello hi thanks thank please yes life insurance years old live "
              "need get me a an on at be if but from about which will could speak english was were they there no smoke smoker married single kids children work quote price cost hey good morning afternoon i'd i've sure okay",
        "ca": "amb tinc anys aquest aquesta voldria una els les dels per què que puc som soc sóc estic vull meva meu fills no fumo bon dia bona tarda gràcies gracies si us plau quant costa assegurança asseguranca vida hola adeu "
              "molt també tambe però pero nosaltres ell ella jo treballo visc és es dona home casat hipoteca mes cap res doncs d'acord castellà castella parlar en català catala necessito preu nens",
        "gl": "teño teno unha unhas son eu non moi moito grazas bos días dias boas tardes ola seguro de vida quero canto custa anos fillos traballo casado meu miña mina coa cos nos ben fala galego falar por favor estou vivo "
              "facer ata tamén tamen sen desde onde cando porque hipoteca o a os as e do da dos das no na nos nas ao pero",
        "eu": "eta bai ez naiz dut da du zer nola zenbat urte ditut kaixo egun on arratsalde eskerrik asko mesedez nahi nuke bizi asegurua aseguru bat nire seme alaba lan egiten erretzen hipoteka euskaraz hitz egin daukat naizen "
              "gara dira zaitez dago hemen nago ezkonduta prezioa",
        "pt": "não nao tenho anos sou quero uma um com para meu minha obrigado obrigada bom dia boa tarde olá ola seguro de vida quanto custa eu você voce fumo filhos trabalho moro estou muito também tambem mas é e o a os as do da "
              "dos das em no na por favor sim preciso gostaria fazer isso português portugues falar casado casada",
        "fr": "je suis j'ai ans le la les des une un et est pas ne pour avec mon ma mes vous nous bonjour bonsoir merci combien coûte coute assurance vie oui non voudrais veux s'il plaît plait fume enfants travaille habite dans "
              "sur que qui quoi comment c'est français francais parler au du marié moi très tres prix d'assurance",
        "de": "ich bin jahre alt und der die das ein eine nicht ist habe mit für fur mein meine wie viel kostet guten tag hallo danke bitte lebensversicherung rauche kinder arbeite wohne möchte mochte ja nein sie wir auf zu in "
              "deutsch sprechen kann können konnen haben was verheiratet euro monat preis",
        "it": "sono ho anni il la le gli un una e non per con mio mia che di è ciao buongiorno buonasera grazie quanto costa assicurazione sulla vita vorrei fumo figli lavoro vivo abito in sì si per favore parlare italiano molto "
              "anche ma io lei voi siamo abbiamo della del prezzo sposato bambini come",
    }.items()
}  # fmt: skip
LANGUAGES = frozenset(_COMMON)
_LETTERS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("pt", re.compile(r"[ãõ]|ção\b|ções\b|\bnh[aeiou]")),
    ("ca", re.compile(r"l·l|\b[ldm]'[aeiouh]|ç|\bny|[aeiou]ny\b|ïn|ït|\w+ció\b")),
    ("de", re.compile(r"[ßäö]|\bü|ü(?:r|b|h)|sch")),
    ("fr", re.compile(r"[êâîôûœ]|è|\bqu'|\bj'|\bc'|\bd'|\bl'|\bn'|ez\b|aux\b")),
    ("it", re.compile(r"\bdell'|\bun'|zione\b|\bgli\b|[aeiou]\bperché|cch|ggi")),
    ("eu", re.compile(r"tx|tz\b|\w+(?:arekin|aren|etan|rako|tzen|ko dut|ean)\b")),
    ("gl", re.compile(r"\bx[aeiou]|\bunh[ao]|eir[oa]s?\b|\w+ción\b(?=.*\b(?:unha|non|eu)\b)")),
    ("es", re.compile(r"[ñ¿¡]|ción\b|[áéíóú]")),
    ("en", re.compile(r"\b\w+'(?:m|re|ve|ll|d|t|s)\b|\bth\w+|\w+ing\b|\bw[ho]\w+")),
)
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_LETTER_WEIGHT = {"es": 0.5, "en": 0.5}
_MARGIN = 1.0
_WORDS_READ = 60

_GREETS: dict[str, re.Pattern[str]] = {
    "en": re.compile(r"^\W*(?:hi|hello|hey there|good (?:morning|afternoon|evening)|yes please|thank you|thanks|yes|sure)\W*$", re.IGNORECASE),
    "ca": re.compile(r"^\W*(?:bon dia|bona tarda|bona nit|d'acord|si us plau|gràcies|moltes gràcies|adéu)\W*$", re.IGNORECASE),
    "fr": re.compile(r"^\W*(?:bonjour|bonsoir|salut|merci|merci beaucoup|oui)\W*$", re.IGNORECASE),
    "de": re.compile(r"^\W*(?:guten (?:tag|morgen|abend)|hallo|danke|vielen dank|ja|nein)\W*$", re.IGNORECASE),
    "it": re.compile(r"^\W*(?:buongiorno|buonasera|ciao|grazie|salve)\W*$", re.IGNORECASE),
    "pt": re.compile(r"^\W*(?:bom dia|boa tarde|boa noite|olá|obrigad[oa]|oi)\W*$", re.IGNORECASE),
    "eu": re.compile(r"^\W*(?:kaixo|egun on|arratsalde on|gabon|eskerrik asko|bai|ez)\W*$", re.IGNORECASE),
    "gl": re.compile(r"^\W*(?:bos días|bos dias|boas tardes|boas noites|grazas|moitas grazas)\W*$", re.IGNORECASE),
}  # fmt: skip
_ASKED_FOR: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (language, re.compile(rf"\b(?:en|in|em|auf|na)\s+(?:{names})\b|\b(?:habl\w+|speak|parl\w+|fal\w+|sprechen|escrib\w+)\s+(?:en\s+|in\s+)?(?:{names})\b"))
    for language, names in (
        ("es", "castellano|espanol|castella|spanish|castelan|espanhol|espagnol|spanisch|spagnolo|gaztelaniaz|cristiano"),
        ("en", "ingles|english|angles|anglais|englisch|inglese"),
        ("ca", "catala|catalan|valenciano"),
        ("gl", "gallego|galego"), ("eu", "euskera|vasco|euskaraz"), ("pt", "portugues|portuguese"),
        ("fr", "frances|french|francais"), ("de", "aleman|german|deutsch"), ("it", "italiano|italian"),
    )
)  # fmt: skip


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
