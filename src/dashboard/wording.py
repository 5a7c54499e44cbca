"""How things look to the people of the brokerage: their words, their numbers and dates, in the language each of them reads.

Texts stand in Spanish where they are used, as `t("…")`; `english.toml` has each of them in English. `{name}` in a text is
filled in, and of "one|many" the part is taken that fits the number `n`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_skeleton, format_time
from babel.numbers import format_currency, format_decimal, format_percent

from src.agent.profile import AMOUNTS, FIELDS, IN_YEARS
from src.agent.texts import phrasebook
from src.desk import words as code_words

LANGUAGES = {"es": "Español", "en": "English"}
"""What can be read, and what each calls itself."""
STAGES: Mapping[str, str] = {stage: said.title for stage, said in code_words.STAGES.items()}
SHORT_STAGES: Mapping[str, str] = {stage: said.short for stage, said in code_words.STAGES.items()}
OUTCOMES: Mapping[str, str] = {outcome: said.of_the_sale for outcome, said in code_words.OUTCOMES.items()}
REASONS = code_words.REASONS
ROLES = code_words.SPEAKERS
OWNERS = {"bot": "asistente", "human": "equipo"}
LANES = {"turns": "mensajes por contestar", "delivery": "mensajes por enviar", "mirror": "avisos a Chatwoot"}
STATUSES = {
    "queued": "en cola",
    "sending": "saliendo",
    "sent": "enviado",
    "delivered": "entregado",
    "read": "leído",
    "failed": "no enviado",
}
TIERS = {"esencial": "Esencial", "equilibrada": "Equilibrada", "completa": "Completa", "own": "A medida"}
PRODUCTS = {
    "renewable_term": "Temporal anual renovable",
    "level_term": "Temporal a prima constante",
    "mortgage_term": "Vida hipoteca",
    "whole_life": "Vida entera",
}
COVERAGES = {
    "death": "fallecimiento",
    "permanent_disability": "incapacidad permanente absoluta",
    "accidental_death": "doble capital por accidente",
    "critical_illness": "enfermedades graves",
    "premium_waiver": "exoneración de primas",
}
KINDS = {
    "image": "foto",
    "audio": "nota de voz",
    "video": "vídeo",
    "document": "documento",
    "sticker": "pegatina",
    "location": "ubicación",
    "contacts": "contacto",
    "reaction": "reacción",
    "order": "pedido",
    "edit": "mensaje corregido",
    "revoke": "mensaje retirado",
    "system": "cambio de número",
    "template": "plantilla",
    "flow": "formulario",
    "unsupported": "algo que WhatsApp no deja ver",
    "unknown": "algo que no se puede leer",
    "welcome": "abre el chat",
}
_SPANISH = phrasebook("es", "tu")
TITLES = {
    **{key: _SPANISH.say(field.label) for key, field in FIELDS.items()},
    "mortgage": "Hipoteca",
    "debts": "Deudas",
    "income": "Ingresos de la familia",
    "education": "Estudios de los hijos",
    "quote": "Usar sus datos para el presupuesto",
    "follow_up": "Que le escribamos más adelante",
    "sport": "Deporte",
    "children_ages": "Edad de los hijos",
    "packs": "Cajetillas al día",
    "since_year": "Desde el año",
    "referral": "Viene de un anuncio",
    "source": "Tipo",
    "headline": "Titular",
    "ad": "Anuncio",
    "click": "Clic",
}
"""What the names of facts are in words; one that is not here is shown as it stands."""
VALUES = {
    "single": "soltera o soltero",
    "married": "casada o casado",
    "partner": "en pareja",
    "divorced": "divorciada o divorciado",
    "widowed": "viuda o viudo",
}
SOURCES = {"prospect": "lo dijo en el chat", "human": "lo corrigió el equipo", "system": "se deduce"}
AWAITED = {
    "consent": "que dé permiso para usar sus datos",
    "choice": "que elija una opción",
    "accept": "que confirme la opción elegida",
}
QUEUES = {
    "needs": "Te necesitan",
    "waiting": "Esperan al cliente",
    "bot": "Del bot",
    "closed": "Cerradas",
    "all": "Todas",
}
MORE_REASONS = {"paused": "escribió durante la pausa"}
UNANSWERED = {
    "human": "No contesta el asistente: la conversación la lleváis vosotros.",
    "paused": "No se ha contestado: el asistente estaba en pausa. Contestará al reanudarlo.",
    "opted_out": "No se contesta: pidió no recibir más mensajes.",
    "limit": "No se contesta: ha llegado al tope de mensajes de hoy.",
    "waiting": "El asistente está con ello.",
}
"""By `unanswered` of a conversation."""
CONFLICTS = {
    "window_closed": "Han pasado más de 24 horas desde su último mensaje: WhatsApp solo admite ahora una plantilla.",
    "no_channel": "El canal por el que escribió ya no está conectado.",
    "busy": "La conversación estaba cambiando a la vez. Prueba otra vez.",
    "unknown_contact": "Esa persona no está: nadie escribe desde ese número, o se ha borrado.",
    "too_many_requests": "Demasiadas peticiones seguidas desde aquí. Espera un poco.",
}
"""What stands in the way of something, by the code of its refusal."""
HEADINGS = {
    400: "Eso no ha llegado bien",
    403: "Este formulario no vale",
    404: "Aquí no hay nada",
    409: "Ahora no se puede",
}
OTHERWISE = "Eso no se puede hacer"
ADVICE = {
    "newer": "Lo guardó una versión más nueva del programa; no se toca.",
    "damaged": "Lo guardado de esta conversación está dañado. Lo que se dijo queda: empieza de cero y el asistente vuelve.",
}
_FAULTS = (
    (r"a whole number", "un número entero"),
    (r"a number from (?P<least>\d+) to (?P<most>\d+)", "un número del {least} al {most}"),
    (r"at most (?P<most>\d+) characters", "como mucho {most} caracteres"),
    (r"from 1 to (?P<most>\d+) characters", "entre 1 y {most} caracteres"),
    (r"true or false", "sí o no"),
    (r"a date in the past as YYYY-MM-DD", "una fecha pasada, escrita 1985-07-31"),
    (r"one of (?:\w+, )+\w+", "una de las opciones"),
    (r"an address such as .*", "un correo como nombre@ejemplo.com"),
    (r"a text that is not empty", "no puede quedar vacío"),
    (r"it follows from birth_date; give one of the two", "sale de la fecha de nacimiento: escribe solo una de las dos"),
    (r"identity, account and card numbers .*", "aquí no se guardan DNI, cuentas, tarjetas ni nada de salud"),
    (r"lower-case letters, digits and underscores, as at WhatsApp", "minúsculas, cifras y guiones bajos, como en WhatsApp"),
    (r"a code such as es or es_ES", "un código como es o es_ES"),
)
"""How the desk says what is wrong with a value, in English, and how we do."""
TABLES: tuple[Mapping[Any, str], ...] = (
    STAGES, SHORT_STAGES, OUTCOMES, REASONS, ROLES, OWNERS, LANES, STATUSES, TIERS, PRODUCTS, COVERAGES, KINDS, TITLES, VALUES,
    SOURCES, AWAITED, MORE_REASONS, UNANSWERED, QUEUES, CONFLICTS, HEADINGS, ADVICE, dict(_FAULTS), {"": OTHERWISE},
)  # fmt: skip
"""Every table whose values are texts for `t`."""

_MONEY = frozenset((*AMOUNTS, "capital"))
_YEARS = frozenset((*IN_YEARS, "years"))
_STYLES = {"*": "strong", "_": "em", "~": "s"}
# Every alternative stops at its own marker and at the end of the line, so a hostile text costs no more than its length.
_STYLED = re.compile(
    r"(?<!\w)(?:"
    r"\*([^\s*](?:[^*\n]*[^\s*])?)\*|"
    r"_([^\s_](?:[^_\n]*[^\s_])?)_|"
    r"~([^\s~](?:[^~\n]*[^\s~])?)~"
    r")(?!\w)"
)


class Words:
    """All of it in one language, with times on the clock of `timezone`."""

    def __init__(self, language: str, timezone: str) -> None:
        self.language = language if language in LANGUAGES else "es"
        self._zone = _zone(timezone)
        self._translated = english() if self.language == "en" else {}

    def t(self, text: str, **values: Any) -> str:
        """The text in this language, filled in; as it stands where nobody translated it."""
        said = self._translated.get(text, text)
        if "n" in values:
            one, _, many = said.partition("|")
            said = one if values["n"] == 1 or not many else many
        if not values:
            return said
        return said.format_map({name: self._filled(value) for name, value in values.items()})

    def _filled(self, value: Any) -> Any:
        return self.number(value) if isinstance(value, int | float) and not isinstance(value, bool) else value

    # -- names -----------------------------------------------------------------------------------------------------

    def name_of(self, code: Any, table: Mapping[str, str]) -> str:
        """What a code is called; itself where it has no name."""
        return self.t(table[code]) if code in table else str(code)

    def stage(self, code: str) -> str:
        return self.name_of(code, STAGES)

    def short_stage(self, code: str) -> str:
        """The stage in two words, for a drawing."""
        return self.name_of(code, SHORT_STAGES)

    def percent(self, share: float) -> str:
        return format_percent(share, locale=self.language)

    def outcome(self, code: str) -> str:
        return self.name_of(code, OUTCOMES)

    def title(self, key: Any) -> str:
        """A fact's name; one that nobody named is its own words: `family_size` becomes "Family size"."""
        if key in TITLES:
            return self.t(TITLES[key])
        words = str(key).replace("_", " ").replace(":", ": ")
        return words[:1].upper() + words[1:]

    def awaited(self, awaiting: str) -> str:
        """What the sale waits for."""
        if awaiting in AWAITED:
            return self.t(AWAITED[awaiting])
        key = awaiting.removeprefix("confirm:")
        said = self.t("que confirme: {fact}") if key != awaiting else self.t("que diga: {fact}")
        return said.replace("{fact}", self.title(key).lower() if key in TITLES else self.title(key))

    def fault(self, said: str) -> str:
        """What is wrong with a value, as the desk says it, in this language."""
        for pattern, ours in _FAULTS:
            if match := re.fullmatch(pattern, said):
                return self.t(ours, **match.groupdict())
        return said

    def refusal(self, code: str, otherwise: str) -> str:
        """Why something cannot be done now."""
        return self.t(CONFLICTS[code]) if code in CONFLICTS else otherwise

    def reason(self, code: str) -> str:
        """Why a person is asked for."""
        return self.name_of(code, {**REASONS, **MORE_REASONS})

    def unanswered(self, code: str) -> str:
        """Why the last message has no answer."""
        return self.name_of(code, UNANSWERED)

    def coverages(self, codes: Any) -> str:
        return ", ".join(self.name_of(code, COVERAGES) for code in codes)

    def product(self, code: str) -> str:
        return self.name_of(code, PRODUCTS)

    def tier(self, code: str | None) -> str:
        return self.name_of(code or "own", TIERS)

    def choice(self, written: str) -> str:
        """What may be chosen for a fact."""
        return self.t({"yes": "sí", "no": "no", **VALUES}.get(written, written))

    def unit(self, key: str) -> str:
        """What a value of the profile is counted in when its name does not say so; else ""."""
        return "€" if key in _MONEY else ""

    # -- values ----------------------------------------------------------------------------------------------------

    def number(self, value: float) -> str:
        return format_decimal(value, locale=self.language, group_separator=True)

    def money(self, value: Any) -> str:
        """An amount in EUR, with cents only when there are some."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return str(value)
        whole = float(value).is_integer()
        pattern = "#,##0 ¤" if whole else "#,##0.00 ¤"
        return format_currency(value, "EUR", pattern, locale=self.language, currency_digits=False)

    def cents(self, value: Any) -> str:
        """A price in EUR, always with its cents."""
        return (
            format_currency(value, "EUR", "#,##0.00 ¤", locale=self.language) if isinstance(value, int | float) else str(value)
        )

    def shown(self, value: Any, key: str = "") -> str:
        """A value of the profile, of the details or of the need, in words."""
        if value is None:
            return "–"
        if isinstance(value, bool):
            return self.t("sí") if value else self.t("no")
        if isinstance(value, dict):
            parts = (f"{self.title(name).lower()} {self.shown(inner, name)}" for name, inner in value.items())
            return ", ".join(parts) or "–"
        if isinstance(value, list | tuple):
            return ", ".join(self.shown(inner, key) for inner in value) or "–"
        if key in _MONEY:
            return self.money(value)
        if key in _YEARS and isinstance(value, int):
            return self.t("{n} año|{n} años", n=value)
        if key == "birth_date":
            return self._written_date(str(value))
        return self.t(VALUES[value]) if key == "marital_status" and value in VALUES else str(value)

    def _written_date(self, written: str) -> str:
        try:
            return format_date(date.fromisoformat(written), "medium", locale=self.language)
        except ValueError:
            return written

    def runs(self, text: str) -> list[tuple[str, str]]:
        """See `runs`, for templates."""
        return runs(text)

    # -- times -----------------------------------------------------------------------------------------------------

    def local(self, value: datetime | str) -> datetime:
        """A moment of the store, which keeps UTC, on the house's clock. Raises ValueError for a text that is no moment."""
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(self._zone)

    def clock(self, value: datetime | str) -> str:
        return format_time(self.local(value).time(), "HH:mm", locale=self.language)

    def day(self, value: datetime | str) -> str:
        """lunes, 30 de noviembre"""
        return format_date(
            self.local(value), {"es": "EEEE, d 'de' MMMM"}.get(self.language, "EEEE, d MMMM"), locale=self.language
        )

    def date(self, value: datetime | date | str) -> str:
        """30 nov 2026"""
        if isinstance(value, str) and len(value) == 10:
            value = date.fromisoformat(value)
        return format_date(self.local(value) if isinstance(value, datetime | str) else value, "medium", locale=self.language)

    def until(self, written: str) -> str:
        """A day that the sale wrote down; as it stands where it is none."""
        return self._written_date(written)

    def moment(self, value: datetime | str) -> str:
        """30 nov, 14:05"""
        here = self.local(value)
        return f"{format_skeleton('MMMd', here, locale=self.language)}, {self.clock(here)}"

    def lately(self, value: datetime | str, now: datetime) -> str:
        """How people say when something was: the time today, "ayer", the day of this week, else the date."""
        here, today = self.local(value), self.local(now)
        days = (today.date() - here.date()).days
        if days <= 0:
            return self.clock(here)
        if days == 1:
            return self.t("ayer")
        return format_skeleton("EEE" if days < 7 else "MMMd", here, locale=self.language)

    def duration(self, seconds: Any) -> str:
        """An age or a waiting time, in the two largest units that matter; short ones to a tenth of a second."""
        whole = max(0, round(float(seconds)))
        if whole < 10:
            return f"{format_decimal(max(0.0, float(seconds)), '0.0', locale=self.language)} s"
        if whole < 60:
            return f"{whole} s"
        if whole < 3600:
            return f"{whole // 60} min {whole % 60} s"
        if whole < 86_400:
            return f"{whole // 3600} h {whole % 3600 // 60} min"
        return f"{whole // 86_400} d {whole % 86_400 // 3600} h"

    def span(self, seconds: float) -> str:
        """A waiting time at a glance, in its largest unit."""
        minutes = max(0, int(seconds)) // 60
        if minutes < 60:
            return f"{minutes} min"
        return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} d"


def runs(text: str) -> list[tuple[str, str]]:
    """The text in pieces, each with the element it is shown in ("" for none): *strong*, _em_ and ~s~, as on WhatsApp."""
    pieces: list[tuple[str, str]] = []
    position = 0
    for match in _STYLED.finditer(text):
        pieces += [("", text[position : match.start()]), (_STYLES[match[0][0]], match[0][1:-1])]
        position = match.end()
    pieces.append(("", text[position:]))
    return [piece for piece in pieces if piece[1]]


@cache
def english() -> Mapping[str, str]:
    """Every text of the pages in English, by what it is in Spanish."""
    return tomllib.loads((Path(__file__).parent / "english.toml").read_text(encoding="utf-8"))


@cache
def words(language: str, timezone: str) -> Words:
    """The words of one language, made once."""
    return Words(language, timezone)


@cache
def _zone(timezone: str) -> ZoneInfo:
    return ZoneInfo(timezone)
