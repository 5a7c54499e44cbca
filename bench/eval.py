"""How well messages are understood, by set. The headline are the speakers of the corpus that nothing is learnt from.

    python -m bench.eval [--failures] [--only PART] [--json FILE]

The sets under ../shared/nlu are for judging only and are skipped, visibly, where they are absent. What is right and wrong is
said in bench/judging.py. Exit status 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from bench import answered, published_sets
from bench.answered import Answered
from bench.judging import KINDS, Verdict
from bench.published_sets import SHARED, Score
from src.agent.understanding import read
from src.agent.understanding.learnt import MODEL_FILE
from training.corpus import ROOT as CORPUS
from training.corpus import Utterance, read_corpus, read_meaning

PEOPLE = SHARED / "people" / "utterances.jsonl"
_MOST_FAULTS_SHOWN = 24


@dataclass
class Heard:
    """A set of messages as read, with what is aimed at: the least share fully right, the largest from which wrong is stored."""

    name: str
    least_right: float
    most_stored_wrong: float
    verdict: Verdict = field(default_factory=Verdict)
    spent_ms: list[float] = field(default_factory=list)

    def hear(self, messages: Iterable[Utterance]) -> Heard:
        """Reads and judges them."""
        for said in messages:
            started_s = time.perf_counter()
            reading = read(said.text, said.context)
            self.spent_ms.append((time.perf_counter() - started_s) * 1000)
            self.verdict.hear(said, reading)
        return self

    @property
    def reached(self) -> bool:
        """Whether it is as good as it should be."""
        return self.verdict.fully_right >= self.least_right and self.verdict.stored_wrong <= self.most_stored_wrong

    def figures(self) -> dict[str, Any]:
        """For programs."""
        verdict = self.verdict
        return {
            "messages": len(verdict.faults),
            "fully_right": round(verdict.fully_right, 4),
            "stored_wrong": round(verdict.stored_wrong, 4),
            "acted_wrongly": round(verdict.acted_wrongly, 4),
            "faults": dict(verdict.by_fault()),
            "by_question": verdict.by_question(),
            "topics": dict(verdict.topics),
        }

    def lines(self) -> Iterator[str]:
        """The figures for people."""
        verdict = self.verdict
        yield f"{self.name}: {len(verdict.faults)} messages, {'as good as it should be' if self.reached else 'TARGET MISSED'}"
        yield f"  fully right {verdict.fully_right:>31.1%}   (target: {self.least_right:.0%})"
        yield f"  a wrong or false value stored unasked {verdict.stored_wrong:>5.1%}   (target: {self.most_stored_wrong:.1%})"
        yield f"  an act read that nobody meant {verdict.acted_wrongly:>13.1%}"
        counts = {kind: verdict.count(kind) for kind in KINDS}
        asked = {kind: verdict.count(kind, asked=True) for kind in KINDS}
        yield (
            f"  values: {verdict.right_values} right, {counts['missed value']} missed, {counts['wrong value']} wrong "
            f"({asked['wrong value']} of them asked about), {counts['false value']} false ({asked['false value']} asked about)"
        )
        yield f"  intents: {verdict.right_intents} right, {counts['missed intent']} missed, {counts['false intent']} false"
        if verdict.topics:
            yield f"  topics of questions: {', '.join(f'{count} {how}' for how, count in verdict.topics.most_common())}"
        faults = verdict.by_fault().most_common(_MOST_FAULTS_SHOWN)
        yield f"  faults: {', '.join(f'{fault} {count}' for fault, count in faults)}"
        by_question = verdict.by_question().items()
        yield f"  by open question: {', '.join(f'{question} {right}/{count}' for question, (right, count) in by_question)}"

    def failures(self) -> Iterator[str]:
        """Every message with a fault."""
        for said, faults in self.verdict.faults:
            if faults:
                yield f"  {self.name} [{said.awaiting or '-'}] {said.text!r}: {'; '.join(map(str, faults))}"


def held_out_speakers() -> Heard:
    """The headline: people nothing was learnt from."""
    return Heard("held-out speakers", 0.90, 0.005).hear(said for said in read_corpus() if said.by_speaker and said.held_out)


def held_out_questions() -> Heard:
    """Questions nothing was learnt from; what counts is what they are about."""
    return Heard("held-out questions", 0.90, 0.01).hear(said for said in read_corpus() if not said.by_speaker and said.held_out)


def people() -> Heard:
    """People from outside the corpus."""
    return Heard("people", 0.88, 0.005).hear(visible_people())


def visible_people() -> Iterator[Utterance]:
    """The messages of ../shared/nlu/people, in the corpus's notation."""
    for line in PEOPLE.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        text = re.sub(r"^\[\+\d+d\] ", "", row["text"])  # how long after the last message it came
        yield Utterance(0, row["awaiting"], row.get("candidate"), text, *read_meaning(row["expected"]), place=row["who"])


Measured = TypeVar("Measured", Heard, Score, Answered)
HEARD: tuple[tuple[Callable[[], Heard], Path], ...] = (
    (held_out_speakers, CORPUS),
    (held_out_questions, CORPUS),
    (people, PEOPLE),
)


def measured(sets: Iterable[tuple[Callable[[], Measured], Path]], only: str) -> list[Measured]:
    """The sets whose names hold that word and whose files are there."""
    found: list[Measured] = []
    for measure, needed in sets:
        name = measure.__name__.replace("_", " ")
        if only not in name:
            continue
        if needed.exists():
            found.append(measure())
        else:
            print(f"skipped: {name} ({needed.name} is not here)")
    return found


def costs(heard: Iterable[Heard]) -> str:
    """What a reading and the model file take."""
    spent = sorted(each for one in heard for each in one.spent_ms[50:])  # the first ones load what the others use
    size = f"model file {MODEL_FILE.stat().st_size / 1e6:.1f} MB"
    if not spent:
        return size
    p95 = spent[int(len(spent) * 0.95)]
    return f"a reading takes {statistics.median(spent):.2f} ms, 95 % at most {p95:.2f} ms ({len(spent)} messages); {size}"


def table(scores: Iterable[Score]) -> Iterator[str]:
    """The published sets, a line each."""
    yield f"{'published set':28}{'right':>12}{'share':>9}  {'target':18}{'':8}"
    for score in scores:
        verdict = "reached" if score.reached else "MISSED"
        yield f"{score.name:28}{score.right:>6}/{score.total:<5}{score.share:>8.1%}  {score.target:18}{verdict:8}{score.note}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--failures", action="store_true", help="print every message that was not read as meant")
    parser.add_argument("--only", default="", help="part of a set's name")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    arguments = parser.parse_args()
    heard, scores = measured(HEARD, arguments.only), measured(published_sets.SETS, arguments.only)
    asked = measured(answered.SETS, arguments.only)
    for one in heard:
        print(*one.lines(), "", sep="\n")
    if asked:
        print(*(each.line() for each in asked), "", sep="\n")
    if scores:
        print(*table(scores), "", sep="\n")
    print(costs(heard))
    if arguments.failures:
        for one in heard:
            print(*one.failures(), sep="\n")
        print(*(f"  {one.name}: {failure}" for one in (*asked, *scores) for failure in one.failures), sep="\n")
    if arguments.json:
        published = {s.name: {"right": s.right, "total": s.total, "wrong": s.wrong, "target": s.target} for s in scores}
        figures = {**{one.name: one.figures() for one in (*heard, *asked)}, **published}
        arguments.json.write_text(json.dumps(figures, indent=2, ensure_ascii=False), encoding="utf-8")
    return 0 if all(one.reached for one in (*heard, *asked, *scores)) else 1


if __name__ == "__main__":
    sys.exit(main())
