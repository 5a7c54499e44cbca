"""Reading messages for measuring."""

from __future__ import annotations

import sys
from datetime import date
from typing import BinaryIO

import click

from src.agent import reading_lines


@click.command("read")
def read_messages() -> None:
    """Reads messages, one JSON line each, and answers each with a line of what was understood. For measuring.

    {"text": "tengo 42", "awaiting": "age"}; docs/commands.md has all the keys. No store and no network are used. Exit code 1
    when a line could not be read; its error stands in its place.
    """
    today, well = date.today().isoformat(), True
    while line := _line_of(sys.stdin.buffer):
        told, readable = reading_lines.answer(line, today)
        well = well and readable
        sys.stdout.buffer.write(told + b"\n")
        sys.stdout.buffer.flush()
    sys.exit(0 if well else 1)


def _line_of(stream: BinaryIO) -> bytes:
    """The next line, or so much of it as shows that it is too long; nothing at the end."""
    line = read = stream.readline(reading_lines.LONGEST_LINE_BYTES + 3)
    while read and not read.endswith(b"\n"):
        read = stream.readline(reading_lines.LONGEST_LINE_BYTES)
    return line
