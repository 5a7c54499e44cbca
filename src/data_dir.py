"""What this machine keeps beside the store, in `DATA_DIR`: secrets made once, what was set up in Chatwoot, locks.

Everything here is readable by its owner only, and written whole or not at all; processes may race for it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hmac
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from src.errors import ConfigurationError
from src.settings import LEAST_ADMIN_TOKEN, Chatwoot, Provisioned, Settings

PROVISIONED = "chatwoot.json"
"""Where `provision-chatwoot` keeps what it made or found, in the data directory."""


def chatwoot_of(settings: Settings) -> Chatwoot | None:
    """The Chatwoot account; what the environment does not say of it as `provision-chatwoot` kept it. Read anew at each call."""
    given = settings.chatwoot
    if given is None:
        return None
    try:
        kept = msgspec.json.decode((settings.data_dir / PROVISIONED).read_bytes(), type=Provisioned)
    except (OSError, msgspec.MsgspecError):
        return given
    if (kept.base_url, kept.account_id) != (given.base_url, given.account_id):
        return given
    return msgspec.structs.replace(
        given,
        bot_token=given.bot_token or kept.bot_token,
        inbox_id=given.inbox_id or kept.inbox_id,
        webhook_secrets=given.webhook_secrets or kept.webhook_secrets,
    )


def keep_provisioned(settings: Settings, made: Provisioned) -> tuple[Path, bool]:
    """Writes what `chatwoot_of` reads, for the owner's eyes only, whole or not at all. The file, and whether it changed.

    Raises OSError.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    file = settings.data_dir / PROVISIONED
    if file.exists() and file.read_bytes() == msgspec.json.encode(made):
        return file, False
    with tempfile.NamedTemporaryFile(dir=settings.data_dir, delete=False) as new:  # made with mode 0600
        new.write(msgspec.json.encode(made))
        new.flush()
        os.fsync(new.fileno())
    return Path(new.name).replace(file), True


@contextlib.contextmanager
def provisioning_alone(settings: Settings) -> Iterator[None]:
    """Waits until no other process of this machine provisions. Raises OSError."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with (settings.data_dir / f"{PROVISIONED}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def admin_token(settings: Settings) -> str:
    """What operators show at their doors: ADMIN_TOKEN, or one made once and kept in the data directory."""
    return settings.admin_token or _kept_secret(settings.data_dir, "admin-token")


def secret_keys(settings: Settings) -> tuple[str, ...]:
    """What stored secrets are sealed with, the first one, and opened with: SECRET_KEY, or one made once and kept here."""
    return settings.secret_keys or (_kept_secret(settings.data_dir, "secret-key"),)


def lead_token(admin_token: str) -> str:
    """What the lead page in Chatwoot proves itself by. It opens that page's doors and nothing else."""
    return hmac.digest(admin_token.encode(), b"iAgente Vida: the lead page in Chatwoot", "sha256").hex()


def lead_page_address(settings: Settings) -> str:
    """The address to register in Chatwoot, with its proof; "" without a public address."""
    return f"{settings.public_base_url}/chatwoot/lead#{lead_token(admin_token(settings))}" if settings.public_base_url else ""


def verify_token(settings: Settings) -> str:
    """What Meta says at the handshake; without keys one of our own, so that the handshake can be tried."""
    return settings.whatsapp.verify_token if settings.whatsapp else _kept_secret(settings.data_dir, "verify-token")


def _kept_secret(data_dir: Path, name: str) -> str:
    """A secret made once and kept in the data directory, readable by its owner only. Processes may race for it.

    Raises ConfigurationError when what is kept there is none.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(data_dir / name, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        kept = file.read().strip()
        if not kept:  # new, or left empty by a power cut
            kept = secrets.token_urlsafe(24)
            file.write(kept)
            file.flush()
            os.fsync(file.fileno())
        if len(kept) < LEAST_ADMIN_TOKEN:
            where = data_dir / name
            raise ConfigurationError(
                [f"{where}: somebody made it shorter than {LEAST_ADMIN_TOKEN} characters; remove the file"]
            )
        return kept
