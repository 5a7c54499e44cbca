"""Secrets in the store: nobody reads them without our key, another key says so, a list of keys rotates."""

from __future__ import annotations

import msgspec
import pytest

from src.errors import SealedElsewhere
from src.integrations.sealing import Seals

OLD, NEW = "the old key of the installation....", "the new key of the installation...."
ACCESS = {"OPENAI_API_KEY": "sk-geheim", "OPENAI_MODEL": "gpt"}


def seals(*keys: str) -> Seals:
    return Seals(lambda: keys)


def test_what_was_sealed_is_opened_and_nobody_reads_it() -> None:
    stored = seals(OLD).seal("openai", ACCESS)
    assert seals(OLD).open("openai", stored) == ACCESS
    assert b"geheim" not in msgspec.json.encode(stored)
    assert OLD not in str(stored)


def test_another_key_says_whose_it_is_not() -> None:
    stored = seals(OLD).seal("openai", ACCESS)
    with pytest.raises(SealedElsewhere, match=stored["key"]):
        seals(NEW).open("openai", stored)


def test_a_list_of_keys_rotates() -> None:
    stored = seals(OLD).seal("openai", ACCESS)
    both = seals(NEW, OLD)
    assert both.open("openai", stored) == ACCESS
    assert not both.is_of_first_key(stored)
    anew = both.seal("openai", both.open("openai", stored))
    assert both.is_of_first_key(anew)
    assert seals(NEW).open("openai", anew) == ACCESS


@pytest.mark.parametrize("spoil", [lambda token: token[:-2], lambda token: "x" + token[1:], lambda _: "", lambda _: "ñ"])
def test_what_is_damaged_is_not_opened(spoil: object) -> None:
    assert callable(spoil)
    stored = seals(OLD).seal("openai", ACCESS)
    with pytest.raises(SealedElsewhere):
        seals(OLD).open("openai", {**stored, "token": spoil(stored["token"])})


@pytest.mark.parametrize("stored", [None, "x", {}, {"key": 1, "token": 2}, []])
def test_what_was_never_sealed_is_not_opened(stored: object) -> None:
    with pytest.raises(SealedElsewhere):
        seals(OLD).open("openai", stored)


def test_what_was_sealed_for_one_vendor_opens_no_other() -> None:
    with pytest.raises(SealedElsewhere):
        seals(OLD).open("whatsapp", seals(OLD).seal("openai", ACCESS))
