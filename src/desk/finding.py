"""By what words operators find a person, and what is looked for: without accents, capitals and the blanks of a phone."""

from __future__ import annotations

import re
import unicodedata

from src.agent.state import Conversation

LONGEST = 160
MOST_TERMS = 6
_KEY = re.compile(r"^[a-z]{1,20}:(?=\d)")
_PHONE = re.compile(r"\+?[\d\s().-]{3,}")


def folded(text: str) -> str:
    """As both sides of a search are compared: "Álvaro SANZ" and "alvaro sanz" are the same."""
    bare = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(letter for letter in bare if not unicodedata.combining(letter)).split())


def listed_under(conversation: Conversation) -> str:
    """What a person is found by: the name they told, the one WhatsApp shows, the e-mail address, the number."""
    contact, profile = conversation.contact, conversation.profile
    known = (profile.get("name"), contact.name, profile.get("email"), (contact.phone or "").lstrip("+"))
    return folded(" ".join(str(word) for word in dict.fromkeys(known) if word))[:LONGEST]


def terms(query: str) -> tuple[str, ...]:
    """What every word of a find has to hold. A number is one term however it is spaced."""
    query = _KEY.sub("", query.strip()[:LONGEST])
    if _PHONE.fullmatch(query):
        return ("".join(digit for digit in query if digit.isdigit()),)
    return tuple(folded(query).split()[:MOST_TERMS])
