"""The conversations in docs/conversations are as they were played: what they show is what the product does."""

from __future__ import annotations

import pytest

from bench.conversations import FOLDER, pages

PAGES = pages()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_as_played(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name], "make conversations writes them anew"


def test_there_is_no_page_that_nobody_plays() -> None:
    assert {file.name for file in FOLDER.glob("*.md")} == set(PAGES)


def test_nobody_is_told_that_counsel_has_yet_to_look_at_an_answer() -> None:
    assert not [name for name, page in PAGES.items() if "asesoría jurídica" in page]
