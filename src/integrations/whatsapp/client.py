"""Speaking to Meta's WhatsApp Cloud API: messages, read marks, files, and what each refusal means.

Facts are from Meta's "Messages", "Media" and "Error codes" references.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import requests

from src.desk.crm import File
from src.errors import (
    AccessDenied,
    IntegrationError,
    PermanentFailure,
    Rejected,
    TemporaryFailure,
    Unreachable,
    WindowClosed,
)
from src.integrations.http import AllowedHosts, Answer, Outgoing, new_session
from src.integrations.parts import parts_of
from src.integrations.untrusted import wording_of
from src.integrations.whatsapp.messages import VENDOR, payload_of
from src.messages import Content, Media, Outbound

MEDIA_HOSTS = frozenset({"graph.facebook.com", "lookaside.fbsbx.com"})
OPAQUE_LIMIT = 512
_OF_A_TEMPLATE = "id,name,language,status,category,components,parameter_format"
_MOST_TEMPLATE_PAGES = 20

_MEDIA_ID = re.compile(r"[A-Za-z0-9_-]{1,256}")
_MESSAGE_ID = re.compile(r"[!-~]{1,512}")
_MIME = re.compile(r"[a-z0-9.+-]{1,64}/[a-z0-9.+-]{1,64}(?:; ?[a-z]+=[a-z0-9.+-]+)?")

# Meta's error codes by what they mean for us. The code decides, not the HTTP status: limits come as 400.
_TEMPORARY = frozenset({1, 2, 4, 80007, 130429, 131000, 131016, 131053, 131056, 131057, 133004, 133016})
_PAIR_LIMIT = 131056
_DENIED = frozenset(
    {0, 3, 10, 190, 368, 2500, 131005, 131031, 131037, 131042, 131045, 134011, *range(200, 300)}
    | {133005, 133006, 133008, 133009, 133010, 133015}
)
_UNREACHABLE = frozenset({130497, 131021, 131026, 131030})
_WINDOW_CLOSED = 131047
_REJECTED = frozenset(
    {33, 100, 130472, 131008, 131009, 131048, 131049, 131050, 131051, 131052, 131062, 132000, 132001, 132005, 132007}
    | {132012, 132015, 132016, 132018, 132068, 132069, 135000}
)
_NO_SUCH_OBJECT = 33  # subcode of code 100: the id in the path is unknown to this token


class WhatsAppClient:
    """One business number. Constructing never connects; threads share it.

    Every call raises TemporaryFailure or one of PermanentFailure's children, and nothing else. `timeout_s` bounds the whole
    call. `media_hosts` are the hosts files may come from, besides the one of `base_url`.
    """

    def __init__(
        self,
        *,
        token: str,
        number_id: str,
        base_url: str,
        api_version: str,
        session_factory: Callable[..., requests.Session] = new_session,
        timeout_s: float = 6.0,
        media_hosts: frozenset[str] = MEDIA_HOSTS,
    ) -> None:
        self._number_id, self._timeout_s = number_id, timeout_s
        version = api_version.strip("/")
        self._root = f"{base_url.rstrip('/')}/{version if version.startswith('v') else f'v{version}'}"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._allowed = AllowedHosts(media_hosts, home=base_url)
        self._http = Outgoing(VENDOR, session_factory)

    @property
    def number(self) -> str:
        """Meta's id of the business number, which its limits belong to."""
        return self._number_id

    @property
    def confirms(self) -> bool:
        """Statuses follow every send, and a 24 h window holds."""
        return True

    def parts(self, content: Content) -> Sequence[Content]:
        """The same content in as many messages as its text needs; what can be pressed comes with the last."""
        return parts_of(content)

    def send(self, outbound: Outbound, *, opaque: str, timeout_s: float | None = None) -> str:
        """Send one message; Meta's id of it. Accepted is not delivered: statuses follow, with `opaque` in them.

        Meta knows no idempotency key: after a TemporaryFailure with `maybe_done` a second try may be a second message.
        """
        payload = payload_of(outbound) | {"biz_opaque_callback_data": opaque[:OPAQUE_LIMIT]}
        answer = self._call("send", "POST", f"{self._number_id}/messages", timeout_s, json=payload)
        messages = answer.json_object().get("messages")
        message = messages[0] if isinstance(messages, list) and messages else None
        message_id = message.get("id") if isinstance(message, dict) else None
        if not isinstance(message_id, str) or not _MESSAGE_ID.fullmatch(message_id):
            raise TemporaryFailure(VENDOR, "send", status=answer.status, detail="no message id", maybe_done=True)
        return message_id

    def mark_read(self, message_id: str, *, typing: bool) -> None:
        """Show the blue ticks on this message and all before it; with `typing`, the indicator for up to 25 s."""
        payload: dict[str, Any] = {"messaging_product": "whatsapp", "status": "read", "message_id": message_id}
        if typing:
            payload["typing_indicator"] = {"type": "text"}
        self._call("mark_read", "POST", f"{self._number_id}/messages", None, json=payload)

    def download(self, media: Media, *, max_bytes: int) -> File:
        """The bytes behind a media id. Meta keeps them for 7 days. Raises Rejected when larger than `max_bytes`."""
        if not _MEDIA_ID.fullmatch(media.id):
            raise Rejected(VENDOR, "download", detail="no usable media id")
        answer = self._file(media.id, max_bytes)
        if answer.status == 404:
            # The address is good for five minutes only; a new one may be had at once.
            answer = self._file(media.id, max_bytes)
        if answer.status != 200:
            raise _failure("download", answer)
        mime = answer.headers.get("Content-Type", "").lower()
        return File(data=answer.body, filename=media.filename, mime_type=mime if _MIME.fullmatch(mime) else media.mime_type)

    def _file(self, media_id: str, max_bytes: int) -> Answer:
        found = self._call("download", "GET", media_id, None, params={"phone_number_id": self._number_id}).json_object()
        url, size = found.get("url"), found.get("file_size")
        if not isinstance(url, str):
            raise TemporaryFailure(VENDOR, "download", detail="no address for the file")
        if isinstance(size, int) and size > max_bytes:
            raise Rejected(VENDOR, "download", detail=f"the file is larger than {max_bytes} bytes")
        return self._http.fetch(
            "download", url, allowed=self._allowed, timeout_s=self._timeout_s, headers=self._headers, max_bytes=max_bytes
        )

    def upload(self, data: bytes, mime: str, filename: str) -> str:
        """Store a file at Meta for 30 days; its media id, to be sent as `Content.media_id`."""
        if not _MIME.fullmatch(mime):
            raise Rejected(VENDOR, "upload", detail="no usable file type")
        name = re.sub(r"[^\w. -]", "_", filename)[-100:] or "file"
        answer = self._call(
            "upload",
            "POST",
            f"{self._number_id}/media",
            None,
            data={"messaging_product": "whatsapp", "type": mime},
            files={"file": (name, data, mime)},
        )
        media_id = answer.json_object().get("id")
        if not isinstance(media_id, str) or not _MEDIA_ID.fullmatch(media_id):
            raise TemporaryFailure(VENDOR, "upload", status=answer.status, detail="no media id", maybe_done=True)
        return media_id

    def check(self) -> dict[str, str]:
        """Ask Meta about the number, as a live test of token, number and version: its name, quality and throughput."""
        fields = "verified_name,quality_rating,code_verification_status,platform_type,throughput"
        found = self._call("check", "GET", self._number_id, None, params={"fields": fields}).json_object()
        throughput = found.get("throughput")
        level = throughput.get("level") if isinstance(throughput, dict) else None
        facts = {key: found.get(key) for key in fields.split(",")} | {"throughput": level}
        return {key: value for key, value in facts.items() if isinstance(value, str)}

    def approved_templates(self, account_id: str) -> list[dict[str, Any]]:
        """The templates of that business account that may be sent now, as Meta describes them; at most two thousand."""
        asked: dict[str, Any] = {"fields": _OF_A_TEMPLATE, "status": "APPROVED", "limit": 100}
        found: list[dict[str, Any]] = []
        for _ in range(_MOST_TEMPLATE_PAGES):
            page = self._call("templates", "GET", f"{account_id}/message_templates", None, params=asked).json_object()
            rows = page.get("data")
            found += [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
            paging = page.get("paging")
            cursors = paging.get("cursors") if isinstance(paging, dict) and paging.get("next") else None
            if not isinstance(cursors, dict) or not cursors.get("after"):
                break
            asked = {**asked, "after": cursors["after"]}
        return [row for row in found if row.get("status") == "APPROVED"]

    def _call(self, action: str, method: str, path: str, timeout_s: float | None, **content: Any) -> Answer:
        answer = self._http.call(
            action,
            method,
            f"{self._root}/{path}",
            timeout_s=self._timeout_s if timeout_s is None else timeout_s,
            headers=self._headers,
            **content,
        )
        if answer.status != 200:
            raise _failure(action, answer, own_node=path.partition("/")[0] == self._number_id)
        return answer


def _failure(action: str, answer: Answer, *, own_node: bool = False) -> IntegrationError:
    """The error that an answer stands for. `own_node`: the path names our number, so its being unknown is our fault."""
    error = answer.json_object().get("error")
    error = error if isinstance(error, dict) else {}
    code = error.get("code") if type(error.get("code")) is int else None
    status = answer.status
    facts: dict[str, Any] = {
        "status": status,
        "vendor_code": "" if code is None else str(code),
        "detail": _impersonal(error),
    }
    if code in _TEMPORARY or (code not in _KNOWN_PERMANENT and (status in (408, 425, 429) or status >= 500)):
        return TemporaryFailure(
            VENDOR,
            action,
            **facts,
            retry_after_s=answer.retry_after_s,
            # A server that failed half-way may still have accepted the message.
            maybe_done=status >= 500,
            pair_limited=code == _PAIR_LIMIT,
        )
    return _permanent_class(code, error.get("error_subcode"), status, own_node)(VENDOR, action, **facts)


_KNOWN_PERMANENT = _DENIED | _UNREACHABLE | _REJECTED | {_WINDOW_CLOSED}


def _permanent_class(code: int | None, subcode: Any, status: int, own_node: bool) -> type[PermanentFailure]:
    if code == _WINDOW_CLOSED:
        return WindowClosed
    if code in _UNREACHABLE:
        return Unreachable
    if code in _DENIED or (code == 100 and subcode == _NO_SUCH_OBJECT and own_node):
        return AccessDenied
    if code in _REJECTED:
        return Rejected
    # No code that we know. A redirect means that the base URL is not Meta's.
    return AccessDenied if status in (401, 403) or status < 400 else Rejected


def _impersonal(error: dict[str, Any]) -> str:
    """Meta's wording without numbers, tokens and links that it may quote."""
    data = error.get("error_data")
    wording = data.get("details") if isinstance(data, dict) else None
    return wording_of(wording if isinstance(wording, str) and wording else error.get("message"))
