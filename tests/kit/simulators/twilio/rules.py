"""Twilio's signature, its error codes, and connection overrides in webhook addresses."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from urllib.parse import parse_qsl, urlsplit, urlunsplit


def signature(token: str, url: str, params: list[tuple[str, str]]) -> str:
    """Twilio's scheme: URL, then name+value for every POST field, names sorted, repeated values de-duplicated and sorted."""
    by: dict[str, set] = {}
    for k, v in params:
        by.setdefault(k, set()).add(v)
    s = url + "".join(k + v for k in sorted(by) for v in sorted(by[k]))
    return base64.b64encode(hmac.new(token.encode(), s.encode("utf-8"), hashlib.sha1).digest()).decode()


def split_overrides(url: str) -> tuple[str, dict]:
    """Twilio reads connection overrides (#ct=…&rt=…&tt=…&rc=…&rp=…) from the fragment of a webhook URL."""
    p = urlsplit(url)
    ov = dict(parse_qsl(p.fragment)) if p.fragment else {}
    return urlunsplit((p.scheme, p.netloc, p.path, p.query, "")), ov


# code -> (http status, message)
ERRORS = {
    20001: (400, "Unknown parameters"),
    20003: (401, "Authenticate"),
    20404: (404, "The requested resource was not found"),
    20429: (429, "Too Many Requests"),
    21211: (400, "Invalid 'To' Phone Number: {x}"),
    21212: (400, "Invalid From Number (caller ID): {x}"),
    21602: (400, "Message body is required."),
    21603: (400, "A 'From' phone number is required."),
    21604: (400, "A 'To' phone number is required."),
    21609: (400, "Invalid 'StatusCallback' URL: {x}"),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21617: (400, "The concatenated message body exceeds the 1600 character limit"),
    21619: (400, "A text message body or media urls must be specified."),
    21620: (400, "Invalid media URL(s)"),
    21623: (400, "Number of media files exceeds allowed limit"),
    21655: (400, "The ContentSid is Invalid."),
    21656: (400, "The ContentVariables Parameter is invalid"),
    21910: (400, "Invalid From and To pair. From and To should be of the same channel"),
    63007: (400, "Twilio could not find a Channel with the specified From address"),
}
ASYNC_ERRORS = {
    63003: "Channel could not find To address",
    63005: "Channel did not accept given content",
    63012: "Channel provider returned an internal service error",
    63013: "Violation of Channel provider's policy",
    63016: "Failed to send freeform message because you are outside the allowed window.",
    63018: "Rate limit exceeded for Channel",
    63019: "Media failed to download",
    63021: "Channel invalid content error",
    63024: "Invalid message recipient",
    63027: "Template does not exist for a language and locale",
    63032: "We cannot send this message to this user because of a WhatsApp limitation",
    63038: "Account exceeded the daily messages limit",
    30008: "Unknown error",
}
WA_TO = re.compile(r"^whatsapp:(\+[1-9]\d{6,14}|[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128})$")


class TwilioError(Exception):
    def __init__(self, code: int, x: str = "", message: str | None = None, http: int | None = None) -> None:
        st, msg = ERRORS.get(code, (http or 400, "Error"))
        self.code, self.http, self.message = code, http or st, (message or msg).replace("{x}", x)
