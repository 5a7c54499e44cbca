"""The lists of promises and threats name tests that exist; every variable that is promised is read and can be found."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from src.house.settings import SCHEMA

PROJECT = Path(__file__).resolve().parents[1]
LISTS = {name: (PROJECT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("contract", "security")}
HEADS = ("| promise", "| threat", "|---")
ROWS = {
    name: [line for line in text.splitlines() if line.startswith("|") and not line.startswith(HEADS)]
    for name, text in LISTS.items()
}
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", "".join(LISTS.values()))


@cache
def names_in(path: str) -> set[str]:
    tree = ast.parse((PROJECT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("name", "least"), [("contract", 60), ("security", 25)])
def test_every_line_is_held_by_a_test(name: str, least: int) -> None:
    assert len(ROWS[name]) > least
    assert [row for row in ROWS[name] if "::test_" not in row] == []


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMED)))
def test_the_test_exists(path: str, name: str) -> None:
    assert name in names_in(path), f"{path} has no {name}"


def test_every_variable_is_read_and_written_down() -> None:
    settings = (PROJECT / "src" / "settings.py").read_text(encoding="utf-8")
    example = (PROJECT / ".env.example").read_text(encoding="utf-8")
    read = set(re.findall(r'read\.\w+\(\s*"([A-Z][A-Z0-9_]+)"', settings))
    read |= {setting.variable for setting in SCHEMA.values()}
    assert len(read) > 50
    assert [name for name in sorted(read) if not re.search(rf"^#?{name}=", example, re.MULTILINE)] == []
