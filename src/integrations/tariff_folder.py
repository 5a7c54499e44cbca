"""The folder that tariffs are sold from: what is published there, and publishing another beside it."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from src.errors import DamagedCatalogue
from src.quoting import Catalogue, load_catalogue
from src.quoting.products import INDEX_FILE, Book, read_index
from src.quoting.spreadsheet import Published, index_with


def published_in(folder: Path) -> Published:
    """What that folder has. Raises DamagedCatalogue."""
    versions = read_index(folder).seals

    def book_of(version: str) -> Book | None:
        return load_catalogue(version, folder).book if version in versions else None

    tables = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (folder / "mortality").glob("*.csv")}
    return Published(book_of, tables)


def publish(folder: Path, version: str, files: Mapping[str, bytes], table: tuple[str, bytes], *, before: Path) -> Catalogue:
    """Puts a tariff beside the earlier ones and makes it the one that is sold. The catalogue as it will be read.

    A folder that has none yet begins with the tariffs of `before`, so that earlier offers can be priced for ever. Everything
    is tried on a copy first; the index, which makes it count, is replaced last. Raises DamagedCatalogue, OSError.
    """
    with tempfile.TemporaryDirectory(prefix="tariff-") as spare:
        copy = Path(spare) / "package"
        base = folder if (folder / "catalogue" / INDEX_FILE).exists() else before
        for part in ("catalogue", "mortality"):
            shutil.copytree(base / part, copy / part)
        index = read_index(copy)
        if version in index.seals:
            raise DamagedCatalogue(
                f"{version} is published already; a published tariff is never edited. Give it a new version."
            )
        for name, content in _tree(version, files, table).items():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes(content)
        (copy / "catalogue" / INDEX_FILE).write_bytes(index_with(index, version, files))
        load_catalogue(version, copy)
        index_last = sorted((path for path in copy.rglob("*") if path.is_file()), key=lambda path: path.name == INDEX_FILE)
        for path in index_last:
            _place(path, folder / path.relative_to(copy))
    load_catalogue.cache_clear()
    return load_catalogue("", folder)


def _tree(version: str, files: Mapping[str, bytes], table: tuple[str, bytes]) -> dict[str, bytes]:
    name, content = table
    return {f"catalogue/{version}/{file}": written for file, written in files.items()} | {f"mortality/{name}": content}


def _place(source: Path, target: Path) -> None:
    """Whole or not at all; what is there already and the same stays untouched."""
    content = source.read_bytes()
    if target.exists() and target.read_bytes() == content:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as new:
        new.write(content)
        new.flush()
        os.fsync(new.fileno())
    Path(new.name).chmod(0o644)
    Path(new.name).replace(target)
