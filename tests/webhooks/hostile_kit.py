"""The malformed and hostile webhooks of `hostile/`, as requests to our doors.

The cases' own secrets are not known here, so right signatures are made anew, and the forged ones forged again with ours.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from tests.kit.simulators.meta.signing import sign
from tests.kit.simulators.twilio.rules import signature as sign_form
from tests.webhooks.door_kit import DOOR, SECRET, WHATSAPP

CASES = Path(__file__).parent / "hostile"
SIGNATURE = "X-Hub-Signature-256"
TWILIO_TOKEN, CHATWOOT_SECRET = "twilio-token-of-the-tests", "chatwoot-secret-of-the-tests"
PUBLIC = "https://bot.example.com"
NUMBER = "100000000000001"
"""Whom Meta's cases are addressed to."""
ENVIRONMENT = {
    **WHATSAPP,
    "WHATSAPP_PHONE_NUMBER_ID": NUMBER,
    "PUBLIC_BASE_URL": PUBLIC,
    "TWILIO_ACCOUNT_SID": "AC" + 32 * "0",
    "TWILIO_AUTH_TOKEN": TWILIO_TOKEN,
    "TWILIO_WHATSAPP_FROM": "whatsapp:+34910000000",
    "CHATWOOT_BASE_URL": "https://chat.example.com",
    "CHATWOOT_ACCOUNT_ID": "1",
    "CHATWOOT_USER_TOKEN": "user-token-of-the-tests",
    "CHATWOOT_BOT_TOKEN": "bot-token-of-the-tests",
    "CHATWOOT_WHATSAPP_INBOX_ID": "3",
    "CHATWOOT_WEBHOOK_SECRET": CHATWOOT_SECRET,
}
_SIGNED_AT = 1_790_000_000
"""The present of the cases that Chatwoot's signature dates."""
Headers = list[tuple[str, str]]


class Knock(NamedTuple):
    """One request as a case means it, with our secrets."""

    method: str
    path: str
    headers: Headers
    body: bytes


def cases() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CASES / "cases.jsonl").read_text(encoding="utf-8").splitlines()]


def knock_of(case: dict[str, Any]) -> Knock:
    raw = (CASES / case["file"]).read_bytes()
    path = case["path"].replace(f"/webhooks/{case['endpoint']}", _DOORS[case["endpoint"]])
    kept = [(name, value) for name, value in case["headers"] if "signature" not in name.casefold()]
    return Knock(case["method"], path, _SIGNED[case["endpoint"]](case, kept, raw, path), raw)


# -- Meta ----------------------------------------------------------------------------------------------------------------

_META_FORGERIES: dict[str, Callable[[bytes], Headers]] = {
    "sig_missing": lambda raw: [],
    "sig_no_prefix": lambda raw: [(SIGNATURE, sign(SECRET, raw).removeprefix("sha256="))],
    "sig_prefix_only": lambda raw: [(SIGNATURE, "sha256=")],
    "sig_sha1_header_only": lambda raw: [("X-Hub-Signature", f"sha1={_digest('sha1', raw)}")],
    "sig_sha1_in_256": lambda raw: [(SIGNATURE, f"sha1={_digest('sha1', raw)}")],
    "sig_sha512": lambda raw: [(SIGNATURE, f"sha512={_digest('sha512', raw)}")],
    "sig_inner_space": lambda raw: [(SIGNATURE, sign(SECRET, raw).replace("=", "= "))],
    "sig_trunc32": lambda raw: [(SIGNATURE, sign(SECRET, raw)[: len("sha256=") + 32])],
    "sig_two_valid_invalid": lambda raw: [(SIGNATURE, sign(SECRET, raw)), (SIGNATURE, "sha256=" + 64 * "0")],
    "sig_latin1": lambda raw: [(SIGNATURE, "sha256=" + 64 * "ñ")],
    "sig_huge_header": lambda raw: [(SIGNATURE, "sha256=" + 7000 * "a")],
    "sig_empty_secret": lambda raw: [(SIGNATURE, sign("", raw))],
    "sig_empty_body_sig": lambda raw: [(SIGNATURE, sign(SECRET, b""))],
    "sig_reserialised": lambda raw: [(SIGNATURE, sign(SECRET, json.dumps(json.loads(raw), ensure_ascii=False).encode()))],
    "sig_sorted_keys": lambda raw: [(SIGNATURE, sign(SECRET, json.dumps(json.loads(raw), sort_keys=True).encode()))],
    "sig_newline_added": lambda raw: [(SIGNATURE, sign(SECRET, raw + b"\n"))],
}


def _digest(algorithm: str, raw: bytes) -> str:
    return hmac.digest(SECRET.encode(), raw, algorithm).hex()


def is_refused(case: dict[str, Any]) -> bool:
    return "200" not in case["status_ok"].split("|")


def _signed_by_meta(case: dict[str, Any], kept: Headers, raw: bytes, path: str) -> Headers:
    del path
    if case["group"] == "signature" and is_refused(case):
        return kept + _META_FORGERIES[case["name"]](raw)
    return [*kept, (SIGNATURE, sign(SECRET, raw))]


# -- Twilio --------------------------------------------------------------------------------------------------------------


def _fields(raw: bytes) -> list[tuple[str, str]]:
    return parse_qsl(raw.decode("latin-1"), keep_blank_values=True)


def _sha256_form(raw: bytes, url: str) -> str:
    written = url + "".join(name + value for name, value in sorted(_fields(raw)))
    return base64.b64encode(hmac.digest(TWILIO_TOKEN.encode(), written.encode(), "sha256")).decode()


_TWILIO_FORGERIES: dict[str, Callable[[bytes, str], str]] = {
    "twsig_empty_token": lambda raw, url: sign_form("", url, _fields(raw)),
    "twsig_sha256": _sha256_form,
    "twsig_latin1": lambda raw, url: "ññ",
    "twsig_url_only": lambda raw, url: sign_form(TWILIO_TOKEN, url, []),
}


def _signed_by_twilio(case: dict[str, Any], kept: Headers, raw: bytes, path: str) -> Headers:
    url = f"{PUBLIC}{path}"
    if case["name"] == "twsig_port443":
        url = url.replace(PUBLIC, f"{PUBLIC}:443")
    if case["group"] == "tw_signature" and is_refused(case) and case["method"] == "POST":
        return [*kept, ("X-Twilio-Signature", _TWILIO_FORGERIES[case["name"]](raw, url))]
    return [*kept, ("X-Twilio-Signature", sign_form(TWILIO_TOKEN, url, _fields(raw)))]


# -- Chatwoot ------------------------------------------------------------------------------------------------------------

_CHATWOOT_FORGERIES: dict[str, Callable[[bytes, str], bytes]] = {
    "cw_body_only_sig": lambda raw, at: hmac.digest(CHATWOOT_SECRET.encode(), raw, "sha256"),
    "cw_wrong_secret": lambda raw, at: hmac.digest(b"another", f"{at}.".encode() + raw, "sha256"),
}


def _signed_by_chatwoot(case: dict[str, Any], kept: Headers, raw: bytes, path: str) -> Headers:
    del path
    at = next(value for name, value in kept if name == "X-Chatwoot-Timestamp")
    if at.isdigit():
        at = str(int(time.time()) + int(at) - _SIGNED_AT)
    forged = _CHATWOOT_FORGERIES.get(case["name"])
    digest = forged(raw, at) if forged else hmac.new(CHATWOOT_SECRET.encode(), f"{at}.".encode() + raw, hashlib.sha256).digest()
    others = [(name, value) for name, value in kept if name != "X-Chatwoot-Timestamp"]
    return [*others, ("X-Chatwoot-Timestamp", at), ("X-Chatwoot-Signature", f"sha256={digest.hex()}")]


_DOORS = {"meta": DOOR, "twilio": "/webhook/twilio", "chatwoot": "/webhook/chatwoot"}
_SIGNED: dict[str, Callable[[dict[str, Any], Headers, bytes, str], Headers]] = {
    "meta": _signed_by_meta,
    "twilio": _signed_by_twilio,
    "chatwoot": _signed_by_chatwoot,
}
