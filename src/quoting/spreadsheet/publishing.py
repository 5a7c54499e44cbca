"""From a checked spreadsheet to the files that the server reads: TOML with its seals, and the mortality table."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from src.quoting.products import COVERAGES_FILE, TARIFF_FILE, Index, Tariff
from src.quoting.spreadsheet.reading import Draft
from src.quoting.tables import write_columns

WRITTEN = "# Written by `python -m src.cli tariff import`; a published version is never edited.\n"


def published_files(draft: Draft, tariff: Tariff) -> tuple[dict[str, bytes], bytes]:
    """The files of a tariff's folder by their names, and its mortality table."""
    plain = msgspec.to_builtins(tariff, builtin_types=(Decimal, date), str_keys=True)
    files = {TARIFF_FILE: _toml(plain), COVERAGES_FILE: _toml(_builtins(draft.coverages))}
    files |= {f"{name}.toml": _toml(_builtins(product)) for name, product in draft.products.items()}
    return files, write_columns(draft.columns)


def index_with(index: Index, version: str, files: Mapping[str, bytes]) -> bytes:
    """The index with that tariff as the one that is sold, and its seals beside those of the tariffs before it."""
    seals = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return _toml({"current": version, "seals": {**index.seals, version: seals}})


def _builtins(value: Any) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(value, builtin_types=(Decimal,), str_keys=True)
    return plain


def _toml(record: Mapping[str, Any]) -> bytes:
    return (WRITTEN + "\n".join(_lines(record, ())) + "\n").encode("utf-8")


def _lines(record: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """First what belongs to the table itself, then the tables in it, then the lists of tables."""
    given = {key: value for key, value in record.items() if value is not None}
    tables = {key: value for key, value in given.items() if isinstance(value, dict)}
    lists = {key: value for key, value in given.items() if _is_list_of_tables(value)}
    for key, value in given.items():
        if key not in tables and key not in lists:
            yield f"{_key(key)} = {_scalar(value)}"
    for key, value in tables.items():
        name = (*path, _key(key))
        if any(not isinstance(one, dict) for one in value.values()):
            yield f"\n[{'.'.join(name)}]"
        yield from _lines(value, name)
    for key, value in lists.items():
        for one in value:
            yield f"\n[[{'.'.join((*path, _key(key)))}]]"
            yield from _lines(one, (*path, _key(key)))


def _is_list_of_tables(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and isinstance(value[0], dict)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        written = f"{value:f}"
        return written if "." in written else f"{written}.0"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_scalar, value))}]"
    return str(value) if isinstance(value, int) else json.dumps(value, ensure_ascii=False)
