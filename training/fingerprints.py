"""Checksums of all that a model file is made of, so that one glance tells whether it is still the right one."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from src.agent.knowledge.entries import OWN_ENTRIES, read_entries
from training.corpus import corpus_files

PROJECT = Path(__file__).resolve().parents[1]
_OURS = ("src", "training")


def fingerprints(root: Path) -> dict[str, str]:
    """ "corpus": everything that is learnt from; "code": everything that decides what is learnt from it, and how."""
    questions = "\n".join(f"{entry.id}\t{question}" for entry in read_entries([OWN_ENTRIES])[0] for question in entry.questions)
    corpus = [(file.relative_to(root).as_posix(), file.read_bytes()) for file in corpus_files(root)]
    code = [(file.relative_to(PROJECT).as_posix(), file.read_bytes()) for file in code_files()]
    return {"corpus": _checksum([*corpus, ("questions of the answers", questions.encode())]), "code": _checksum(code)}


def _checksum(parts: Iterable[tuple[str, bytes]]) -> str:
    digest = hashlib.sha256()
    for name, content in parts:
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def code_files() -> list[Path]:
    """The modules behind `training.build`, found by what they import, and the lists that lie beside them."""
    found: set[Path] = set()
    waiting = [PROJECT / "training" / "build.py"]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += _imported_by(file)
    lists = {each for module in found for each in module.parent.glob("*.txt")}
    return sorted(found | lists)


def _imported_by(file: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            module = PROJECT.joinpath(*name.split(".")).with_suffix(".py")
            if name.partition(".")[0] in _OURS and module.is_file():
                yield module
