"""What Twilio's error codes mean for us, whether they come as an answer or with a status afterwards.

Facts are from Twilio's error dictionary.
"""

from __future__ import annotations

from src.errors import AccessDenied, IntegrationError, Rejected, TemporaryFailure, Unreachable, WindowClosed

CLASSES: dict[type[IntegrationError], dict[int, str]] = {
    TemporaryFailure: {
        20429: "too many requests",
        20500: "Twilio failed",
        20503: "Twilio is away",
        63012: "WhatsApp failed",
        63017: "more messages a second than the account may send",
        63018: "more messages a second than WhatsApp takes for this sender",
        63038: "the account's messages of today are used up",
    },
    AccessDenied: {
        20003: "the account or its token is refused",
        20005: "the account is not active",
        20403: "the account may not do this",
        20404: "the account is not known",
        21212: "the sender is no number",
        21606: "the sender may not send",
        63007: "the sender is not registered for WhatsApp",
        63010: "the sender's set-up at Twilio is broken",
        63020: "Twilio was not invited into the WhatsApp Business account",
    },
    Unreachable: {
        21211: "there is no such number",
        21610: "the person stopped messages",
        21614: "the number takes no messages",
        63003: "the number is not on WhatsApp",
        63024: "WhatsApp does not take this recipient",
        63032: "WhatsApp does not deliver to this person for now",
    },
    WindowClosed: {63016: "the person last wrote more than 24 hours ago: only a template may go"},
    Rejected: {
        21617: "longer than 1,600 characters",
        21655: "the content is not known",
        21656: "the content's variables are refused",
        63005: "WhatsApp refused the content",
        63013: "against WhatsApp's policy",
        63019: "the file could not be fetched",
        63021: "the content is malformed",
        63027: "there is no such template in this language",
        63028: "the template wants another number of values",
        63030: "the template's values are refused",
        63033: "the person blocked this sender",
    },
}
"""Every code that is known, by the class that says what follows from it."""
CONTENT_REFUSED = frozenset({21654, 21655, 21656, 63021, 63027, 63028, 63030})
"""Choices that were refused as such: the same goes out in words."""
_MEANT = {code: (kind, why) for kind, codes in CLASSES.items() for code, why in codes.items()}


def class_of(code: int | None, status: int) -> type[IntegrationError]:
    """What follows from that code; from the HTTP status where the code is not known."""
    if code in _MEANT:
        return _MEANT[code][0]
    if status in (408, 425, 429) or status >= 500:
        return TemporaryFailure
    return AccessDenied if status in (401, 403) or status < 400 else Rejected


def meaning_of(code: int | None) -> str:
    """The code in words; "" when it is not known."""
    return _MEANT[code][1] if code in _MEANT else ""
