"""The catalogue as shipped, and a copy of its files that a test may damage and seal anew."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from src.quoting import Catalogue, load_catalogue
from src.quoting.products import PACKAGE

TODAY = date(2026, 11, 20)
VERSION = "2026.1"


class Files:
    """A writable copy of the package's data. `edit` leaves the seals as they are; `reseal` makes them fit again."""

    def __init__(self, package: Path) -> None:
        self.package = package
        self.index = package / "catalogue" / "current.toml"
        self.tariff = package / "catalogue" / VERSION / "tariff.toml"
        self.coverages = self.tariff.with_name("coverages.toml")
        self.table = package / "mortality" / "pasem2020.csv"

    def product(self, name: str) -> Path:
        return self.tariff.with_name(f"{name}.toml")

    def edit(self, path: Path, change: Callable[[str], str]) -> None:
        before = path.read_text(encoding="utf-8")
        after = change(before)
        assert after != before, "the edit changes nothing"
        path.write_text(after, encoding="utf-8")

    def reseal(self) -> None:
        """What somebody does who damages the files and enters the new hashes too."""
        sealed = sha256(self.table)
        text = self.tariff.read_text(encoding="utf-8")
        self.tariff.write_text(re.sub(r'sha256 = "[0-9a-f]{64}"', f'sha256 = "{sealed}"', text), encoding="utf-8")
        lines = [f'"{path.name}" = "{sha256(path)}"' for path in sorted(self.tariff.parent.glob("*.toml"))]
        self.index.write_text("\n".join([f'current = "{VERSION}"', f'[seals."{VERSION}"]', *lines]), encoding="utf-8")

    def load(self, version: str = "") -> Catalogue:
        load_catalogue.cache_clear()
        return load_catalogue(version, self.package)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture
def files(tmp_path: Path) -> Files:
    for folder in ("catalogue", "mortality"):
        shutil.copytree(PACKAGE / folder, tmp_path / folder)
    return Files(tmp_path)
