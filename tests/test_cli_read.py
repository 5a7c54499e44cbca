"""`python -m src.cli read`: lines in, readings out, as whoever measures calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def ask(*lines: Any) -> tuple[list[dict[str, Any]], int]:
    written = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + "\n"
    done = subprocess.run(
        [sys.executable, "-m", "src.cli", "read"],
        input=written.encode(),
        capture_output=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    return [json.loads(line) for line in done.stdout.decode().splitlines()], done.returncode


def test_every_line_is_answered_in_its_place() -> None:
    told, code = ask(
        {"text": "tengo 42 y no fumo", "awaiting": "age"},
        {"text": "sí", "awaiting": "confirm:mortgage_balance", "candidate": 75000, "nobody": "knows this key"},
        {"text": "unos setenta y pico mil, creo", "awaiting": "mortgage_balance"},
    )
    assert code == 0
    certain = {"confidence": 1.0, "confirm": False, "correction": False, "alternatives": []}
    assert told[0]["values"]["age"] == {"value": 42, **certain}
    assert told[0]["values"]["smoker"]["value"] is False
    assert told[1]["values"]["mortgage_balance"]["value"] == 75000
    assert [intent["name"] for intent in told[1]["intents"]] == ["affirm"]
    assert told[2]["values"]["mortgage_balance"]["confirm"] is True


def test_a_choice_is_told_by_the_id_of_the_option() -> None:
    options = [
        {"id": "a1", "title": "Esencial", "tier": "esencial", "monthly_premium": 9.5},
        {"id": "b2", "title": "Equilibrada", "tier": "equilibrada", "monthly_premium": 14.2},
        {"id": "c3", "title": "Completa", "tier": "completa", "monthly_premium": 21.75},
    ]
    said = ["la segunda", "la de 14,20", "me quedo con la completa", "la más barata", "la 3"]
    told, _ = ask(*({"text": text, "awaiting": "choice", "options": options} for text in said))
    chosen = [[intent["topic"] for intent in each["intents"] if intent["name"] == "choice"] for each in told]
    assert chosen == [["b2"], ["b2"], ["c3"], ["a1"], ["c3"]]


def test_a_bad_line_loses_no_neighbour_and_is_told_by_the_exit_code() -> None:
    told, code = ask({"text": "hola"}, "no json", {"awaiting": "age"}, {"text": 3}, {"text": "a" * 70_000}, {"text": "gracias"})
    assert code == 1
    codes = [each.get("error", {}).get("code") for each in told]
    assert codes == [None, "no_json", "no_text", "text_no_string", "too_long", None]
    assert [intent["name"] for intent in told[-1]["intents"]] == ["thanks"]
