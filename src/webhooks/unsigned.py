"""Who may speak without a signature: a newcomer at this very machine, while no channel is configured that could be real.

No one sign tells a client here from a proxy, a tunnel or a page in somebody's browser, so all of them must be right, and what
is not known is not right: a header that clients do not send of themselves was put there by somebody in between.
"""

from __future__ import annotations

import ipaddress
import re

from flask import Request

_FROM_CLIENTS = re.compile(
    "accept(-charset|-encoding|-language)?|authorization|cache-control|connection|content-(encoding|length|type)|cookie|date|dnt"
    "|expect|from|host|idempotency-key|if-(match|modified-since|none-match|range|unmodified-since)|keep-alive|origin|postman-token"
    "|pragma|priority|range|referer|sec-[a-z-]+|te|trailer|transfer-encoding|upgrade-insecure-requests|user-agent"
    "|x-hub-signature(-256)?|x-requested-with",
    re.IGNORECASE,
)
"""What clients and browsers say of themselves."""
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[0-9a-z.-]+)(:[0-9]{1,5})?", re.IGNORECASE)
_PAGE = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)
_SAME_SITE = ("", "none", "same-origin")


def is_from_here(request: Request) -> bool:
    """Whether the caller sits on this machine, nobody stands between, and it is no page of somebody else's in a browser."""
    host = request.headers.get("Host", "")
    named = _HOST.fullmatch(host)
    pages = [_PAGE.match(request.headers[name]) for name in ("Origin", "Referer") if name in request.headers]
    return (
        _is_loopback(request.remote_addr or "")
        # A page whose name leads here (DNS rebinding), and most proxies, keep their own name.
        and named is not None
        and _is_loopback(named[1].strip("[]"))
        and all(_FROM_CLIENTS.fullmatch(name) for name, _ in request.headers)
        # What proxies speak to those behind them unless they are told otherwise, and clients no more.
        and request.environ.get("SERVER_PROTOCOL") != "HTTP/1.0"
        and request.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin")
        and all(page is not None and page[1].casefold() == host.casefold() for page in pages)
    )


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.casefold() == "localhost"
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
