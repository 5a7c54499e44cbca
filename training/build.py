"""Makes the reader's model file from the corpus: `make train`.

python -m training.build            writes the file
python -m training.build --check    says whether it belongs to the corpus and the code; exit status 1 when it does not
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from src.agent.understanding.learnt import MODEL_FILE, Head, header_of, write_heads
from training import acts, roles, topics, words
from training.choose import ChoosingPace, learn_one_of
from training.corpus import ROOT, CorpusError, Utterance, read_corpus, unknown_labels
from training.fingerprints import fingerprints
from training.learn import Pace, learn
from training.out_of_turn import beside_the_question

Learner = Callable[[Iterable[Utterance]], Head]

HEADS: dict[str, Learner] = {
    "acts": lambda corpus: learn(acts.act_examples(corpus), Pace(rate=150, epochs=12)),
    "topics": lambda corpus: learn_one_of(topics.topic_examples(corpus), ChoosingPace()),
    "numbers": lambda corpus: learn(roles.number_examples(corpus), Pace(rate=100, epochs=12)),
    "mentions": lambda corpus: learn(roles.mention_examples(corpus), Pace(rate=100)),
    "words": lambda corpus: learn(words.word_examples(corpus), Pace(rate=100, epochs=5)),
    "risks": lambda corpus: learn(words.risk_examples(corpus), Pace(rate=100, least_seen=1)),
}
"""What is asked of a message, and how that is learnt, in the order of the file."""
_BESIDE_THE_QUESTION = ("acts", "numbers", "mentions", "words")
"""What is also learnt of facts that were not asked for."""
_LONGEST_FIRST = ("words", "acts", "topics", "numbers", "mentions", "risks")


def build(corpus: Iterable[Utterance], processes: int = 1) -> dict[str, Head]:
    """Every head, learnt from what is not held out. The result is the same with any number of processes."""
    taught = [said for said in corpus if not said.held_out]
    if processes == 1:
        learnt = {name: _learn_from(taught, name) for name in HEADS}
    else:
        spawning = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, spawning, initializer=_teach, initargs=(taught,)) as pool:
            learnt = dict(zip(_LONGEST_FIRST, pool.map(_learn_taught, _LONGEST_FIRST), strict=True))
    return {name: learnt[name] for name in HEADS}


def _learn_from(taught: Sequence[Utterance], name: str) -> Head:
    beside = beside_the_question(taught) if name in _BESIDE_THE_QUESTION else ()
    return HEADS[name]([*taught, *beside])


_taught: Sequence[Utterance] = ()
"""What this process learns from; set once when it starts, because every task needs it."""


def _teach(taught: Sequence[Utterance]) -> None:
    global _taught  # noqa: PLW0603 - a process of the pool has nothing else to keep it in
    _taught = taught


def _learn_taught(name: str) -> Head:
    return _learn_from(_taught, name)


def model_file(root: Path = ROOT, processes: int = 1) -> bytes:
    """The bytes of the model file for a corpus. Raises CorpusError when a line cannot be read or names what nobody knows."""
    corpus = read_corpus(root)
    unknown = unknown_labels(corpus)
    if unknown:
        raise CorpusError("\n".join(unknown))
    return write_heads(build(corpus, processes), **fingerprints(root))


def stale(stored: bytes, root: Path = ROOT) -> list[str]:
    """Why a model file does not belong to the corpus and the code as they are; nothing when it does."""
    made_of = header_of(stored)
    return [f"the {what} has changed since" for what, now in fingerprints(root).items() if made_of.get(what) != now]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, only say whether the file is up to date")
    parser.add_argument("--corpus", type=Path, default=ROOT, help="another folder in the corpus's format")
    parser.add_argument("--file", type=Path, default=MODEL_FILE, help="another place for the model file")
    asked = parser.parse_args(arguments)
    return _check(asked.file, asked.corpus) if asked.check else _make(asked.file, asked.corpus)


def _check(file: Path, root: Path) -> int:
    faults = stale(file.read_bytes(), root) if file.exists() else ["it does not exist"]
    print(f"{file.name}: {'; '.join(faults)}. Make it with: make train" if faults else f"{file.name} is up to date")
    return 1 if faults else 0


def _make(file: Path, root: Path) -> int:
    started_s = time.monotonic()
    try:
        made = model_file(root, processes=os.cpu_count() or 1)
    except CorpusError as fault:
        print(fault, file=sys.stderr)
        return 1
    fresh = file.with_suffix(".new")
    fresh.write_bytes(made)
    fresh.replace(file)
    print(f"{file.name}: {len(made) / 1e6:.1f} MB in {time.monotonic() - started_s:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
