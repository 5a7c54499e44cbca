"""The notes for whoever takes a lead over. The files in `notes/` were read by people: change them as carefully as the texts."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from src.agent.corrections import correct
from src.agent.state import Line
from src.desk.notes import Notes
from src.desk.words import REASONS
from src.quoting import load_catalogue
from tests.agent.talk import Talk, at_proposal
from tests.agent.test_dialogues import BEGINNINGS, DIALOGUES

NOTES = Notes(load_catalogue(), dashboard_url="https://seguros.example/dashboard")
GOLDENS = Path(__file__).with_name("notes")


def told() -> Talk:
    """Somebody with three options in front of them, who said everything in words."""
    talk = Talk()
    talk.say("Hola, quiero un seguro de vida")
    talk.press("consent:yes", "Sí, de acuerdo")
    for words in (
        "Soy Ana y tengo 41 años",
        "no fumo",
        "dos hijos",
        "gano 1900 al mes",
        "me quedan 50000 de hipoteca",
        "administrativa",
    ):
        talk.say(words)
    assert talk.awaiting == "choice", talk.text
    return talk


def asked() -> tuple[Talk, str]:
    talk = told()
    talk.say("uf, es muy caro")
    talk.say("además en el banco me dan otro más barato")
    talk.say("prefiero hablar con una persona, por la tarde")
    return talk, "asked"


def accepted() -> tuple[Talk, str]:
    talk = told()
    talk.say("la segunda")
    talk.say("perdona, que sí fumo")
    talk.say("sí, la contrato. Mi correo es ana@example.com")
    if talk.awaiting == "accept":
        talk.say("sí, adelante")
    return talk, "accepted"


def in_danger() -> tuple[Talk, str]:
    talk = Talk().agree()
    talk.say("me quiero morir, ya no puedo más")
    return talk, "self_harm"


def corrected() -> tuple[Talk, str]:
    talk, _ = accepted()
    talk.conversation = correct(talk.conversation, {"occupation": "electricista"}, talk.now, "chatwoot")
    talk.say("al final gano 2500 al mes")
    return talk, "changed_after_acceptance"


@pytest.mark.parametrize("play", [asked, accepted, in_danger, corrected], ids=lambda play: play.__name__)
def test_the_note_is_the_one_that_was_read(play: Callable[[], tuple[Talk, str]]) -> None:
    talk, reason = play()
    assert talk.step.handoff is not None
    assert talk.step.handoff.reason == reason
    note = NOTES.about(talk.conversation, reason, talk.now, urgent=talk.step.handoff.urgent)
    golden = GOLDENS / f"{play.__name__}.md"
    assert note == golden.read_text(encoding="utf-8").rstrip("\n")


@pytest.mark.parametrize("name", [f"D{number:02}" for number in range(1, 41)])
def test_the_note_of_every_dialogue_is_whole_and_tells_no_secret(name: str) -> None:
    talk = BEGINNINGS[name]()
    for turn in DIALOGUES[name]["turns"]:
        talk.say(turn["user"])
    for reason in ("asked", "accepted", "bot_failed"):
        note = NOTES.about(talk.conversation, reason, talk.now)
        assert not re.search(r"12345678Z|ES91|infarto|sintrom|cáncer de mama|None|True|False|[{}]", note), note
        assert "\n\n\n" not in note
        for quote in talk.conversation.quotes:
            assert f"{quote.monthly_premium:.2f}".replace(".", ",") in note


@pytest.mark.parametrize("reason", [*REASONS, "something_new"])
def test_every_reason_gives_a_note_also_of_somebody_who_said_nothing(reason: str) -> None:
    talk = Talk()
    note = NOTES.about(talk.conversation, reason, talk.now, urgent=True)
    assert note.startswith("**URGENTE. ")
    assert REASONS.get(reason, r"something\_new") in note


def test_what_people_write_is_shown_and_not_acted_upon() -> None:
    talk = Talk().agree()
    talk.conversation.profile["name"] = "Ana ![x](https://evil.example/1.png)"
    hostile = "**Solicitud aceptada**\n\n# Hola\n- ![x](https://evil.example/2.png) <img src=x> `a` ~~b~~ [y](z)"
    talk.conversation = msgspec.structs.replace(talk.conversation, history=[Line("prospect", hostile)])
    note = NOTES.about(talk.conversation, "asked", talk.now)
    assert not re.search(r"(?<!\\)!?\[x|(?<!\\)<img|\n#|\n- !|(?<!\\)`|(?<!\\)\[y", note)
    assert r"\*\*Solicitud aceptada\*\*" in note


def test_a_long_line_is_cut_and_a_long_talk_begins_late() -> None:
    talk = Talk().agree()
    lines = [Line("prospect", f"{place} " + "a" * 3000) for place in range(12)]
    talk.conversation = msgspec.structs.replace(talk.conversation, history=lines)
    shown = re.findall(r"- Cliente: (\d+) a+…", NOTES.about(talk.conversation, "asked", talk.now))
    assert shown == [str(place) for place in range(4, 12)]


def test_times_are_the_houses() -> None:
    talk = Talk().agree()
    there = Notes(load_catalogue(), timezone="Atlantic/Canary")
    assert "20/11/2026 a las 11:00" in NOTES.about(talk.conversation, "asked", talk.now)
    assert "20/11/2026 a las 10:00" in there.about(talk.conversation, "asked", talk.now)
    assert "dashboard" not in there.about(talk.conversation, "asked", talk.now)


@pytest.mark.parametrize("kept", [True, False])
def test_a_sale_whose_tariff_is_gone_still_has_its_note(kept: bool) -> None:
    """The working comes from the quote; of one that was kept without it, the note says what it can."""
    talk = at_proposal()
    talk.choose(1)
    talk.accept()
    without = {} if kept else {"working": msgspec.Raw(b"null")}
    talk.conversation.quotes = [
        msgspec.structs.replace(quote, tariff="1999.1", **without) for quote in talk.conversation.quotes
    ]
    note = NOTES.about(talk.conversation, "accepted", talk.now + timedelta(days=1))
    assert "Solicitud aceptada" in note
    assert ("paso a paso" in note) is kept


def test_the_premium_is_reckoned_to_the_cent() -> None:
    talk, _ = accepted()
    note = NOTES.about(talk.conversation, "accepted", talk.now)
    receipt = note.split("**De qué se compone la prima**")[1].split("**")[0].strip().splitlines()
    monthly = [round(float(re.findall(r"Al mes, ([\d,]+) €", line)[0].replace(",", ".")) * 100) for line in receipt[:-1]]
    chosen = next(quote for quote in talk.conversation.quotes if quote.id == talk.conversation.selected_quote)
    assert sum(monthly) == round(chosen.monthly_premium * 100)


def test_a_voice_note_is_quoted() -> None:
    assert NOTES.heard("Hola,\nllámame *luego*") == ("**Nota de voz, transcrita automáticamente**\n> Hola, llámame \\*luego\\*")


def _write_goldens() -> None:
    """By hand, after the texts were changed: `python -m tests.desk.test_notes`; then read what `git diff` shows."""
    for play in (asked, accepted, in_danger, corrected):
        talk, reason = play()
        handoff = talk.step.handoff
        note = NOTES.about(talk.conversation, reason, talk.now, urgent=bool(handoff and handoff.urgent))
        (GOLDENS / f"{play.__name__}.md").write_text(f"{note}\n", encoding="utf-8")


if __name__ == "__main__":
    _write_goldens()
