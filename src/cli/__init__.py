"""The operator's commands, one file a group. `python -m src.cli --help`"""

from __future__ import annotations

import click

from src.cli import chat, chatwoot, dead_letters, doctor, house, people, quote, read, send, tariff


@click.group()
def cli() -> None:
    """Talk to the bot, look after it."""


for command in (
    chat.chat,
    chatwoot.provision_chatwoot,
    chatwoot.resync_chatwoot,
    dead_letters.dead_letters,
    doctor.doctor,
    house.settings,
    people.erase,
    people.export,
    quote.quote,
    read.read_messages,
    send.send,
    tariff.tariff,
):
    cli.add_command(command)
