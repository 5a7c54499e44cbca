"""The rules for every outgoing HTTP request, whichever vendor it goes to.

Pooled connections per process, no redirects, no proxies or credentials from the environment, no cookies, a time limit for
the whole exchange, a size limit for what is read, no compressed answers. Files are fetched only from listed hosts, over
https, and never from an address inside our own network. Errors carry no URL and no header.
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import HTTPError, InvalidHeader, NewConnectionError
from urllib3.util import Url, parse_url

from src.errors import AccessDenied, Rejected, TemporaryFailure

POOL_SIZE = 128
"""Connections to one host that are kept; threads beyond that make a new one each time."""
ANSWER_LIMIT_BYTES = 1024 * 1024
_CHUNK_BYTES = 64 * 1024
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_UNICAST = ipaddress.ip_network("2000::/3")
"""All of IPv6 that was ever given to networks. Site-local addresses and whatever comes next are elsewhere."""
_NEVER_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # relays of 6to4, withdrawn
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: any IPv4 address can be inside
        "3fff::/20",  # documentation
    )
)
"""IANA's registries of special addresses, as far as Python's own table knows them late or not at all."""


class _DestinationRefused(Exception):
    """The name leads to an address that is not on the public internet."""


class _TooLarge(Exception):
    """More bytes than the caller can take."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A vendor's answer, whatever its status. `headers` are looked up without regard to case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object; empty when it is anything else."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def retry_after_s(self) -> float | None:
        """Seconds that the vendor asks to wait, at most an hour; None when it names none."""
        try:
            seconds = float(self.headers.get("Retry-After", ""))
        except ValueError:
            return None
        return min(seconds, 3600.0) if seconds >= 0 else None


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """Where files may come from: `hosts` over https at public addresses, and `home` as the operator configured it.

    `home` is a vendor's base URL. Plain http counts only when it is on this very machine.
    """

    hosts: frozenset[str]
    home: str = ""

    def admit(self, url: str) -> tuple[str, bool]:
        """The URL as it will be requested, and whether its address may be private. Raises ValueError when refused."""
        if not url.isascii() or any(character <= " " or character in "\\\x7f" for character in url):
            raise ValueError("the address has characters that do not belong there")
        # The same parser as the one that will connect: two parsers that disagree are how lists are passed by.
        parsed = parse_url(url)
        if parsed.auth is not None or not parsed.host:
            raise ValueError("the address has credentials or no host")
        if self.home and _origin(parsed) == _origin(parse_url(self.home)):
            if parsed.scheme != "https" and not _is_loopback(parsed.host):
                raise ValueError("the address is not https")
            return parsed.url, True
        if parsed.scheme != "https" or parsed.port not in (None, 443):
            raise ValueError("the address is not https")
        if parsed.host not in self.hosts:
            raise ValueError("the host is not on the list")
        return parsed.url, False


def new_session(*, public_only: bool = False) -> requests.Session:
    """A session that keeps to the rules above; with `public_only` it connects to no private address."""
    session = requests.Session()
    session.trust_env = False
    session.cookies = RequestsCookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
    adapter = (_PublicAdapter if public_only else HTTPAdapter)(pool_connections=8, pool_maxsize=POOL_SIZE)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


@dataclass(slots=True)
class Outgoing:
    """One vendor's way out. Constructing connects nowhere; it may be shared by threads and survives a fork.

    `timeout_s` is for the whole exchange once the name is resolved: the system's resolver cannot be interrupted.
    """

    vendor: str
    session_factory: Callable[..., requests.Session] = new_session
    _sessions: dict[tuple[int, bool], requests.Session] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def call(
        self,
        action: str,
        method: str,
        url: str,
        *,
        timeout_s: float,
        headers: Mapping[str, str],
        limit_bytes: int = ANSWER_LIMIT_BYTES,
        **content: Any,
    ) -> Answer:
        """One request and its whole answer, whatever the status. `content` is json, data, files, params.

        Raises TemporaryFailure when no whole answer came (`maybe_done` unless the connection was never made) and
        AccessDenied when the request cannot even be written, as with a base URL or token that is no such thing.
        """
        try:
            return self._exchange(action, method, url, timeout_s=timeout_s, headers=headers, limit=limit_bytes, **content)
        except _TooLarge:
            raise TemporaryFailure(self.vendor, action, detail="the answer is too large", maybe_done=True) from None

    def fetch(
        self,
        action: str,
        url: str,
        *,
        allowed: AllowedHosts,
        timeout_s: float,
        headers: Mapping[str, str],
        max_bytes: int,
    ) -> Answer:
        """A file from an allowed host. Raises Rejected when the address is refused or the file is larger than allowed.

        `headers` may hold a token: they go to allowed hosts only, and no redirect is followed.
        """
        try:
            admitted, may_be_private = allowed.admit(url)
        except (ValueError, HTTPError) as error:
            detail = str(error) if type(error) is ValueError else "the address cannot be read"
            raise Rejected(self.vendor, action, detail=detail) from None
        try:
            return self._exchange(
                action,
                "GET",
                admitted,
                timeout_s=timeout_s,
                headers=headers,
                limit=max_bytes,
                public_only=not may_be_private,
            )
        except _TooLarge:
            raise Rejected(self.vendor, action, detail=f"the file is larger than {max_bytes} bytes") from None
        except _DestinationRefused:
            raise Rejected(self.vendor, action, detail="the host has no public address") from None

    def _exchange(
        self,
        action: str,
        method: str,
        url: str,
        *,
        timeout_s: float,
        headers: Mapping[str, str],
        limit: int,
        public_only: bool = False,
        **content: Any,
    ) -> Answer:
        deadline = time.monotonic() + timeout_s
        connect_s = min(3.0, timeout_s / 2)
        try:
            with self._session(public_only).request(
                method,
                url,
                headers={"Accept-Encoding": "identity", **headers},
                timeout=(connect_s, timeout_s - connect_s),
                allow_redirects=False,
                stream=True,
                **content,
            ) as response:
                body = _read(response, limit, deadline)
                return Answer(response.status_code, response.headers, body)
        except requests.RequestException as error:
            # The vendor's library puts URLs and headers into its errors; only the kind of failure goes on.
            kind = type(error).__name__
            unreadable_answer = error.args and isinstance(error.args[0], InvalidHeader)
            if isinstance(error, ValueError) and not unreadable_answer:
                raise AccessDenied(self.vendor, action, detail=f"the request cannot be written: {kind}") from None
            raise TemporaryFailure(self.vendor, action, detail=kind, maybe_done=_was_connected(error)) from None
        except (HTTPError, OSError) as error:
            raise TemporaryFailure(self.vendor, action, detail=type(error).__name__, maybe_done=True) from None

    def _session(self, public_only: bool) -> requests.Session:
        # Keyed by process: connections must not be shared across a fork.
        key = (os.getpid(), public_only)
        with self._lock:
            if key not in self._sessions:
                self._sessions[key] = self.session_factory(public_only=public_only)
            return self._sessions[key]


def _read(response: requests.Response, limit: int, deadline: float) -> bytes:
    """The whole body as sent. Stops at the limit, not after it, and at the deadline however slowly the bytes drip."""
    declared = response.headers.get("Content-Length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise _TooLarge
    body = bytearray()
    while chunk := _next_chunk(response, deadline):
        body += chunk
        if len(body) > limit:
            raise _TooLarge
    return bytes(body)


def _next_chunk(response: requests.Response, deadline: float) -> bytes:
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    connection = response.raw.connection
    if connection is not None and connection.sock is not None:
        # The time limit of the session is for each wait; this one is for all of them.
        connection.sock.settimeout(left_s)
    chunk: bytes = response.raw.read1(_CHUNK_BYTES, decode_content=False)
    return chunk


def _was_connected(error: requests.RequestException) -> bool:
    """Whether the request may have reached the vendor; in doubt yes."""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.SSLError):
        return False
    cause = error.args[0] if error.args else None
    return not isinstance(getattr(cause, "reason", None), NewConnectionError)


def _origin(url: Url) -> tuple[str | None, str | None, int | None]:
    return url.scheme, url.host, url.port or {"https": 443, "http": 80}.get(url.scheme or "")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        # Ways to write an IPv4 address as IPv6: what counts is the address inside.
        inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else ip.ipv4_mapped
        if inner:
            return _is_public(str(inner))
        if ip not in _UNICAST:
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and not any(ip in network for network in _NEVER_PUBLIC)


class _PublicConnection(HTTPSConnection):
    """Resolves the name once, refuses private answers, and connects to the very address that was checked."""

    def _new_conn(self) -> socket.socket:
        name = self._dns_host
        try:
            found = socket.getaddrinfo(name, self.port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise NewConnectionError(self, "the name cannot be resolved") from error
        addresses = [str(entry[4][0]) for entry in found]
        if not addresses or not all(_is_public(address) for address in addresses):
            raise _DestinationRefused
        self._dns_host = addresses[0]
        try:
            return super()._new_conn()
        finally:
            # TLS must still be checked against the name.
            self._dns_host = name


class _PublicPool(HTTPSConnectionPool):
    ConnectionCls = _PublicConnection


class _PublicAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        # https only: there is no class for plain http, so it fails instead of going unchecked.
        self.poolmanager.pool_classes_by_scheme = {"https": _PublicPool}
