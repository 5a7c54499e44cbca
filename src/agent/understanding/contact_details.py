"""E-mail, phone, postal code and town, as people dictate them."""

from __future__ import annotations

import re
from functools import partial

from src.agent.understanding.reading import Context, Found
from src.agent.understanding.wording import Wording

Span = tuple[int, int]

_EMAIL = re.compile(r"[a-z0-9](?:[a-z0-9._%+-]{0,62}[a-z0-9_])?@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,4}")
_SPOKEN_AT = re.compile(r"\s*(?:\(?\[?\s?\barroba\b\s?\]?\)?|\[at\]|\(at\))\s*")
_SPOKEN_EMAIL = re.compile(
    r"(?<![a-z0-9_%+-])"
    r"(?P<user>[a-z0-9_%+-]++(?:(?:\.|\s?\bpunto\b\s?|\s?\bguion(?: bajo| medio)?\b\s?)[a-z0-9_%+-]++){0,5})"
    r"\s{0,3}(?:@|\(?\[?\barroba\b\]?\)?)\s{0,3}(?P<host>[a-z0-9-]+(?:(?:\s?\.\s?|\s?\bpunto\b\s?)[a-z0-9-]{2,20}){1,3})"
)
_PHONE = re.compile(r"(?<![\w.,])(?:\+|00)?\d(?:[ .\-()]{0,2}\d){8,14}(?![\w€%]|[.,]\d)")
_POSTAL_CODE = re.compile(r"(?:\b(?:cp|c\.p\.?|codigo postal|cod\.? postal|codigo|zip)\b[^\d]{0,15})(?P<code>\d{5})\b")
_BARE_CODE = re.compile(
    r"(?<![\d.,+])(?P<code>(?:0[1-9]|[1-4]\d|5[0-2])\d{3})\b(?!\s*(?:€|euros?|k\b|mil|[.,]\d|al |anuales|"
    r"brutos|netos|de ))"
)
_TOWN = re.compile(
    r"(?<!no )\b(?:vivo|vivimos|resido|residimos|estoy viviendo|i live|moro|visc)\s+(?:actualmente |ahora )?(?:en|"
    r"in|a)\s+(?:la ciudad de |un pueblo de )?|\bsoy de\s+(?=[a-z])"
)
_TOWN_NAME = re.compile(
    r"(?:(?:El|La|Los|Las|San|Santa|Sant|A|L')\s?)?[A-ZÁÉÍÓÚÑÀÈÒÇ][\w'·]+(?:(?:\s(?:de|del|de la|de los|"
    r"y|i)){0,1}\s[A-ZÁÉÍÓÚÑ][\w'·]+){0,3}"
)


def read_contact_details(wording: Wording, context: Context) -> tuple[list[Found], list[Span]]:
    """The values found, and the parts of `plain` they took, so that their digits are not read as ages or amounts."""
    found: list[Found] = []
    spans: list[Span] = []
    asked_for_code = context.awaiting == "postal_code"
    for reader in (_email, _phone, partial(_postal_code, asked=asked_for_code)):
        result = reader(wording.blank(spans))
        if result:
            found.append(result[0])
            spans.append(result[1])
    town = _town(wording)
    if town:
        found.append(town)
    return found, spans


def _email(wording: Wording) -> tuple[Found, Span] | None:
    if "@" not in wording.plain and "arroba" not in wording.plain:
        return None
    match = _EMAIL.search(wording.plain) or _SPOKEN_EMAIL.search(wording.plain)
    if not match:
        return None
    written = wording.evidence(*match.span())
    address = _SPOKEN_AT.sub("@", written.lower())
    for spoken, sign in (("guion bajo", "_"), ("guión bajo", "_"), ("guion", "-"), ("guión", "-"), ("punto", ".")):
        address = re.sub(rf"\s*\b{spoken}\b\s*", sign, address)
    address = re.sub(r"\s*([@.])\s*", r"\1", address)
    valid = _valid_email(address)
    if valid is None:
        return Found("email", address, written, 0.5), match.span()
    return Found("email", valid, written), match.span()


def _valid_email(address: str) -> str | None:
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415 - few messages hold an address

    try:
        return validate_email(address, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError:
        return None


def _phone(wording: Wording) -> tuple[Found, Span] | None:
    match = _PHONE.search(wording.plain)
    if not match:
        return None
    import phonenumbers  # noqa: PLC0415 - its metadata is large and few messages hold a phone

    written = match[0]
    region = None if written.startswith(("+", "00")) else "ES"
    try:
        number = phonenumbers.parse("+" + written[2:] if written.startswith("00") else written, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    value = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return Found("details.phone", value, wording.evidence(*match.span())), match.span()


def _postal_code(wording: Wording, *, asked: bool) -> tuple[Found, Span] | None:
    match = _POSTAL_CODE.search(wording.plain)
    if not match and (asked or re.search(r"\bvivo\b", wording.plain)):
        match = _BARE_CODE.search(wording.plain)
    if not match:
        return None
    code = match["code"]
    spanish = 1 <= int(code[:2]) <= 52
    return Found("postal_code", code, wording.evidence(*match.span("code")), 1.0 if spanish else 0.5), match.span()


def _town(wording: Wording) -> Found | None:
    places = list(_TOWN.finditer(wording.plain))
    if not places:
        return None
    match = next((place for place in places if not place[0].startswith("soy")), places[0])
    rest = wording.evidence(match.end(), len(wording.plain))
    name = _TOWN_NAME.match(rest)
    return Found("details.city", name[0], name[0]) if name else None
