"""The real application on the real ledger, and what its tests ask it."""

from __future__ import annotations

import tempfile
from typing import Any

import msgspec
from flask import Flask

from src.bootstrap import make_services
from src.integrations.ledger.redis_ledger import RedisLedger
from src.settings import Settings, load
from tests.kit import builders

DOOR = "/webhook/whatsapp"
ADMIN = "operators-token-of-the-tests"
VERIFY = "verify-token-of-the-tests"
SECRET, OLD_SECRET = "app-secret-of-the-tests", "app-secret-before-the-rotation"
WHATSAPP = {
    "WHATSAPP_TOKEN": "EAAtokenofthetests",
    "WHATSAPP_PHONE_NUMBER_ID": builders.BUSINESS.phone_number_id,
    "WHATSAPP_VERIFY_TOKEN": VERIFY,
    "WHATSAPP_APP_SECRET": f"{SECRET}, {OLD_SECRET}",
}
_DATA = tempfile.TemporaryDirectory(prefix="doors-")
KEY = f"whatsapp:{builders.SENDER}"


def settings_of(environment: dict[str, str]) -> Settings:
    """Settings that nothing on this machine has a say in, with data where it may be left."""
    return load({"DATA_DIR": _DATA.name, **environment}, dotenv=None)


class Doors:
    """One application, a client of it, and the ledger behind it."""

    def __init__(
        self, ledger: RedisLedger, environment: dict[str, str], *, admin_token: str = ADMIN, verify_token: str = VERIFY
    ) -> None:
        from src.webhooks.whatsapp_webhook import create_app  # noqa: PLC0415 - importing it makes an application

        self.ledger = ledger
        made = make_services(settings_of(environment), ledger)
        self.services = msgspec.structs.replace(made, admin_token=lambda: admin_token, verify_token=lambda: verify_token)
        self.desk, self.records = self.services.desk, self.services.records
        self.app: Flask = create_app(self.services)
        self.client = self.app.test_client()

    def receive(self, *items: builders.Item, secret: str | None = SECRET, **more: Any) -> Any:
        """Posts these messages and statuses as Meta does; unsigned with `secret=None`."""
        return self.post(builders.webhook(*items), secret=secret, **more)

    def post(self, body: Any, *, secret: str | None = SECRET, headers: dict[str, str] | None = None, **more: Any) -> Any:
        """Posts a body, a dictionary or bytes."""
        raw, given = builders.signed(body, secret or "")
        if secret is None:
            del given["X-Hub-Signature-256"]
        return self.client.post(DOOR, data=raw, headers={**given, **(headers or {})}, **more)

    def ask(self, path: str, *, method: str = "GET", token: str | None = ADMIN, query: dict[str, str] | None = None) -> Any:
        """An operator's request."""
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        return self.client.open(path, method=method, headers=headers, query_string=query)

    def transcript(self, contact: str = KEY) -> list[dict[str, Any]]:
        record = self.records.record(contact)
        return [dict(row) for row in record.rows] if record else []

    def texts(self, contact: str = KEY) -> list[str]:
        return [row["text"] for row in self.transcript(contact)]


def written_ids(ledger: RedisLedger) -> list[str]:
    """The ids of the messages in all transcripts of the store."""
    client: Any = ledger.client
    streams = [key for key in client.scan_iter("iv:{*", count=1000) if b"}:log:" in key]
    return [msgspec.json.decode(row[b"row"])["id"] for key in streams for _, row in client.xrange(key)]
