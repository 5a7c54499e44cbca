"""What all pages share: headers, the reader's language, notices, compression, and errors that are pages too."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from flask import Blueprint, Response, g, jsonify, make_response, redirect, render_template, request
from flask import url_for as address_of
from werkzeug.exceptions import HTTPException, NotFound

from src.dashboard import wording
from src.dashboard.wording import Words
from src.errors import (
    ConfigurationError,
    DamagedState,
    LedgerUnavailable,
    RejectedRequest,
    SalesAgentError,
    TooManyRequests,
    UnreadableState,
)

_HEADERS = {  # beside those that every door gives
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
}
NOTICES = {
    "reset": "La conversación empieza de cero con el próximo mensaje.",
    "erased": "Se ha borrado todo lo de esa persona.",
    "taken_over": "La conversación es tuya: el asistente calla aquí hasta que se la devuelvas.",
    "handed_back": "El asistente vuelve a llevar la conversación.",
    "said": "Tu mensaje está en camino.",
    "corrected": "Datos corregidos; el asistente sigue con los nuevos.",
    "unchanged": "No has cambiado nada.",
    "paused": "El asistente calla en todas las conversaciones.",
    "resumed": "El asistente vuelve a contestar.",
    "replayed": "Se está intentando otra vez.",
    "replayed_all": "Se están intentando otra vez, de más antiguo a más reciente.",
    "gone": "Ya no estaba: alguien lo intentó antes, o se borró a la persona.",
}
"""What to say after a form was sent."""
NOT_FOUND = "Esa página no existe, o nadie escribe desde ese número."
_LANGUAGE, _NOTICE, _WANTED = "iv-language", "iv-notice", "iv-wanted"
"""Cookies: what somebody reads, what to tell them once, which page they wanted before they logged in. None says who it is."""
LANGUAGE_S, NOTICE_S, WANTED_S = 365 * 86_400, 60, 600
_LEAST_COMPRESSED = 1_000


def words() -> Words:
    """The words in the language of who asks."""
    return wording.words(request.cookies.get(_LANGUAGE, "es"), g.get("timezone", "UTC"))


def t(text: str, **values: Any) -> str:
    """That text in the language of who asks."""
    return words().t(text, **values)


def done(what: str, address: str) -> Response:
    """On to that page, which says once what was done: not again when it is loaded anew."""
    answer = make_response(redirect(address, 303))
    _remember(answer, _NOTICE, what, NOTICE_S)
    return answer


def speak(language: str, answer: Response) -> None:
    """From now on pages are in that language for who asks."""
    if language in wording.LANGUAGES:
        _remember(answer, _LANGUAGE, language, LANGUAGE_S)


def wanted(answer: Response) -> str:
    """The page that was asked for before the login, told once; the first page when none was."""
    path = request.cookies.get(_WANTED, "")
    if path:
        answer.delete_cookie(_WANTED, path="/", httponly=True, samesite="Lax")
    return path if is_ours(path) else address_of("dashboard.landing")


def is_ours(path: str) -> bool:
    """Whether that is a page here, and not another site's in disguise."""
    return path.startswith("/dashboard/") and path.isprintable() and not {"\\", " "} & set(path)


def dress(
    blueprint: Blueprint,
    *,
    paused: Callable[[], bool],
    timezone: Callable[[], str],
    context: Callable[[], Mapping[str, Any]],
) -> None:
    """Gives every page of the blueprint its headers, words and error pages. `context` is what the frame of every page shows to
    somebody who is logged in. Times are shown in `timezone`."""

    def is_silenced() -> bool:
        try:
            return g.get("csrf") is not None and paused()
        except SalesAgentError:  # a page that says that the store is gone must not fail for want of it
            return False

    def around() -> Mapping[str, Any]:
        try:
            return context() if g.get("csrf") is not None else {}
        except SalesAgentError:
            return {}

    @blueprint.before_app_request
    def clock() -> None:
        g.timezone = timezone()

    @blueprint.after_request
    def headers(answer: Response) -> Response:
        answer.headers.update(_HEADERS)
        answer.vary.add("Cookie")
        if g.get("notice_told"):
            answer.delete_cookie(_NOTICE, path="/", httponly=True, samesite="Lax")
        return _compressed(answer)

    @blueprint.app_context_processor
    def context_of_pages() -> dict[str, Any]:
        said = words()
        return {
            "csrf": g.get("csrf"),
            "is_silenced": is_silenced,
            "around": around,
            "notice": _notice,
            "w": said,
            "t": said.t,
            "languages": wording.LANGUAGES,
            "statuses": wording.STATUSES,
            "lanes": wording.LANES,
            "roles": wording.ROLES,
            "kinds": wording.KINDS,
            "sources": wording.SOURCES,
            "stages": wording.STAGES,
        }

    _tell_faults(blueprint)


def _tell_faults(blueprint: Blueprint) -> None:
    """What goes wrong is a page for people, and JSON for our scripts."""
    log = structlog.stdlib.get_logger()

    @blueprint.errorhandler(HTTPException)
    def http(fault: HTTPException) -> Any:
        status = fault.code or 500
        return _problem(status, fault.name, t(wording.HEADINGS.get(status, wording.OTHERWISE)), fault.description or "")

    @blueprint.app_errorhandler(404)
    def nowhere(fault: NotFound) -> Any:
        """An address that nobody serves: a page for people, JSON for programs."""
        if request.blueprint == blueprint.name:
            return http(fault)
        if request.accept_mimetypes.best != "text/html" or request.path.startswith(("/webhook", "/api")):
            return _json_error(404, "not_found", fault.description or "Not found.")
        answer = make_response(_problem(404, "Not Found", t("Aquí no hay nada"), t(NOT_FOUND)))
        answer.headers.update(_HEADERS)
        return answer

    @blueprint.errorhandler(RejectedRequest)
    def rejected(fault: RejectedRequest) -> Any:
        log.warning("request.rejected", door=_door(), code=fault.code, status=fault.status, detail=str(fault))
        said = words().refusal(fault.code, str(fault))
        return _problem(fault.status, "that cannot be done now", t("Ahora no se puede"), said)

    @blueprint.errorhandler(TooManyRequests)
    def too_many(fault: TooManyRequests) -> Any:
        page, status = rejected(fault)
        return page, status, {"Retry-After": str(fault.retry_after_s)}

    @blueprint.errorhandler(UnreadableState)
    def unreadable(fault: UnreadableState) -> Any:
        log.error("state.unreadable", door=_door(), detail=str(fault))
        advice = t(wording.ADVICE["damaged" if isinstance(fault, DamagedState) else "newer"])
        return _problem(
            409,
            "that cannot be done here",
            t("Aquí no se puede"),
            advice,
        )

    @blueprint.errorhandler(LedgerUnavailable)
    def unavailable(fault: LedgerUnavailable) -> Any:
        log.error("ledger.unavailable", door=_door(), detail=str(fault))
        detail = t("No se ha perdido nada. Prueba otra vez dentro de un momento.")
        return _problem(503, "the message store cannot be reached", t("No se llega a los datos"), detail)

    @blueprint.errorhandler(ConfigurationError)
    def misconfigured(fault: ConfigurationError) -> Any:
        log.error("configuration.faulty", door=_door(), detail=str(fault))
        detail = t("En las comprobaciones y en el registro está qué hay que cambiar.")
        return _problem(503, "this service is not configured rightly", t("Algo está mal configurado"), detail)

    @blueprint.errorhandler(Exception)
    def bug(fault: Exception) -> Any:
        log.error("request.failed", door=_door(), exc_info=fault)
        return _problem(500, "something went wrong here", t("Algo ha fallado aquí"), t("Ha quedado anotado."))


def refused() -> Any:
    """The answer to who is not logged in: the login, which leads back to the page they wanted.

    A link from another site, such as Chatwoot, comes without our cookies, which are for our own pages only: who follows one is
    sent once more from a page of ours, and is then known.
    """
    if wants_json():
        return _json_error(401, "unauthorized", t("Tu sesión ha terminado: entra otra vez."))
    if request.method == "GET" and request.headers.get("Sec-Fetch-Site") == "cross-site":
        return render_template("onward.html", onward=request.full_path.rstrip("?"))
    answer = make_response(redirect(address_of("dashboard.login"), 303))
    path = request.full_path.rstrip("?")
    if request.method == "GET" and is_ours(path):
        _remember(answer, _WANTED, path, WANTED_S)
    return answer


def wants_json() -> bool:
    """Our own script says so; a browser that goes to a page does not."""
    return request.accept_mimetypes.best == "application/json"


def _notice() -> str:
    """What was done a moment ago, once."""
    what = request.cookies.get(_NOTICE, "")
    g.notice_told = bool(what)
    return t(NOTICES[what]) if what in NOTICES else ""


def _remember(answer: Response, name: str, value: str, for_s: int) -> None:
    answer.set_cookie(name, value, max_age=for_s, path="/", httponly=True, samesite="Lax", secure=request.is_secure)


def _compressed(answer: Response) -> Response:
    """Gzip for who takes it. Nobody can measure a secret by it: other sites cannot make a browser send our cookie."""
    if (
        not request.accept_encodings.quality("gzip")
        or answer.status_code != 200
        or answer.direct_passthrough
        or "Content-Encoding" in answer.headers
    ):
        return answer
    body = answer.get_data()
    if len(body) >= _LEAST_COMPRESSED:
        answer.set_data(gzip.compress(body, compresslevel=5, mtime=0))
        answer.headers["Content-Encoding"] = "gzip"
        answer.vary.add("Accept-Encoding")
    return answer


def _problem(status: int, code: str, heading: str, detail: str) -> tuple[Any, int]:
    if wants_json():
        return _json_error(status, code.casefold().replace(" ", "_"), detail)
    person = (request.view_args or {}).get("reference") if status == 409 else None
    return render_template("problem.html", heading=heading, detail=detail, person=person), status


def _json_error(status: int, code: str, message: str) -> tuple[Any, int]:
    return jsonify({"error": {"code": code, "message": message}}), status


def _door() -> str:
    """The rule of the page, never the path: a path may hold a phone number."""
    return str(request.url_rule)
