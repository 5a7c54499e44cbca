"""One table says what may be known of a prospect: everything else derives from it, and hardly anything names a key itself."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from src.agent.profile import AMOUNTS, ASKED, FIELDS, PRICING, SUMMED_UP, TOLD
from src.agent.texts import LANGUAGES, phrasebook

PROJECT = Path(__file__).parents[2]
CONTRACT = (
    "name, birth_date, age, smoker, occupation, occupation_class, marital_status, dependents, monthly_income, "
    "mortgage_balance, other_debts, savings, existing_cover, sum_assured, monthly_budget, term_years, email, postal_code"
)


def test_the_table_is_the_closed_set_of_the_contract() -> None:
    assert ", ".join(FIELDS) == CONTRACT


def naming(key: str) -> set[str]:
    """The modules in which a key stands as a literal, but for what states of earlier schemas held, which never changes."""
    found = defaultdict(set)
    for file in (each for each in (PROJECT / "src").rglob("*.py") if each.name != "upgrades.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found[node.value.rpartition(":")[2]].add(file.relative_to(PROJECT / "src").as_posix())
    return found[key]


def test_a_mortgage_is_named_by_the_table_its_product_and_its_reader() -> None:
    assert naming("mortgage_balance") == {
        "agent/profile.py",  # the row
        "agent/stages/wishes.py",  # the cover that follows the loan
        "agent/understanding/details.py",  # its words: "hipoteca"
        "agent/understanding/figures.py",  # what is owed is owed for the home mostly
    }


MOST = {"monthly_income": 8, "sum_assured": 21, "monthly_budget": 8}
"""Files that name it: an income is reckoned with by the year, a sum and a budget are wished for and haggled over."""


@pytest.mark.parametrize("key", AMOUNTS)
def test_amounts_are_named_where_they_behave_like_no_other(key: str) -> None:
    assert len(naming(key)) <= MOST.get(key, 5), sorted(naming(key))


def test_what_is_asked_can_be_said_in_every_language() -> None:
    for language in LANGUAGES:
        book = phrasebook(language, "tu")
        for key, field in FIELDS.items():
            assert field.label in book
            assert f"echo.{key}" in book or f"echo.{key}_true" in book or key == "occupation_class"
            assert all(not title or title in book for _, title in field.buttons)
            assert all(text in book for text in field.choices.values())
            assert not field.asked or (f"ask.{key}" in book and (f"why.{key}" in book or key == "name"))


def test_what_a_model_may_read_is_explained_to_it() -> None:
    prompt = (PROJECT / "src/agent/thinking/prompts/read.es.v1.txt").read_text(encoding="utf-8")
    assert [key for key, field in FIELDS.items() if field.may_model_read and key not in prompt] == []


def test_people_are_told_what_is_known_in_an_order_that_reads_well() -> None:
    assert TOLD[:6] == ("name", "age", "birth_date", "smoker", "occupation", "occupation_class")
    assert TOLD[TOLD.index("existing_cover") + 1] == "marital_status"
    assert set(TOLD) - set(SUMMED_UP) == {"birth_date", "occupation_class"}
    assert ASKED == ("name", "age", "smoker", "dependents", "monthly_income", "mortgage_balance", "occupation")
    assert set(TOLD) - set(PRICING) == {"name", "occupation", "email", "postal_code"}


ROW = """    Field(key="car_loan", kind="amount", unit="EUR", bounds=(0, 90_000), plausible=(2_000, 90_000),
          asked=65, optional=True, none_is_zero=True, buttons=((0, "options.no_mortgage"),)),
"""
TEXTS = {"label": "Préstamo del coche", "echo": "{value} del coche", "ask": "¿Cuánto queda del coche?", "why": "Por si acaso."}


def test_a_question_more_is_a_row_and_its_texts(tmp_path: Path) -> None:
    """Everybody asks for it, shows it, takes it and writes it, with nothing else changed."""
    for part in ("src", "tests"):
        copytree(PROJECT / part, tmp_path / part, ignore=ignore_patterns("__pycache__", "*.pyc"))
    table = tmp_path / "src/agent/profile.py"
    rows = table.read_text(encoding="utf-8")
    table.write_text(rows.replace('    Field(key="term_years"', f'{ROW}    Field(key="term_years"'), encoding="utf-8")
    for language in LANGUAGES:
        texts = tmp_path / f"src/agent/texts/{language}.toml"
        lines = texts.read_text(encoding="utf-8")
        for section, text in TEXTS.items():
            lines = lines.replace(f"[{section}]\n", f'[{section}]\ncar_loan = "{text}"\n', 1)
        texts.write_text(lines, encoding="utf-8")
        assert set(TEXTS) <= set(tomllib.loads(lines))
    followed = [sys.executable, "-m", "tests.agent.one_question_more"]
    done = subprocess.run(followed, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
