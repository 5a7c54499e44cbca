"""What becomes of questions: answered rightly, honestly not at all, two answers offered, or answered wrongly."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from bench.published_sets import SHARED
from src.agent.knowledge import search
from src.agent.understanding.asking import OTHER, TALKED_OF_AS
from src.agent.understanding.deciding import topic_of
from src.agent.understanding.grammar import grammar_of
from training.corpus import ROOT as CORPUS
from training.corpus import TALK_TOPICS, TODAY, Utterance, read_corpus

PLAIN = Path(__file__).parents[1] / "tests" / "agent" / "knowledge" / "questions.tsv"
PUBLIC = SHARED / "people" / "questions.jsonl"
_PUBLIC_ANSWERS = (
    "vinculado-a-hipoteca", "limites-de-edad", "reconocimiento-medico", "sin-trabajo", "firma/como-se-contrata",
    "quien-ve-mis-datos", "suicidio", "viajes", "prima-fija", "descuentos", "cuando-empieza", "beneficiarios",
    "impuestos-al-cobrar", "incapacidad", "enfermedades-graves", "cambiar-la-poliza", "quiebra-de-la-aseguradora",
    "precio-de-la-competencia",
)  # fmt: skip
"""Which entry answers each of the public questions, in their order."""
_ANSWERS_AS_WELL = {
    "cheaper": "descuentos",
    **{talk: entry for entry, talk in TALKED_OF_AS.items() if entry != "asesoramiento"},
}
"""What is talked about beside the entries, and the entry that says the same."""

Outcome = Literal["right", "nothing found", "two offered", "two others offered", "wrong"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


def outcome(text: str, wanted: Iterable[str]) -> Outcome:
    """What somebody hears who asks that: of two that are offered one is right, or neither."""
    right = {name for topic in wanted for name in (topic, TALKED_OF_AS.get(topic, topic), _ANSWERS_AS_WELL.get(topic, topic))}
    topic = topic_of(grammar_of(text, None, TODAY))
    answers = [topic] if topic in TALK_TOPICS else [entry.id for entry in search(text)]
    if not answers:
        return "right" if OTHER in right else "nothing found"
    fits, alone = bool(right & set(answers)), len(answers) == 1
    return ("right" if fits else "wrong") if alone else ("two offered" if fits else "two others offered")


@dataclass
class Answered:
    """A set of questions, with what is aimed at: the least share right, the largest wrong."""

    name: str
    least_right: float
    most_wrong: float
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def ask(self, questions: Iterable[tuple[str, Sequence[str]]]) -> Answered:
        """Asks them, each with the topics of which any one is right."""
        for text, wanted in questions:
            heard = outcome(text, wanted)
            self.outcomes[heard] += 1
            if heard != "right":
                self.failures.append(f"{text!r} ({'/'.join(wanted)}): {heard}")
        return self

    def share(self, outcome: Outcome) -> float:
        """Which share of the questions came out like that."""
        return self.outcomes[outcome] / max(self.outcomes.total(), 1)

    @property
    def reached(self) -> bool:
        """Whether it is as good as it should be."""
        return self.share("right") >= self.least_right and self.share("wrong") <= self.most_wrong

    def line(self) -> str:
        """The figures for people."""
        verdict = "as good as it should be" if self.reached else "TARGET MISSED"
        told = ", ".join(f"{self.share(outcome):.1%} {outcome}" for outcome in OUTCOMES)
        return f"{self.name}: {self.outcomes.total()} questions, {told} ({verdict})"

    def figures(self) -> dict[str, Any]:
        """For programs."""
        return {"questions": self.outcomes.total(), **self.outcomes}


def plain_questions() -> Answered:
    """Everyday questions in few words; nothing is learnt from them."""
    rows = (line.split("\t") for line in PLAIN.read_text(encoding="utf-8").splitlines() if line.startswith("es\t"))
    return Answered("plain questions", 0.94, 0.03).ask((text, [topic]) for _, topic, text in rows)


def questions_of_held_out_speakers() -> Answered:
    """What people ask in the midst of a sale, in their own manner."""
    return Answered("questions of held-out speakers", 0.70, 0.05).ask(
        (said.text, topics) for said, topics in _held_out() if said.by_speaker
    )


def unusual_questions() -> Answered:
    """The collected questions: each by somebody else, and each as nobody else would put it."""
    return Answered("unusual questions, held out", 0.42, 0.07).ask(
        (said.text, topics) for said, topics in _held_out() if not said.by_speaker
    )


def public_questions() -> Answered:
    """Questions of people from outside."""
    told = [json.loads(line)["question"] for line in PUBLIC.read_text(encoding="utf-8").splitlines()]
    wanted = (answers.split("/") for answers in _PUBLIC_ANSWERS)
    return Answered("public questions", 0.85, 0.05).ask(zip(told, wanted, strict=True))


def _held_out() -> Iterator[tuple[Utterance, list[str]]]:
    for said in read_corpus():
        asked = (each for alternatives in said.intents for each in alternatives if each.startswith("question:"))
        topics = sorted({each.removeprefix("question:") for each in asked})
        if said.held_out and topics:
            yield said, topics


SETS = (
    (plain_questions, PLAIN),
    (questions_of_held_out_speakers, CORPUS),
    (unusual_questions, CORPUS),
    (public_questions, PUBLIC),
)
