"""Patience by address: who keeps failing to prove who they are is refused for a while. What a vendor signed never is.

Two counts for each address. Webhooks: the signature is checked first, so a signed one passes whatever its sender's count, and
costs nothing here; only what was refused is counted, and over the limit answered with 429. Everything that takes the
operator's token: looked at before the token is, so that guessing ends; counted when the token was wrong.

The counts live in the process. A store in between would cost every refused request a round trip, and would have to answer
before anybody can be refused. So with n web processes an address has up to n times the limit, and a restart forgets.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, cast

from flask import Flask, Response, current_app, request
from flask_limiter import Limiter, RequestLimit
from limits import RateLimitItem, parse_many
from limits.storage import Storage
from werkzeug.middleware.proxy_fix import ProxyFix

from src.bootstrap import Services
from src.errors import TooManyRequests
from src.settings import Network
from src.webhooks import security
from src.webhooks.security import ANYONE, VENDOR

MOST_COUNTS = 50_000
"""Two for each address and kind of door: about 13 MB when somebody comes from everywhere."""
_IPV6_SITE_BITS = 64
_UNPROVEN = (401, 403)
_UNPROVEN_WEBHOOK = (401, 403, 413)
_TOO_MANY = "Too many requests from this address that were refused."


def install(app: Flask, services: Services) -> None:
    """Limits on every door of this application, and the caller's address from proxies that are trusted."""
    settings = services.settings
    if settings.trusted_proxies:
        app.wsgi_app = _Believing(app.wsgi_app, settings.trusted_proxies)  # type: ignore[method-assign]
    written = f"{settings.limit_ip_per_minute} per minute; {settings.limit_ip_per_day} per day"

    def proves_nothing(answer: Response) -> bool:
        # The public status shows a wrong token only by saying little.
        guessed = _guarded_for() == ANYONE and _shows_a_token() and not security.is_operator(request, services.admin_token())
        return answer.status_code in _UNPROVEN or (guessed and answer.status_code == 200)

    limiter = Limiter(
        key_func=_caller,
        application_limits=[written],
        application_limits_deduct_when=proves_nothing,
        on_breach=_refuse,
        storage_uri="counts://",
        strategy="fixed-window",
    )
    limiter.init_app(cast(Flask, _OnlyWhere(app, _takes_a_token)))
    _limit_webhooks(app, limiter, parse_many(written))


def _limit_webhooks(app: Flask, limiter: Limiter, limits: Iterable[RateLimitItem]) -> None:
    """After the fact: only a refused webhook is counted, and the answer over the limit is another refusal."""

    @app.after_request
    def count(answer: Response) -> Response:
        if answer.status_code not in _UNPROVEN_WEBHOOK or _guarded_for() != VENDOR:
            return answer
        broken = [limit for limit in limits if not limiter.limiter.hit(limit, _caller(), VENDOR)]
        if not broken:
            return answer
        until_s = max(limiter.limiter.get_window_stats(limit, _caller(), VENDOR).reset_time for limit in broken)
        return app.make_response(app.handle_user_exception(_too_many(until_s)))


def _refuse(limit: RequestLimit) -> Any:
    """In the shape of all errors instead of the library's own."""
    raise _too_many(limit.window.reset_time)


def _too_many(until_s: float) -> TooManyRequests:
    return TooManyRequests(_TOO_MANY, retry_after_s=max(1, round(until_s - time.monotonic())))


def _takes_a_token() -> bool:
    """Whether something can be guessed here: not at a vendor's door, nor at one for anyone that was shown nothing."""
    who = _guarded_for()
    return who != VENDOR and (who != ANYONE or request.method == "POST" or _shows_a_token())


def _shows_a_token() -> bool:
    """A password is none: a proxy in front may ask for one, and it comes with every request."""
    return request.headers.get("Authorization", "")[:7].casefold() == "bearer "


def _guarded_for() -> str:
    view = current_app.view_functions.get(request.endpoint or "")
    return getattr(view, "guarded_for", ANYONE)


def _caller() -> str:
    """The address that counts: of IPv6 the network, because a household has 2^64 addresses of its own."""
    try:
        address = ipaddress.ip_address((request.remote_addr or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return str(ipaddress.ip_network((address, _IPV6_SITE_BITS), strict=False))
        return str(address.ipv4_mapped)
    return str(address)


class _Believing:
    """WSGI: takes the caller's address and scheme from X-Forwarded-For and -Proto, when a trusted proxy hands the request in.

    Nobody is trusted by default, this machine neither: without keys, who comes from it may speak unsigned.
    """

    def __init__(self, app: Any, proxies: tuple[Network, ...]) -> None:
        self._app = app
        self._behind_proxy = ProxyFix(app, x_for=1, x_proto=1, x_host=0, x_port=0, x_prefix=0)
        self._proxies = proxies

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        return (self._behind_proxy if self._trusts(environ.get("REMOTE_ADDR", "")) else self._app)(environ, start_response)

    def _trusts(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._proxies)


class _OnlyWhere:
    """An application of which an extension sees some requests only: elsewhere its hooks cost nothing."""

    def __init__(self, app: Flask, applies: Callable[[], bool]) -> None:
        self._app = app
        self._applies = applies

    def __getattr__(self, name: str) -> Any:
        return getattr(self._app, name)

    def before_request(self, hook: Callable[[], Any]) -> None:
        self._app.before_request(lambda: hook() if self._applies() else None)

    def after_request(self, hook: Callable[[Response], Response]) -> None:
        self._app.after_request(lambda answer: hook(answer) if self._applies() else answer)

    def teardown_request(self, hook: Callable[[BaseException | None], None]) -> None:
        self._app.teardown_request(lambda error: hook(error) if self._applies() else None)


class Counts(Storage):
    """flask-limiter's store of counts: in this process, of bounded size, without a thread of its own.

    The library's own grows with every address seen in a day and starts a timer thread when it is made. Times are monotonic
    seconds. When it is full the counts longest untouched are forgotten.
    """

    STORAGE_SCHEME = ["counts"]  # noqa: RUF012 - read by the library when the class is made
    base_exceptions = ()

    def __init__(self, uri: str | None = None, *, clock: Callable[[], float] = time.monotonic, **_: Any) -> None:
        super().__init__(uri)
        self._clock = clock
        self._counts: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._lock = threading.Lock()

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Counts, and says how much there is now; the first one opens a window of `expiry` seconds."""
        with self._lock:
            counted, until_s = self._current(key) or (0, self._clock() + expiry)
            self._counts[key] = (counted + amount, until_s)
            self._counts.move_to_end(key)
            while len(self._counts) > MOST_COUNTS:
                self._counts.popitem(last=False)
        return counted + amount

    def get(self, key: str) -> int:
        """How much was counted in the window that is open."""
        with self._lock:
            return (self._current(key) or (0, 0.0))[0]

    def get_expiry(self, key: str) -> float:
        """When the window closes."""
        with self._lock:
            return (self._current(key) or (0, self._clock()))[1]

    def check(self) -> bool:
        """It always works."""
        return True

    def reset(self) -> int | None:
        """Forgets everything."""
        with self._lock:
            forgotten = len(self._counts)
            self._counts.clear()
        return forgotten

    def clear(self, key: str) -> None:
        """Forgets one count."""
        with self._lock:
            self._counts.pop(key, None)

    def _current(self, key: str) -> tuple[int, float] | None:
        found = self._counts.get(key)
        if found is not None and found[1] <= self._clock():
            del self._counts[key]
            return None
        return found
