"""Plays the people of docs/conversations/people.yaml and writes down what was said, word by word: `make conversations`.

    python -m bench.conversations [--check]

No model, no key, no store; the day and the prices are fixed. `--check` writes nothing and fails when a file is not as played.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from src.agent.graph import SalesAgent, Step
from src.agent.redaction import clean, redact, redact_health
from src.agent.state import Conversation, House, new_conversation
from src.agent.understanding import read
from src.messages import Contact, Content, Inbound, Option
from src.quoting import load_catalogue

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "conversations"
BEGINS = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
BETWEEN = timedelta(seconds=40)
PLAYED = "Jugada de principio a fin, sin modelo de lenguaje; la persona no existe."
HOUSE = House(
    company_name="Correduría Ejemplo",
    privacy_url="https://example.com/privacidad",
    legal_notice="Correduría inscrita en el registro de la DGSFP.",
)
CONTACT = Contact(key="whatsapp:34600000000", channel="whatsapp", phone="+34600000000")


class Played:
    """One person's conversation with the agent, as it goes."""

    def __init__(self) -> None:
        self._agent = SalesAgent(HOUSE, load_catalogue(), reader=read)
        self._at = BEGINS
        self.conversation: Conversation = new_conversation(CONTACT, BEGINS)
        self._shown: list[Option] = []
        self._count = 0

    def hear(self, said: str) -> Step:
        """What the agent makes of one turn: a press ("[title]") or one message a line.

        Raises LookupError when there is no such button.
        """
        self._at += BETWEEN
        inbounds = [self._pressed(said)] if said.startswith("[") else [self._written(line) for line in said.splitlines()]
        step = self._agent.advance(self.conversation, inbounds, self._at)
        self.conversation = step.conversation
        self._shown = [option for reply in step.replies for option in reply.options] or self._shown
        return step

    def _pressed(self, said: str) -> Inbound:
        title = said.strip("[]")
        option = next((option for option in self._shown if option.title == title), None)
        if option is None:
            raise LookupError(f"no button is called {title!r}: {[option.title for option in self._shown]}")
        return self._inbound("button", title, reply_id=option.id)

    def _written(self, line: str) -> Inbound:
        return self._inbound("text", redact_health(redact(clean(line)).text))

    def _inbound(self, kind: Any, text: str, **more: Any) -> Inbound:
        self._count += 1
        return Inbound(id=f"wamid.{self._count}", contact=CONTACT, kind=kind, at=self._at, text=text, **more)


def written(person: dict[str, Any]) -> str:
    """The whole conversation as a page."""
    played = Played()
    parts = [
        f"# {person['title']}",
        f"_{person['about']}_",
        PLAYED,
    ]
    for said in person["says"]:
        parts += ["\n".join(f"**—** {line}  " for line in str(said).splitlines())]
        parts += list(_replies(played.hear(str(said))))
        conversation = played.conversation
        ended = f" · {conversation.outcome}" if conversation.outcome else ""
        parts.append(f"<sub>{conversation.stage} · {conversation.awaiting or '—'}{ended}</sub>")
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _replies(step: Step) -> Iterator[str]:
    for reply in step.replies:
        yield "\n".join(f"> {line}".rstrip() for line in _lines(reply))
    if not step.replies:
        yield "> _(nada: contesta una persona)_" if step.conversation.owner == "human" else "> _(nada)_"


def _lines(reply: Content) -> Iterator[str]:
    yield from reply.text.splitlines()
    if reply.options:
        yield ""
        yield " ".join(f"`[{option.title}]`" for option in reply.options)


def pages() -> dict[str, str]:
    """Every page by its file name, the table of contents among them."""
    people = yaml.safe_load((FOLDER / "people.yaml").read_text(encoding="utf-8"))
    made = {f"{person['file']}.md": written(person) for person in people}
    contents = [f"* [{person['title']}]({person['file']}.md): {person['about']}" for person in people]
    told = "Diez conversaciones enteras, tal como salen. Se vuelven a escribir con `make conversations`."
    return {"README.md": "\n".join(["# Conversaciones", "", told, "", *contents, ""]), **made}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, only say which pages are not as played")
    check = parser.parse_args().check
    outdated = [name for name, page in pages().items() if not _is_written(name, page)]
    for name in outdated:
        print(f"{name} is not as played" if check else f"{name} written")
        if not check:
            (FOLDER / name).write_text(pages()[name], encoding="utf-8")
    return 1 if check and outdated else 0


def _is_written(name: str, page: str) -> bool:
    file = FOLDER / name
    return file.exists() and file.read_text(encoding="utf-8") == page


if __name__ == "__main__":
    sys.exit(main())
