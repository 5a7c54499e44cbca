"""Whatever a vendor sends, what is kept fits every store."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from src.integrations.untrusted import TREE_DEPTH, TREE_VALUES, line_of, name_of, text_of, tree_of

# A busy machine is no failure.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
)


@UNHURRIED
@given(ANYTHING)
def test_anything_becomes_something_that_can_be_stored(value: Any) -> None:
    kept = tree_of(value)
    assert msgspec.json.decode(msgspec.json.encode(kept)) == kept
    for text in (text_of(value, 9), line_of(value, 9), name_of(value)):
        text.encode()
        assert len(text) <= 128


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 2**63, -(2**70)])
def test_numbers_that_json_stores_do_not_hold_are_left_out(number: Any) -> None:
    assert tree_of({"n": number, "m": 2**63 - 1}) == {"n": None, "m": 2**63 - 1}


def test_depth_is_bounded() -> None:
    deep: Any = "end"
    for _ in range(TREE_DEPTH + 5):
        deep = [deep]
    kept = tree_of(deep)
    for _ in range(TREE_DEPTH + 1):
        (kept,) = kept
    assert kept is None


@pytest.mark.parametrize("wide", [["x"] * 9999, {str(n): "x" for n in range(9999)}, [["x"] * 99] * 99])
def test_the_number_of_values_is_bounded(wide: Any) -> None:
    assert msgspec.json.encode(tree_of(wide)).count(b'"x"') <= TREE_VALUES


def test_texts_names_and_lines() -> None:
    assert text_of("uno\r\n\x00dos\ud83d", 99) == "uno\ndos\ufffd"
    assert line_of(" uno\n\t dos ", 99) == "uno dos"
    assert name_of("\u202eatraM\u200b") == "atraM"
    assert (text_of(5, 9), line_of(None, 9), name_of(["x"])) == ("", "", "")
