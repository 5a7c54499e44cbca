"""A small SMTP server on loopback: it answers as told and keeps what it was given."""

from __future__ import annotations

import email
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message


class Conversation(socketserver.StreamRequestHandler):
    """One client. Answers by `server.answers`; keeps what it was given."""

    server: Server  # type: ignore[assignment]

    def handle(self) -> None:
        self.say("220 ready")
        while line := self.rfile.readline().decode().strip():
            verb = line.split()[0].upper()
            self.server.heard.append(line)
            if verb in self.server.answers:
                self.say(self.server.answers[verb])
            elif verb == "EHLO":
                self.say("250-here\r\n250 AUTH PLAIN LOGIN")
            elif verb == "AUTH":
                self.say("235 in")
            elif verb == "DATA":
                self.say("354 go on")
                lines = []
                while (part := self.rfile.readline()) != b".\r\n":
                    lines.append(part)
                self.server.mails.append(email.message_from_bytes(b"".join(lines)))
                self.say("250 taken")
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def say(self, answer: str) -> None:
        self.wfile.write(answer.encode() + b"\r\n")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.answers: dict[str, str] = {}
        self.heard: list[str] = []
        self.mails: list[Message] = []

    def url(self, credentials: str = "") -> str:
        return f"smtp://{credentials}127.0.0.1:{self.server_address[1]}"


@contextmanager
def smtp_server() -> Iterator[Server]:
    """Runs one until the end of the block."""
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield made
        finally:
            made.shutdown()
            thread.join()
