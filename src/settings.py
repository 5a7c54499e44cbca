"""What the server needs, and the only reader of the environment. A vendor's group is on when all its members are set, off when
none is. What the house decides is `src/house`; what the environment says of it is passed on in `Settings.given`."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import msgspec
from dotenv import dotenv_values

from src.environment import PLATFORMS, WHERE_TO_FIND, WITHOUT_EFFECT, named, with_other_names
from src.errors import ConfigurationError
from src.house import settings as house
from src.integrations.openai.dialect import providers
from src.integrations.openai.prices import price_of
from src.messages import FIRST_LINE

LEAST_ADMIN_TOKEN, LEAST_VERIFY_TOKEN, LEAST_SECRET_KEY = 16, 8, 32
"""Characters of the secrets that operators make up. The first opens everything; whoever guesses the second gets their own words
back. What vendors give is as long as they think fit."""
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class _Discreet(msgspec.Struct, frozen=True):
    """Shows only what `_shown` names, to whoever prints it, logs it or looks at it with rich."""

    _shown: ClassVar[tuple[str, ...]] = ()

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in self._shown]

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({shown}, the rest masked)"


class WhatsApp(_Discreet, frozen=True):
    """Meta's Cloud API. Several `app_secrets` are valid while one replaces the other."""

    _shown = ("phone_number_id", "api_version")

    token: str
    phone_number_id: str
    verify_token: str
    app_secrets: tuple[str, ...]
    business_account_id: str
    api_base_url: str
    api_version: str
    messages_per_s: float


class Twilio(_Discreet, frozen=True):
    """WhatsApp through Twilio. `sender` is the address people write to, `whatsapp:+…`.

    `signing_key` is there where Twilio signs with a key of its own instead of the auth token. `reply` is "twiml" where people
    are answered in Twilio's own request as far as that can be done in time, else "rest".
    """

    _shown = ("account_sid", "sender")

    account_sid: str
    auth_token: str
    sender: str
    api_base: str
    signing_key: str = ""
    reply: str = "rest"


class Chatwoot(_Discreet, frozen=True):
    """A Chatwoot account. What `provision-chatwoot` makes may be empty: then what it kept in the data directory holds."""

    _shown = ("base_url", "account_id", "inbox_id", "mode")

    base_url: str
    account_id: int
    user_token: str
    bot_token: str
    inbox_id: int
    webhook_secrets: tuple[str, ...]
    mode: str
    agents: tuple[str, ...] = ()


class Provisioned(_Discreet, frozen=True):
    """What `provision-chatwoot` made or found in that account."""

    _shown = ("base_url", "account_id", "inbox_id")

    base_url: str
    account_id: int
    inbox_id: int
    bot_token: str
    webhook_secrets: tuple[str, ...]


class Llm(_Discreet, frozen=True):
    """A language model behind any server that speaks OpenAI's protocol. `timeout_s` is for a whole turn.

    `daily_usd` and `monthly_usd` are the most that is spent on it (0: no ceiling). `provider` is the kind of server, "" for one
    that is only known by its address. The key is `api_key`, or what `api_key_command` prints. Voice notes and the look for
    danger may go elsewhere; with "" for a key, the same one goes there.
    """

    _shown = ("provider", "base_url", "model", "timeout_s")

    api_key: str
    base_url: str
    model: str
    timeout_s: float
    daily_tokens_per_contact: int
    transcription_model: str
    moderation: bool
    provider: str = ""
    api_key_command: str = ""
    deployment: str = ""
    api_version: str = ""
    transcription_base_url: str = ""
    transcription_api_key: str = ""
    moderation_base_url: str = ""
    moderation_api_key: str = ""
    daily_usd: float = 0.0
    monthly_usd: float = 0.0


class Settings(_Discreet, frozen=True, kw_only=True):
    """All that the server needs, read once. Names are those of the environment, in lower case.

    `given` is what the environment says of the house, by the house's own names. `sources` says of each vendor's group where it
    comes from: a variable of the environment that is set, or "stored"; nothing of one that is off. `off` are stored groups that
    cannot be used here, and why. `lines` are further numbers of the house by their way, such as `whatsapp@ventas`, and
    `line_inboxes` their inboxes in Chatwoot. `remarks` say what whoever starts the program should know, a line for each.
    """

    _shown = ("whatsapp", "twilio", "chatwoot", "llm", "data_dir", "webhook_host", "webhook_port")

    whatsapp: WhatsApp | None
    twilio: Twilio | None
    chatwoot: Chatwoot | None
    llm: Llm | None
    redis_url: str
    given: Mapping[str, Any]
    data_dir: Path
    ledger_shards: int
    wait_replicas: int
    webhook_host: str
    webhook_port: int
    public_base_url: str
    admin_token: str
    secret_keys: tuple[str, ...]
    debug: bool
    web_processes: int
    web_threads: int
    worker_processes: int
    worker_threads: int
    lease_s: float
    debounce_s: float
    debounce_max_s: float
    limit_ip_per_minute: int
    limit_ip_per_day: int
    trusted_proxies: tuple[Network, ...]
    smtp_url: str
    knowledge_dir: str
    lead_rules: str
    tariff_dir: str
    log_file: str
    log_format: str
    log_stdout: bool
    otlp_endpoint: str
    langsmith_tracing: bool
    lines: Mapping[str, WhatsApp | Twilio] = msgspec.field(default_factory=dict)
    line_inboxes: Mapping[str, int] = msgspec.field(default_factory=dict)
    sources: Mapping[str, str] = msgspec.field(default_factory=dict)
    off: Mapping[str, str] = msgspec.field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def shown(self, now: house.HouseSettings) -> dict[str, Any]:
        """The settings for people to read, with the house's `now`; of secrets only whether they are set."""
        vendors = ("whatsapp", "twilio", "chatwoot", "llm", "lines")
        secret = (*vendors, "redis_url", "admin_token", "secret_keys", "smtp_url")
        plain = {name: getattr(self, name) for name in self.__struct_fields__ if name not in (*secret, "given")}
        plain["data_dir"] = str(self.data_dir)
        plain["trusted_proxies"] = [str(network) for network in self.trusted_proxies]
        decided = msgspec.structs.asdict(now)
        private = {name: "set" if decided.pop(name) else "" for name in ("alert_email", "alert_whatsapp")}
        return plain | decided | private | {name: "set" if getattr(self, name) else "" for name in secret}

    @property
    def is_tried_out(self) -> bool:
        """Whether no channel at all is configured, so that whoever is answered is on this machine."""
        return not self.whatsapps and not self.twilios and self.chatwoot is None and not (self.off.keys() & _CHANNELS)

    @property
    def whatsapps(self) -> dict[str, WhatsApp]:
        """Every number at Meta, by its way."""
        first = {"whatsapp": self.whatsapp} if self.whatsapp else {}
        return first | {way: line for way, line in self.lines.items() if isinstance(line, WhatsApp)}

    @property
    def twilios(self) -> dict[str, Twilio]:
        """Every sender at Twilio, by its way."""
        first = {"twilio": self.twilio} if self.twilio else {}
        return first | {way: line for way, line in self.lines.items() if isinstance(line, Twilio)}

    @property
    def channels_in_words(self) -> dict[str, str]:
        """Every channel that is configured, by name, and what it is for."""
        words = {}
        if self.whatsapp:
            words["WhatsApp"] = "on"
        if self.twilio:
            words["Twilio"] = "on"
        for way in self.lines:
            channel, _, line = way.partition("@")
            words[f"{'WhatsApp' if channel == 'whatsapp' else 'Twilio'} ({line})"] = "on"
        if self.chatwoot:
            words["Chatwoot"] = "on: people write there" if self.chatwoot.mode == "agent-bot" else "on: shows conversations"
        return words or {"WhatsApp": "simulator: no keys are set, messages are answered here"}

    @property
    def web_address(self) -> str:
        """Where a person on this machine finds the web process."""
        host = "127.0.0.1" if self.webhook_host in ("0.0.0.0", "::", "") else self.webhook_host  # noqa: S104 - a comparison
        return f"http://{host}:{self.webhook_port}"


class _Reader:
    """Reads values one by one and collects every fault, so that they are told together."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.faults: list[str] = []
        self.asked: set[str] = set()

    def text(self, name: str, default: str = "") -> str:
        self.asked.add(name)
        return self.environment.get(name, "").strip() or default

    def number(self, name: str, default: float, *, least: float, most: float) -> float:
        raw = self.text(name)
        try:
            value = float(raw) if raw else float(default)
        except ValueError:
            self.faults.append(f"{name}: '{raw}' is not a number")
            return float(default)
        if not least <= value <= most:
            self.faults.append(f"{name}: {value:g} is not between {least:g} and {most:g}")
            return float(default)
        return value

    def whole(self, name: str, default: int, *, least: int, most: int) -> int:
        value = self.number(name, default, least=least, most=most)
        if value != int(value):
            self.faults.append(f"{name}: {value:g} is not a whole number")
        return int(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        raw = self.text(name, "true" if default else "").casefold()
        if raw not in ("", "0", "1", "true", "false", "yes", "no", "on", "off"):
            self.faults.append(f"{name}: '{raw}' is neither true nor false")
        return raw in ("1", "true", "yes", "on")

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value not in allowed:
            self.faults.append(f"{name}: '{value}' is none of {', '.join(allowed)}")
            return default
        return value

    def address(self, name: str, default: str = "", *, schemes: tuple[str, ...] = ("https", "http")) -> str:
        """An address of one of these kinds. A fault does not show it: there may be a password in it."""
        value = self.text(name, default)
        try:
            parts = urlsplit(value)
            complete = parts.scheme in schemes and bool(parts.path if parts.scheme == "unix" else parts.netloc)
        except ValueError:
            complete = False
        if value and not complete:
            self.faults.append(f"{name}: not an address that begins with {', '.join(f'{scheme}://' for scheme in schemes)}")
        return value

    def networks(self, name: str) -> tuple[Network, ...]:
        """Addresses and networks, separated by commas."""
        found = []
        for written in self.text(name).replace(",", " ").split():
            try:
                found.append(ipaddress.ip_network(written, strict=False))
            except ValueError:
                self.faults.append(f"{name}: '{written}' is neither an address nor a network such as 10.0.0.0/8")
        return tuple(found)

    def shaped(self, name: str, shape: re.Pattern[str], what: str) -> str:
        """A text of that shape. A fault does not show it: it is somebody's."""
        value = self.text(name)
        if value and not shape.fullmatch(value):
            self.faults.append(f"{name}: not {what}")
        return value

    def own_secret(self, name: str, least: int) -> str:
        """A secret that the operator makes up, long enough not to be guessed. A fault does not show it."""
        value = self.text(name)
        if value and len(value) < least:
            self.faults.append(
                f"{name}: at least {least} characters, so that nobody guesses it; make one: openssl rand -hex 24"
            )
        return value

    def own_secrets(self, name: str, least: int) -> tuple[str, ...]:
        """The same, several of them, separated by commas, while one replaces the other."""
        found = tuple(secret.strip() for secret in self.text(name).split(",")) if self.text(name) else ()
        if any(len(secret) < least for secret in found):
            self.faults.append(
                f"{name}: at least {least} characters each, so that nobody guesses it; make one: openssl rand -hex 24"
            )
        return found

    def group(self, title: str, names: tuple[str, ...]) -> bool:
        """Whether a vendor's group is on. Anything between on and off is a fault that names what is missing."""
        given = [name for name in names if self.text(name)]
        missing = [name for name in names if name not in given]
        if given and missing:
            found = [f"{name}: {WHERE_TO_FIND[name]}" for name in missing if name in WHERE_TO_FIND]
            self.faults.append(
                f"{title}: {', '.join(missing)} missing (set: {', '.join(given)}). {'. '.join(found)}".rstrip(" .")
            )
        return bool(given) and not missing


_STORES = ("redis", "rediss", "unix", "redis+cluster", "redis+sentinel")
_TWILIO = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_WHATSAPP_FROM")
_TWILIO_SENDER = re.compile(r"whatsapp:\+[1-9][0-9]{6,14}")
_CHATWOOT = ("CHATWOOT_BASE_URL", "CHATWOOT_ACCOUNT_ID", "CHATWOOT_USER_TOKEN")
_WHATSAPP = ("WHATSAPP_TOKEN", "WHATSAPP_PHONE_NUMBER_ID", "WHATSAPP_VERIFY_TOKEN", "WHATSAPP_APP_SECRET")


def load(environment: Mapping[str, str] | None = None, *, dotenv: Path | None = Path(".env")) -> Settings:
    """The settings of this process: the environment over `.env` over defaults. Raises ConfigurationError with every fault."""
    written = {name: value or "" for name, value in dotenv_values(dotenv).items()} if dotenv else {}
    known = named({**written, **(os.environ if environment is None else environment)})
    read = _Reader(known.values)
    read.faults += known.faults
    given, faults = house.from_environment(read.environment)
    lines, line_inboxes = _lines(read)
    settings = Settings(
        whatsapp=_whatsapp(read),
        twilio=_twilio(read),
        chatwoot=_chatwoot(read),
        llm=_llm(read),
        given=given,
        redis_url=read.address("REDIS_URL", schemes=_STORES),
        data_dir=Path(read.text("DATA_DIR", "var")),
        ledger_shards=read.whole("LEDGER_SHARDS", 16, least=1, most=99),
        wait_replicas=read.whole("LEDGER_WAIT_REPLICAS", 0, least=0, most=5),
        webhook_host=read.text("WEBHOOK_HOST", "0.0.0.0" if _is_reached_from_outside(read) else "127.0.0.1"),  # noqa: S104 - a container's own network
        webhook_port=read.whole("WEBHOOK_PORT", 5000, least=1, most=65_535),
        public_base_url=read.address("PUBLIC_BASE_URL").rstrip("/"),
        admin_token=read.own_secret("ADMIN_TOKEN", LEAST_ADMIN_TOKEN),
        secret_keys=read.own_secrets("SECRET_KEY", LEAST_SECRET_KEY),
        debug=read.flag("DEBUG"),
        web_processes=read.whole("WEB_PROCESSES", 2, least=1, most=64),
        web_threads=read.whole("WEB_THREADS", 8, least=1, most=256),
        worker_processes=read.whole("WORKER_PROCESSES", 2, least=0, most=64),
        worker_threads=read.whole("WORKER_THREADS", 8, least=1, most=512),
        lease_s=read.number("LEASE_S", 8.0, least=1.0, most=60.0),
        debounce_s=read.number("DEBOUNCE_S", 1.0, least=0.0, most=30.0),
        debounce_max_s=read.number("DEBOUNCE_MAX_S", 4.0, least=0.0, most=120.0),
        limit_ip_per_minute=read.whole("LIMIT_IP_PER_MINUTE", 600, least=1, most=1_000_000),
        limit_ip_per_day=read.whole("LIMIT_IP_PER_DAY", 20_000, least=1, most=100_000_000),
        trusted_proxies=read.networks("TRUSTED_PROXIES"),
        smtp_url=_mail(read),
        knowledge_dir=read.text("KNOWLEDGE_DIR"),
        lead_rules=read.text("LEAD_RULES"),
        tariff_dir=read.text("TARIFF_DIR"),
        log_file=read.text("LOG_FILE", "webhook.log"),
        log_stdout=read.flag("LOG_STDOUT", default=True),
        otlp_endpoint=read.address("OTEL_EXPORTER_OTLP_ENDPOINT"),
        langsmith_tracing=read.flag("LANGSMITH_TRACING"),
        log_format=read.choice("LOG_FORMAT", "text", ("text", "json")),
        sources={name: variable for name, group in GROUPS.items() if (variable := _first_set(read, group))},
        lines=lines,
        line_inboxes=line_inboxes,
        remarks=known.remarks,
    )
    faults += _shared_numbers(settings)
    if read.faults or faults:
        raise ConfigurationError([*read.faults, *faults])
    return settings


def _whatsapp(read: _Reader) -> WhatsApp | None:
    if not read.group("WhatsApp", _WHATSAPP):
        return None
    secrets = tuple(secret.strip() for secret in read.text("WHATSAPP_APP_SECRET").split(","))
    if not all(secrets):
        read.faults.append("WHATSAPP_APP_SECRET: one of the secrets in the list is empty")
    return WhatsApp(
        token=read.text("WHATSAPP_TOKEN"),
        phone_number_id=read.text("WHATSAPP_PHONE_NUMBER_ID"),
        verify_token=read.own_secret("WHATSAPP_VERIFY_TOKEN", LEAST_VERIFY_TOKEN),
        app_secrets=secrets,
        business_account_id=read.text("WHATSAPP_BUSINESS_ACCOUNT_ID"),
        api_base_url=read.address("WHATSAPP_API_BASE_URL", "https://graph.facebook.com").rstrip("/"),
        api_version=read.text("WHATSAPP_API_VERSION", "v26.0"),
        messages_per_s=read.number("WHATSAPP_MESSAGES_PER_SECOND", 80, least=1, most=10_000),
    )


def _twilio(read: _Reader) -> Twilio | None:
    if not read.group("Twilio", _TWILIO):
        return None
    if not read.text("PUBLIC_BASE_URL"):
        read.faults.append(
            "PUBLIC_BASE_URL: missing; Twilio signs the address it calls, so set it to what stands in Twilio's console before "
            "/webhook/twilio, such as https://bot.example.com"
        )
    return Twilio(
        account_sid=read.text("TWILIO_ACCOUNT_SID"),
        auth_token=read.text("TWILIO_AUTH_TOKEN"),
        sender=_twilio_sender(read),
        api_base=read.address("TWILIO_API_BASE", "https://api.twilio.com").rstrip("/"),
        signing_key=read.text("TWILIO_SIGNING_KEY"),
        reply=read.choice("TWILIO_REPLY", "rest", ("rest", "twiml")),
    )


def _twilio_sender(read: _Reader) -> str:
    """The address of a sender, also when only its number is given."""
    written = read.text("TWILIO_WHATSAPP_FROM")
    number = re.sub(r"[\s().-]", "", written.removeprefix("whatsapp:"))
    sender = f"whatsapp:{number if number.startswith('+') else f'+{number}'}"
    if not _TWILIO_SENDER.fullmatch(sender):
        read.faults.append("TWILIO_WHATSAPP_FROM: not an address such as whatsapp:+34600000000")
    return sender


_LINE = re.compile(r"LINE_([A-Z0-9]{1,16})_((?:WHATSAPP|TWILIO|CHATWOOT)_[A-Z_]+)")
_OF_A_LINE = re.compile(r"\b((?:WHATSAPP|TWILIO|CHATWOOT)_[A-Z_]+)")


def _lines(read: _Reader) -> tuple[dict[str, WhatsApp | Twilio], dict[str, int]]:
    """Further numbers of the house by their way, each with variables of its own: LINE_<ID>_WHATSAPP_…, LINE_<ID>_TWILIO_…"""
    written: dict[str, dict[str, str]] = {}
    for name in sorted(read.environment):
        if name.startswith("LINE_") and read.text(name) and not name.endswith("_FILE"):
            match = _LINE.fullmatch(name)
            if match is None or match[1].lower() == FIRST_LINE:
                read.faults.append(
                    f"{name[:64]}: further lines are LINE_<ID>_WHATSAPP_… or LINE_<ID>_TWILIO_…, the id from 1 to "
                    f"16 of A-Z and 0-9 and not {FIRST_LINE.upper()}, which is the first line"
                )
            else:
                written.setdefault(match[1], {})[match[2]] = read.text(name)
    lines: dict[str, WhatsApp | Twilio] = {}
    inboxes: dict[str, int] = {}
    for line_id, values in written.items():
        own = _Reader({"PUBLIC_BASE_URL": read.text("PUBLIC_BASE_URL"), **values})
        found = {"whatsapp": _whatsapp(own), "twilio": _twilio(own)}
        inbox = own.whole("CHATWOOT_INBOX_ID", 0, least=0, most=2_147_483_647)
        faults = own.faults or [f"{name}: no variable of a line" for name in sorted(values) if name not in own.asked]
        if not faults and not any(found.values()):
            faults = ["CHATWOOT_INBOX_ID: the line has no number of its own"]
        read.faults += [_OF_A_LINE.sub(rf"LINE_{line_id}_\1", fault) for fault in faults]
        for channel, line in found.items():
            if line is not None:
                lines[f"{channel}@{line_id.lower()}"] = line
                inboxes |= {f"{channel}@{line_id.lower()}": inbox} if inbox else {}
    return lines, inboxes


def _shared_numbers(settings: Settings) -> list[str]:
    """Numbers that two lines have: whatever comes in there could belong to either."""
    named: dict[str, list[str]] = {}
    for way, whatsapp in settings.whatsapps.items():
        named.setdefault(whatsapp.phone_number_id, []).append(_variable_of(way, "WHATSAPP_PHONE_NUMBER_ID"))
    for way, twilio in settings.twilios.items():
        named.setdefault(twilio.sender, []).append(_variable_of(way, "TWILIO_WHATSAPP_FROM"))
    return [f"{', '.join(variables)}: two lines with one number" for variables in named.values() if len(variables) > 1]


def _variable_of(way: str, name: str) -> str:
    line = way.partition("@")[2]
    return f"LINE_{line.upper()}_{name}" if line else name


def _chatwoot(read: _Reader) -> Chatwoot | None:
    if not read.group("Chatwoot", _CHATWOOT):
        return None
    secrets = tuple(secret.strip() for secret in read.text("CHATWOOT_WEBHOOK_SECRET").split(","))
    if len(secrets) > 1 and not all(secrets):
        read.faults.append("CHATWOOT_WEBHOOK_SECRET: one of the secrets in the list is empty")
    return Chatwoot(
        base_url=read.address("CHATWOOT_BASE_URL").rstrip("/"),
        account_id=read.whole("CHATWOOT_ACCOUNT_ID", 1, least=1, most=2_147_483_647),
        user_token=read.text("CHATWOOT_USER_TOKEN"),
        bot_token=read.text("CHATWOOT_BOT_TOKEN"),
        inbox_id=read.whole("CHATWOOT_WHATSAPP_INBOX_ID", 0, least=0, most=2_147_483_647),
        webhook_secrets=tuple(secret for secret in secrets if secret),
        mode=read.choice("CHATWOOT_MODE", "api-inbox", ("api-inbox", "agent-bot")),
        agents=tuple(email.strip() for email in read.text("CHATWOOT_AGENTS").split(",") if email.strip()),
    )


def _llm(read: _Reader) -> Llm | None:
    """On with a key, with a command that prints one, or with a server of a kind that needs none."""
    known = providers()
    provider = read.choice("OPENAI_PROVIDER", "", ("", *known))
    key, command, given_base = read.text("OPENAI_API_KEY"), read.text("OPENAI_API_KEY_COMMAND"), read.text("OPENAI_BASE_URL")
    if not (provider or key or command):
        return None
    if not given_base and not provider:
        provider = "gemini" if read.text("GEMINI_API_KEY") else "openai"
    kind = known.get(provider, known["openai"])
    if key and command:
        read.faults.append("OPENAI_API_KEY_COMMAND: OPENAI_API_KEY is set, too; remove one of them")
    if kind.key and not (key or command):
        read.faults.append(f"OPENAI_API_KEY: missing (set: OPENAI_PROVIDER={provider}, which wants one)")
    base = read.address("OPENAI_BASE_URL", kind.base_url).rstrip("/")
    if not base:
        read.faults.append(
            f"OPENAI_BASE_URL: missing (set: OPENAI_PROVIDER={provider}); every customer has an address of their own"
        )
    hearing = read.address("OPENAI_TRANSCRIPTION_BASE_URL").rstrip("/")
    listening = read.text("OPENAI_TRANSCRIPTION_MODEL", "whisper-1" if hearing or not provider else kind.hears)
    model = read.text("OPENAI_MODEL", kind.model)
    daily_usd = read.number("LLM_DAILY_USD", 0, least=0, most=1_000_000)
    monthly_usd = read.number("LLM_MONTHLY_USD", 0, least=0, most=1_000_000)
    if (daily_usd or monthly_usd) and price_of(model) is None:
        named = "LLM_DAILY_USD" if daily_usd else "LLM_MONTHLY_USD"
        read.faults.append(f"{named}: what OPENAI_MODEL costs is not known here, so no ceiling can hold; take it out")
    return Llm(
        api_key=key or ("" if command else "none"),
        api_key_command=command,
        provider=provider,
        base_url=base,
        model=model,
        deployment=read.text("OPENAI_DEPLOYMENT", model) if provider == "azure" else "",
        api_version=read.text("OPENAI_API_VERSION", "2024-10-21") if provider == "azure" else "",
        timeout_s=read.number("LLM_TIMEOUT_S", 8, least=0.5, most=30.0),
        daily_tokens_per_contact=read.whole("LLM_DAILY_TOKENS_PER_CONTACT", 40_000, least=0, most=100_000_000),
        transcription_model="" if listening == "off" else listening,
        transcription_base_url=hearing or base,
        transcription_api_key=read.text("OPENAI_TRANSCRIPTION_API_KEY"),
        moderation=read.flag("MODERATION"),
        moderation_base_url=read.address("OPENAI_MODERATION_BASE_URL", base).rstrip("/"),
        moderation_api_key=read.text("OPENAI_MODERATION_API_KEY"),
        daily_usd=daily_usd,
        monthly_usd=monthly_usd,
    )


def _mail(read: _Reader) -> str:
    return read.address("SMTP_URL", schemes=("smtp", "smtps"))


class Group(msgspec.Struct, frozen=True):
    """A vendor's variables, which come from one place, all of them. `field` is where `Settings` has what they come to."""

    field: str
    begins: tuple[str, ...]
    read: Callable[[_Reader], Any]


GROUPS: Mapping[str, Group] = {
    "whatsapp": Group("whatsapp", ("WHATSAPP_",), _whatsapp),
    "twilio": Group("twilio", ("TWILIO_",), _twilio),
    "chatwoot": Group("chatwoot", ("CHATWOOT_",), _chatwoot),
    "openai": Group("llm", ("OPENAI_", "LLM_", "MODERATION"), _llm),
    "mail": Group("smtp_url", ("SMTP_URL",), _mail),
}
"""Vendors whose access may be stored instead of standing in the environment."""
_CHANNELS = frozenset({"whatsapp", "twilio", "chatwoot"})
_ENVIRONMENT_ONLY = ("OPENAI_API_KEY_COMMAND",)
"""What is run on this machine, whoever runs it says, and nobody from a distance."""


def _first_set(read: _Reader, group: Group) -> str:
    mine = (name for name in sorted(read.environment) if name.startswith(group.begins) and name not in WITHOUT_EFFECT)
    return next((name for name in mine if read.text(name)), "")


def read_group(settings: Settings, name: str, values: Mapping[str, str]) -> Settings:
    """The settings with that group as these variables say, whatever it was before. Raises ConfigurationError, with no value."""
    group = GROUPS[name]
    # Twilio signs the address that it calls, which is the server's own.
    read = _Reader({"PUBLIC_BASE_URL": settings.public_base_url, **values})
    found = group.read(read)
    unknown = [variable for variable in values if variable not in read.asked or not variable.startswith(group.begins)]
    unknown += [variable for variable in values if variable in _ENVIRONMENT_ONLY]
    faults = [*read.faults, *(f"{variable[:64]}: no variable of {name}" for variable in sorted(unknown))]
    if not found and not faults:
        faults = [f"{name}: nothing is set of what it needs"]
    taken = msgspec.structs.replace(settings, **{group.field: found}, sources={**settings.sources, name: "stored"})
    faults += _shared_numbers(taken)
    if faults:
        raise ConfigurationError(faults)
    return taken


def with_stored(settings: Settings, stored: Mapping[str, Mapping[str, str]], off: Mapping[str, str]) -> Settings:
    """The settings with the groups that the environment says nothing of as they are stored. One that cannot be used is off."""
    why = {name: reason for name, reason in off.items() if name not in settings.sources}
    for name, values in stored.items():
        if name in GROUPS and name not in settings.sources:
            try:
                settings = read_group(settings, name, values)
            except ConfigurationError as fault:
                why[name] = "; ".join(fault.faults)
    return msgspec.structs.replace(settings, off=why)


def child_environment(changes: Mapping[str, str], *, without: tuple[str, ...] = ()) -> dict[str, str]:
    """The environment for a process that this one starts; variables that begin with one of `without` are off for it."""
    off = {name: "" for name in (*os.environ, *dotenv_values(".env")) if without and name.startswith(without)}
    return {**os.environ, **off, **with_other_names(changes)}


def _is_reached_from_outside(read: _Reader) -> bool:
    """Whether this runs in a container, or where a platform says which port it will knock at."""
    if any(read.text(name) for name in PLATFORMS):
        return True
    return Path("/.dockerenv").exists() or Path("/run/.containerenv").exists()
