"""Every rule of Chatwoot that `tests/kit/README.md` lists has a test with its number in its name: `test_r04_r05_…`."""

import re
from pathlib import Path

ALL_RULES = set(range(1, 85))
TESTS_OF_CHATWOOT = sorted(Path(__file__).parent.glob("test_chatwoot_*.py"))
README = Path(__file__).parents[1] / "README.md"


def test_every_rule_is_tested_by_number():
    names = [n for file in TESTS_OF_CHATWOOT for n in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)]
    assert {int(number) for name in names for number in re.findall(r"_r(\d\d)(?=_|$)", name)} == ALL_RULES


def test_every_rule_is_in_the_list():
    rules = README.read_text().partition("named after them)\n")[2].partition("## ")[0]
    entries = [re.match(r"\d+(?:, \d+)*", entry.strip()) for entry in rules.split("·")]
    assert {int(number) for entry in entries if entry for number in entry[0].split(", ")} == ALL_RULES
