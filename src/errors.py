"""Every error this program raises on purpose, drawn as the tree it is.

    SalesAgentError
    ├── ConfigurationError        the settings are wrong; lists every fault at once
    ├── DamagedCatalogue          a table or tariff is missing, altered or implausible
    ├── RejectedRequest           a caller at a door is refused
    │   ├── BadSignature          403
    │   ├── MalformedPayload      400
    │   ├── InvalidRequest        400, names every fault
    │   ├── UnknownContact        404
    │   ├── Conflict              409, says what stands in the way
    │   ├── VendorRefused         422, access that a vendor does not grant
    │   ├── PayloadTooLarge       413
    │   └── TooManyRequests       429
    ├── LedgerUnavailable         the store cannot be read or written now
    ├── SealedElsewhere           a stored secret that cannot be opened here
    ├── StaleCommit               somebody else moved this conversation first
    ├── UnreadableState           stored by a newer version than this one knows
    │   └── DamagedState          no version can read what is stored
    └── IntegrationError          a vendor did not do what was asked
        ├── TemporaryFailure      try again, after `retry_after_s`
        └── PermanentFailure      trying again cannot help
            ├── AccessDenied      the credentials are refused: stop the number, call the operator
            ├── Unreachable       this person cannot be reached on this channel
            ├── WindowClosed      more than 24 h since the person wrote: only a template may go
            └── Rejected          the vendor refuses this very message

The client that speaks to a vendor chooses the class, because only it knows the vendor; workers look at the class and
nothing else. No message holds a phone number, a token or what somebody wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any


class SalesAgentError(Exception):
    """Root of the tree."""


class ConfigurationError(SalesAgentError):
    """The settings cannot work. `faults` holds one line for each, named by variable."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(("The configuration cannot work:", *(f"  - {fault}" for fault in faults))))


class DamagedCatalogue(SalesAgentError):
    """A price must never come from a damaged table, so the program does not start."""


class RejectedRequest(SalesAgentError):
    """A caller at a door is refused with `status`; `code` is stable, the message is for people, `details` for programs."""

    status = 400
    code = "rejected"
    details: Mapping[str, Any] = MappingProxyType({})


class BadSignature(RejectedRequest):
    """The caller could not prove that the vendor sent this."""

    status = 403
    code = "bad_signature"


class MalformedPayload(RejectedRequest):
    """The body is not what the vendor's format says, as a whole."""

    status = 400
    code = "malformed_payload"


class InvalidRequest(RejectedRequest):
    """What an operator asked for cannot be done as it was asked. `faults` holds one line for each."""

    status = 400
    code = "invalid_request"

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(faults))


class UnknownContact(RejectedRequest):
    """Nobody is known by what the operator gave."""

    status = 404
    code = "unknown_contact"


class Conflict(RejectedRequest):
    """It could be done at another time or in another way, but not now; `code` says what stands in the way."""

    status = 409

    def __init__(self, code: str, message: str, details: Mapping[str, Any] = MappingProxyType({})) -> None:
        self.code = code
        self.details = details
        super().__init__(message)


class VendorRefused(RejectedRequest):
    """What was to be stored was tried at the vendor first, and did not work there."""

    status = 422
    code = "vendor_refused"


class PayloadTooLarge(RejectedRequest):
    """The body is larger than any the vendor sends."""

    status = 413
    code = "payload_too_large"


class TooManyRequests(RejectedRequest):
    """The caller is over its limit, and may come again after `retry_after_s`."""

    status = 429
    code = "too_many_requests"

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class LedgerUnavailable(SalesAgentError):
    """The store cannot be read or written now: 503 at the doors, back-off in workers."""


class SealedElsewhere(SalesAgentError):
    """A stored secret cannot be opened here: another key sealed it, or it is damaged."""


class StaleCommit(SalesAgentError):
    """The lease went to somebody else, or the person was erased or reset meanwhile. Nothing was written."""


class UnreadableState(SalesAgentError):
    """A conversation was stored by a newer version than this one knows, or is damaged. `advice` is for who asked for it."""

    advice = "A newer version of this program stored the conversation; it is left alone."


class DamagedState(UnreadableState):
    """What is stored of a conversation is damaged: waiting mends nothing."""

    advice = "What is stored of this conversation is damaged. What was said is kept: reset it, and the bot begins anew."


class IntegrationError(SalesAgentError):
    """A vendor did not do what was asked.

    `status` is the HTTP status (0 when there was no answer), `vendor_code` the vendor's own error code as text,
    `detail` the vendor's short wording with nothing personal in it.
    """

    def __init__(self, vendor: str, action: str, *, status: int = 0, vendor_code: str = "", detail: str = "") -> None:
        self.vendor, self.action, self.status, self.vendor_code, self.detail = vendor, action, status, vendor_code, detail
        super().__init__(f"{vendor} {action}: status {status}, code {vendor_code or '-'}, {detail or 'no detail'}")


class TemporaryFailure(IntegrationError):
    """Worth another try. `retry_after_s` is what the vendor asked for, or None.

    `maybe_done` is true when the vendor may have acted all the same: the connection broke after the request was sent.
    `pair_limited` is true when this one person has been written to too fast (back-off 4^n seconds).
    """

    def __init__(
        self,
        vendor: str,
        action: str,
        *,
        status: int = 0,
        vendor_code: str = "",
        detail: str = "",
        retry_after_s: float | None = None,
        maybe_done: bool = False,
        pair_limited: bool = False,
    ) -> None:
        super().__init__(vendor, action, status=status, vendor_code=vendor_code, detail=detail)
        self.retry_after_s, self.maybe_done, self.pair_limited = retry_after_s, maybe_done, pair_limited


class PermanentFailure(IntegrationError):
    """Trying again cannot help."""


class AccessDenied(PermanentFailure):
    """The credentials or the account are refused: everything on this number would fail the same way."""


class Unreachable(PermanentFailure):
    """This person cannot be reached on this channel."""


class WindowClosed(PermanentFailure):
    """More than 24 hours since the person last wrote: only an approved template may go."""


class Rejected(PermanentFailure):
    """The vendor refuses this very message."""
