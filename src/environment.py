"""How variables may be called: names that other installations use, secrets in files, names that do nothing here.

Values only: whoever has read the environment hands it over, and gets it back in our own names. Files are read, because a secret
may be in one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

SECOND_NAMES: Mapping[str, tuple[str, ...]] = {
    "WEBHOOK_PORT": ("PORT",),  # Cloud Run, Heroku and their like say it so
    "PUBLIC_BASE_URL": ("SITE_URL",),
    "TWILIO_WHATSAPP_FROM": ("TWILIO_WHATSAPP_NUMBER",),
    "OPENAI_API_KEY": ("GEMINI_API_KEY",),
}
"""Our own name, and what it is called elsewhere."""
PLATFORMS = ("PORT", "KUBERNETES_SERVICE_HOST", "K_SERVICE")
"""What a platform sets that reaches its containers from outside: there 127.0.0.1 would be heard by nobody."""
WHERE_TO_FIND: Mapping[str, str] = {
    "WHATSAPP_TOKEN": "Meta Business Suite > Settings > System users > Generate token, with whatsapp_business_messaging",
    "WHATSAPP_PHONE_NUMBER_ID": "developers.facebook.com > your app > WhatsApp > API Setup",
    "WHATSAPP_VERIFY_TOKEN": "a word of your own, the same as in your app > WhatsApp > Configuration",
    "WHATSAPP_APP_SECRET": "developers.facebook.com > your app > App settings > Basic; Meta signs webhooks with it",
    "TWILIO_ACCOUNT_SID": "console.twilio.com > Account Info",
    "TWILIO_AUTH_TOKEN": "console.twilio.com > Account Info",
    "TWILIO_WHATSAPP_FROM": "console.twilio.com > Messaging > Senders > WhatsApp; the sandbox has whatsapp:+14155238886",
    "CHATWOOT_BASE_URL": "the address of your Chatwoot",
    "CHATWOOT_ACCOUNT_ID": "the number after /accounts/ in Chatwoot's address",
    "CHATWOOT_USER_TOKEN": "Chatwoot > Profile settings > Access token, of an administrator",
}
"""Where a person finds what is missing."""
WITHOUT_EFFECT: Mapping[str, str] = {
    "VALIDATE_TWILIO_SIGNATURE": "signatures are always checked; remove it",
    "BOT_ASYNC_MODE": "people are always answered in the background; set TWILIO_REPLY=twiml to answer in Twilio's own request",
    "GEMINI_MODEL": "set OPENAI_MODEL instead",
    "FLASK_ENV": "there is one way to run; remove it",
    "FLASK_APP": "the application is src.webhooks.whatsapp_webhook:app; remove it",
    "FLASK_DEBUG": "set DEBUG=true for a longer log",
    "CHATWOOT_PLATFORM_TOKEN": "it is not needed; remove it",
}
"""Names that older installations set, which do nothing here, and what to do."""
_SECRET = re.compile(
    r"(LINE_[A-Z0-9]{1,16}_)?(WHATSAPP_(TOKEN|VERIFY_TOKEN|APP_SECRET)|TWILIO_(ACCOUNT_SID|AUTH_TOKEN|SIGNING_KEY))"
    r"|CHATWOOT_(USER_TOKEN|BOT_TOKEN|WEBHOOK_SECRET|PLATFORM_TOKEN)"
    r"|OPENAI_(TRANSCRIPTION_|MODERATION_)?API_KEY|GEMINI_API_KEY"
    r"|ADMIN_TOKEN|SECRET_KEY|REDIS_URL|SMTP_URL"
)
"""What may stand in a file instead, named by NAME_FILE."""
_FILE = "_FILE"
_LARGEST_BYTES = 64 * 1024


class Named(msgspec.Struct, frozen=True):
    """The environment in our own names, what is wrong with it, and what whoever starts the program should know."""

    values: Mapping[str, str]
    faults: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def named(given: Mapping[str, str]) -> Named:
    """Reads secrets from their files and gives second names their first. A fault shows no value."""
    values = {name: value.strip() for name, value in given.items() if value.strip()}
    faults: list[str] = []
    for name in sorted(values):
        secret = name.removesuffix(_FILE)
        if secret != name and _SECRET.fullmatch(secret):
            if secret in values:
                faults.append(f"{name}: {secret} is set, too; remove one of them")
                continue
            content, fault = _content(Path(values[name]))
            values[secret] = content
            faults += [f"{name}: {fault}"] if fault else []
    for name, others in SECOND_NAMES.items():
        for other in others:
            if other not in values:
                continue
            if name in values and values[name] != values[other]:
                faults.append(f"{name}: {other} says something else; remove one of them")
            values.setdefault(name, values[other])
    remarks = [f"{name} does nothing here: {advice}" for name, advice in WITHOUT_EFFECT.items() if name in values]
    return Named({**given, **values}, tuple(faults), tuple(remarks))


def with_other_names(names: Mapping[str, str]) -> dict[str, str]:
    """Those variables, and empty ones for everything else by which the same could be said."""
    other = {second: "" for name in names for second in SECOND_NAMES.get(name, ())}
    files = {f"{name}{_FILE}": "" for name in (*names, *other) if _SECRET.fullmatch(name)}
    return {**other, **files, **names}


def _content(file: Path) -> tuple[str, str]:
    """What a file says, and what is wrong with it."""
    try:
        with file.open("rb") as opened:
            raw = opened.read(_LARGEST_BYTES + 1)
        text = raw.decode().strip()
    except OSError as fault:
        return "", f"'{file}' cannot be read: {fault.strerror or type(fault).__name__}"
    except ValueError:
        return "", f"'{file}' holds no text"
    if not text or len(raw) > _LARGEST_BYTES:
        return "", f"'{file}' is empty" if not text else f"'{file}' is too large for a secret"
    if "\n" in text:
        return "", f"'{file}' holds more than one line"
    return text, ""
