"""How Meta writes and signs a webhook body, and what its message ids look like."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
from typing import Any


def escape_body(payload: Any) -> bytes:
    """JSON the way Meta puts it on the wire and signs it: lower-case \\uXXXX for everything outside ASCII, '/' as \\/,
    and '<', '%', '@' as upper-case escapes. Those characters occur only inside strings, so plain replacement is safe."""
    s = json.dumps(payload, ensure_ascii=True, separators=(",", ":"))
    s = s.replace("/", "\\/").replace("<", "\\u003C").replace("%", "\\u0025").replace("@", "\\u0040")
    return s.encode("ascii")


def sign(secret: str, body: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def wamid(phone: str, inbound: bool, rng: random.Random) -> str:
    """Base64 of a small binary frame around the phone and random hex digits; the digits differ in length per direction."""
    who = phone.encode()[:60]
    digits = f"3A{rng.getrandbits(72):018X}" if inbound else f"{rng.getrandbits(72):018X}"
    direction = b"\x12\x18\x14" if inbound else b"\x11\x18\x12"
    frame = b"\x1c\x18" + bytes([len(who)]) + who + b"\x15\x02\x00" + direction + digits.encode() + b"\x00"
    return "wamid." + base64.b64encode(frame).decode()
