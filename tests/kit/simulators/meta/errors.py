"""Meta's error codes with their HTTP status, and the body of a Graph API error."""

from __future__ import annotations

import random

# code -> (http status, title). Status codes as in Meta's error table (Dec 2025).
ERRORS = {
    0: (401, "AuthException"),
    1: (400, "API Unknown"),
    2: (503, "API Service"),
    3: (500, "API Method"),
    4: (400, "Application request limit reached"),
    10: (403, "Permission denied"),
    33: (400, "Parameter value is not valid"),
    100: (400, "Invalid parameter"),
    190: (401, "Access token has expired"),
    368: (403, "Temporarily blocked for policies violations"),
    80007: (400, "Rate limit issues"),
    130429: (400, "Rate limit hit"),
    130472: (400, "User's number is part of an experiment"),
    130497: (403, "Business account is restricted from messaging users in this country."),
    131000: (500, "Something went wrong"),
    131005: (403, "Access denied"),
    131008: (400, "Required parameter is missing"),
    131009: (400, "Parameter value is not valid"),
    131016: (500, "Service unavailable"),
    131021: (400, "Recipient cannot be sender"),
    131026: (400, "Message undeliverable"),
    131030: (400, "Recipient phone number not in allowed list"),
    131031: (403, "Account has been locked"),
    131037: (400, "Display name approval needed"),
    131042: (400, "Business eligibility payment issue"),
    131045: (500, "Incorrect certificate"),
    131047: (400, "Re-engagement message"),
    131048: (400, "Spam rate limit hit"),
    131049: (400, "This message was not delivered to maintain healthy ecosystem engagement."),
    131050: (400, "User has stopped marketing messages"),
    131051: (400, "Unsupported message type"),
    131052: (400, "Media download error"),
    131053: (400, "Media upload error"),
    131056: (400, "(Business Account, Consumer Account) pair rate limit hit"),
    131057: (500, "Account in maintenance mode"),
    131062: (400, "Business-scoped User ID (BSUID) recipients are not supported for this message."),
    132000: (400, "Number of parameters does not match the expected number of params"),
    132001: (404, "Template name does not exist in the translation"),
    132005: (400, "Translated text too long"),
    132007: (400, "Template format character policy violated"),
    132012: (400, "Parameter format does not match format in the created template"),
    132015: (400, "Template is paused"),
    132016: (400, "Template is disabled"),
    132018: (400, "Template parameter is not valid"),
    132068: (400, "Flow is blocked"),
    132069: (400, "Flow is throttled"),
    133004: (503, "Server temporarily unavailable"),
    133010: (400, "Phone number not registered"),
    133016: (400, "Account register deregister rate limit exceeded"),
    135000: (400, "Generic user error"),
}
DETAILS = {
    130429: "Cloud API message throughput has been reached.",
    131047: "Message failed to send because more than 24 hours have passed since the customer last replied to this number.",
    131056: (
        "Message failed to send because there were too many messages sent from this phone number to the same phone number"
        " in a short period of time"
    ),
    131026: "Message Undeliverable.",
    131049: "In order to maintain a healthy ecosystem engagement, the message failed to be delivered.",
    131000: "Message failed to send due to an unknown error.",
    131016: "Service temporarily unavailable.",
    131062: "Business-scoped User ID (BSUID) recipients are not supported for this message.",
    131021: "Recipient phone number is the same as sender phone number.",
}


class GraphError(Exception):
    def __init__(
        self,
        code: int,
        details: str | None = None,
        http: int | None = None,
        message: str | None = None,
        typ: str = "OAuthException",
        subcode: int | None = None,
    ) -> None:
        st, title = ERRORS.get(code, (http or 400, "Error"))
        self.http = http or st
        self.code = code
        self.typ = typ
        self.subcode = subcode
        self.message = message or f"(#{code}) {title}"
        self.details = details if details is not None else DETAILS.get(code)


def graph_body(e: GraphError, rng: random.Random) -> dict:
    err: dict = {"message": e.message, "type": e.typ, "code": e.code}
    if e.subcode is not None:
        err["error_subcode"] = e.subcode
    if e.details is not None:
        err["error_data"] = {"messaging_product": "whatsapp", "details": e.details}
    err["fbtrace_id"] = "A" + "".join(rng.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", k=22))
    return {"error": err}
