"""Seals secrets that are stored, so that whoever reads the store learns nothing without our `SECRET_KEY`.

Fernet of the `cryptography` library: AES-128 in CBC mode with an HMAC-SHA256. What is sealed carries the fingerprint of its
key, so that a process with another one says so instead of calling it damaged.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from src.errors import SealedElsewhere


class Sealed(msgspec.Struct, frozen=True):
    """What is stored: the fingerprint of the key, and what it sealed."""

    key: str
    token: str


class Seals:
    """Seals with the first of `keys`, opens with any of them: so a key is replaced by putting another one before it.

    `keys` is asked when something is first sealed or opened.
    """

    def __init__(self, keys: Callable[[], Sequence[str]]) -> None:
        self._keys = keys

    def seal(self, name: str, values: Mapping[str, str]) -> dict[str, str]:
        """`values` as they may be stored under that name, as JSON."""
        key = self._keys()[0]
        written = msgspec.json.encode({"name": name, "values": values})
        return {"key": _fingerprint(key), "token": _fernet(key).encrypt(written).decode()}

    def open(self, name: str, stored: Any) -> dict[str, str]:
        """What was sealed under that name. Raises SealedElsewhere."""
        try:
            sealed = msgspec.convert(stored, Sealed)
        except msgspec.ValidationError as fault:
            raise SealedElsewhere("what is stored there was never sealed") from fault
        key = next((key for key in self._keys() if _fingerprint(key) == sealed.key), None)
        if key is None:
            raise SealedElsewhere(f"it was sealed with the SECRET_KEY of fingerprint {sealed.key}, which is not here")
        from cryptography.fernet import InvalidToken  # noqa: PLC0415 - see _fernet

        try:
            written: Any = msgspec.json.decode(_fernet(key).decrypt(sealed.token.encode()))
        except InvalidToken as fault:
            raise SealedElsewhere("what is sealed there is damaged") from fault
        if written["name"] != name:
            raise SealedElsewhere("what is sealed there was meant for another place")
        return {str(variable): str(value) for variable, value in written["values"].items()}

    def is_of_first_key(self, stored: Any) -> bool:
        """Whether it need not be sealed anew."""
        return isinstance(stored, dict) and stored.get("key") == _fingerprint(self._keys()[0])


def _fingerprint(key: str) -> str:
    return hashlib.sha256(b"iagente fingerprint\0" + key.encode()).hexdigest()[:12]


def _fernet(key: str) -> Any:
    from cryptography.fernet import Fernet  # noqa: PLC0415 - only where something is sealed

    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"iagente seal\0" + key.encode()).digest()))
