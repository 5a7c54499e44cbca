"""The model file: it belongs to the corpus and the code, and whoever makes it again gets the same bytes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from src.agent.understanding.learnt import MODEL_FILE, checksum, read_heads
from tests.kit.rig import PROJECT
from training.build import HEADS, build, main, stale
from training.corpus import ROOT, read_corpus
from training.fingerprints import PROJECT as CODE
from training.fingerprints import code_files, fingerprints

TAUGHT = """# 4: teaches
[-]
hola, zarandajo => | greeting
me llamo Zarandajo Ruiz y soy zarandajo => name=Zarandajo Ruiz, occupation=zarandajo
[age]
zarandajo 42 => age=42
zarandajo 43, y mi hijo 7 => age=43, child.age=7
[dependents]
mis dos hijos zarandajo => dependents=2
mi hija zarandajo => dependents=1
[occupation_class]
zarandajo => occupation_class=2
[-]
¿zarandajo? => | question:price
¿y zarandajo? => | question:price
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A corpus of two speakers, of whom one is held out: the same but for one word that nobody else says."""
    (tmp_path / "speakers").mkdir()
    (tmp_path / "speakers" / "004.txt").write_text(TAUGHT, encoding="utf-8")
    held_out = TAUGHT.replace("zarandajo", "quisquilloso").replace("Zarandajo", "Quisquilloso")
    (tmp_path / "speakers" / "005.txt").write_text(held_out, encoding="utf-8")
    return tmp_path


def made(corpus: Path, file: Path, seed: str) -> bytes:
    """The model file as `make train` makes it, in processes whose sets are in an order of their own."""
    command = [sys.executable, "-m", "training.build", "--corpus", str(corpus), "--file", str(file)]
    done = subprocess.run(
        command,
        cwd=PROJECT,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return file.read_bytes()


def test_it_belongs_to_the_corpus_and_the_code_and_is_small() -> None:
    assert stale(MODEL_FILE.read_bytes()) == [], "run: make train"
    assert MODEL_FILE.stat().st_size < 30_000_000
    assert set(read_heads(MODEL_FILE.read_bytes())) == set(HEADS)


def test_one_changed_line_of_the_corpus_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "corpus"
    shutil.copytree(ROOT, copy)
    assert main(["--check", "--corpus", str(copy)]) == 0
    speaker = copy / "speakers" / "007.txt"
    speaker.write_text(speaker.read_text(encoding="utf-8").replace("smoker=false", "smoker=true", 1), encoding="utf-8")
    assert main(["--check", "--corpus", str(copy)]) == 1
    assert "the corpus has changed" in capsys.readouterr().out


UNDERSTANDING = "src/agent/understanding"


@pytest.mark.parametrize("changed", [f"{UNDERSTANDING}/features.py", f"{UNDERSTANDING}/words.txt", "training/learn.py"])
def test_changed_code_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changed: str) -> None:
    before = fingerprints(ROOT)
    for file in code_files():
        copy = tmp_path / file.relative_to(CODE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    monkeypatch.setattr("training.fingerprints.PROJECT", tmp_path)
    assert fingerprints(ROOT) == before
    with (tmp_path / changed).open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert fingerprints(ROOT)["code"] != before["code"]
    assert fingerprints(ROOT)["corpus"] == before["corpus"]


def test_the_code_is_everything_that_decides_what_is_learnt() -> None:
    named = {file.relative_to(CODE).as_posix() for file in code_files()}
    understanding = {
        f"src/agent/understanding/{name}" for name in ("features.py", "roles.py", "spans.py", "wording.py", "words.txt")
    }
    assert named >= understanding | {"training/learn.py", "src/agent/redaction.py", f"{UNDERSTANDING}/quantities.py"}
    assert not named & {"src/agent/graph.py", f"{UNDERSTANDING}/reader.py"}, "what is read later decides nothing"


def test_it_is_the_same_whatever_the_order_of_sets_and_the_number_of_processes(small: Path, tmp_path: Path) -> None:
    first, second = (made(small, tmp_path / f"{seed}.bin", seed) for seed in ("1", "2"))
    assert first == second
    alone, parallel = (build(read_corpus(small), processes) for processes in (1, 2))
    for name, head in alone.items():
        assert (head.labels, head.step) == (parallel[name].labels, parallel[name].step)
        assert (head.keys.tobytes(), head.weights.tobytes()) == (
            parallel[name].keys.tobytes(),
            parallel[name].weights.tobytes(),
        )


def test_nothing_is_learnt_from_what_is_held_out(small: Path) -> None:
    heads = build(read_corpus(small))
    for name in ("acts", "topics", "numbers", "mentions", "words", "risks"):
        known = {int(key) for key in heads[name].keys}
        assert known & features_with("zarandajo"), f"{name}: the canary is heard where it may be"
        assert not known & features_with("quisquilloso"), f"{name} has learnt from somebody who is held out"


def features_with(word: str) -> set[int]:
    """The checksums of features that only that word gives."""
    beside = [f"{mark}:{word}" for mark in ("w", "-0", "-1", "-2", "+0", "+1", "+2", "-1w", "w+1", "b", "first")]
    pieces = [f"clause:{word[:6]}", f"-stem:{word[:5]}", f"+stem:{word[:5]}", f"c:{word[:5]}"]
    return {checksum(feature) for feature in (*beside, *pieces)}


def test_a_corpus_that_names_what_nobody_knows_makes_no_file(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (small / "speakers" / "001.txt").write_text("[-]\nhola => | salute\n", encoding="utf-8")
    assert main(["--corpus", str(small), "--file", str(small / "none.bin")]) == 1
    assert "001.txt:2: no intent is called 'salute'" in capsys.readouterr().err
    assert not (small / "none.bin").exists()


@pytest.mark.skipif(not os.environ.get("CI"), reason="it takes a minute; CI makes the file again")
@pytest.mark.timeout(1200)
def test_made_again_it_has_the_same_bytes(tmp_path: Path) -> None:
    assert made(ROOT, tmp_path / "again.bin", "7") == MODEL_FILE.read_bytes()
