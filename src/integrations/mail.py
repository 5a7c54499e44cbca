"""E-mail to the people on duty, over SMTP. The password never crosses a network in clear."""

from __future__ import annotations

import smtplib
import socket
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any
from urllib.parse import unquote, urlsplit

from src.errors import AccessDenied, IntegrationError, PermanentFailure, Rejected, TemporaryFailure

VENDOR = "mail"
TIMEOUT_S = 10.0
_LOCAL = ("localhost", "127.0.0.1", "::1")


class Mail:
    """One mail server and one recipient. Constructing never connects.

    `url` is smtp://user:password@host:587 (STARTTLS when the server offers it, required with a password) or
    smtps://user:password@host:465. The sender is the user when that is an address, else the recipient.
    """

    def __init__(self, url: str, recipient: str, *, timeout_s: float = TIMEOUT_S) -> None:
        parts = urlsplit(url)
        self._encrypted = parts.scheme == "smtps"
        self._host = parts.hostname or "localhost"
        self._port = parts.port or (465 if self._encrypted else 587)
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._recipient = recipient
        self._timeout_s = timeout_s

    def send(self, subject: str, text: str) -> None:
        """Hands one message to the server. Raises TemporaryFailure or PermanentFailure."""
        message = EmailMessage()
        message["From"] = self._user if "@" in self._user else self._recipient
        message["To"] = self._recipient
        message["Subject"] = subject
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain=self._recipient.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        self._talk("send", message)

    def check(self) -> dict[str, str]:
        """Logs in and sends nothing. Raises TemporaryFailure or PermanentFailure."""
        self._talk("check", None)
        return {"server": "answers"}

    def _talk(self, action: str, message: EmailMessage | None) -> None:
        try:
            with self._connection() as server:
                if message is not None:
                    server.send_message(message)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise _failure(action, error) from error

    def _connection(self) -> smtplib.SMTP:
        trusted = ssl.create_default_context()
        server: smtplib.SMTP
        if self._encrypted:
            server = smtplib.SMTP_SSL(self._host, self._port, timeout=self._timeout_s, context=trusted)
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=self._timeout_s)
        try:
            self._log_in(server, trusted)
        except BaseException:
            server.close()
            raise
        return server

    def _log_in(self, server: smtplib.SMTP, trusted: ssl.SSLContext) -> None:
        server.ehlo()
        if not self._encrypted and server.has_extn("starttls"):
            server.starttls(context=trusted)
        elif not self._encrypted and self._password and self._host not in _LOCAL:
            raise AccessDenied(VENDOR, "connect", detail="the server offers no encryption for the password")
        if self._user and self._password:
            server.login(self._user, self._password)


def _failure(action: str, error: Exception) -> IntegrationError:
    """The error that an answer stands for. The server's own words are left out: they may repeat an address."""
    status = getattr(error, "smtp_code", 0) or 0
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        status = max((code for code, _ in error.recipients.values()), default=0)
    facts: dict[str, Any] = {"status": int(status), "detail": type(error).__name__}
    if isinstance(error, smtplib.SMTPAuthenticationError | smtplib.SMTPNotSupportedError | ssl.SSLCertVerificationError):
        return AccessDenied(VENDOR, action, **facts)
    if isinstance(error, socket.gaierror | ValueError):
        return PermanentFailure(VENDOR, action, **facts)
    if 500 <= status < 600:
        return Rejected(VENDOR, action, **facts)
    return TemporaryFailure(VENDOR, action, **facts)
