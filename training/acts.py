"""What a message teaches as a whole: what its author does with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from src.agent.profile import NONE_IS_ZERO
from src.agent.understanding.choices import pointers_of
from src.agent.understanding.deciding import MEANING
from src.agent.understanding.features import message_features
from training.corpus import Meant, Utterance
from training.learn import Example

SAME = {"choice:cheapest": "choice:1", "choice:middle": "choice:2", "choice:most_complete": "choice:3"}
"""Of three options these are the same ones."""
NAMED_CHANGES = ("change:sum_assured", "change:term_years", "change:monthly_budget")
"""What people ask to have otherwise without saying how."""
EVERY_INTENT = frozenset((
    *NAMED_CHANGES, "greeting", "interest", "affirm", "deny", "accept", "dont_know", "choice:1", "choice:2", "choice:3",
    "question", "change", "objection:price", "objection:trust", "objection:need", "objection:timing", "objection:competitor",
    "decline", "human", "opt_out", "data_erase", "data_copy", "withdraw_consent", "restart", "resume", "are_you_a_robot",
    "thanks", "bye", "insult", "threat", "self_harm", "health", "couple", "off_topic", "skip", MEANING, "rider:add",
    "rider:drop", "correction", "unsure", "foreign",
))  # fmt: skip
"""What a line says nothing about that does not tell what was wanted."""


def act_examples(corpus: Iterable[Utterance]) -> Iterator[Example]:
    """Every message with its acts: intents, and values that are said by the message as a whole."""
    for said in corpus:
        seen = said.grammar
        features = message_features(seen.spoken, said.awaiting, pointers_of(seen.tokens, seen.numbers, said.context))
        labels, silent = act_labels(said)
        if said.wants_unsaid:
            labels, silent = {label for label in labels if "=" in label}, EVERY_INTENT
        yield Example(features, labels, silent)


def act_labels(said: Utterance) -> tuple[set[str], frozenset[str]]:
    """The acts of a message, and those about which its labels leave it open."""
    labels: set[str] = set()
    silent: set[str] = set()
    for alternatives in said.intents:
        names = sorted(_intent_label(each, said.awaiting) for each in alternatives)
        labels.add("affirm" if "affirm" in names else names[0])
        silent.update(names)
    for meant in said.values:
        label = _value_label(meant)
        if label:
            open_ended = meant.optional and not (meant.key == "smoker" and len(meant.values) > 1)
            (silent if open_ended else labels).add(label)
        if meant.key == said.asked and not meant.optional:
            labels.add("told")
        if meant.correction:
            labels.add("correction")
        if meant.unsure:
            labels.add("unsure")
        if meant.key.startswith("foreign."):
            labels.add("foreign")
    return labels, frozenset(silent - labels)


def _intent_label(intent: str, awaiting: str | None) -> str:
    """What an intent is called when it is learnt: an acceptance that answers the question is a yes like any other."""
    name = intent.partition(":")[0]
    if intent == f"question:{MEANING}":
        return MEANING
    if name == "question" or (name == "change" and intent not in NAMED_CHANGES):
        return name
    if name == "accept" and awaiting == "accept":
        return "affirm"
    return SAME.get(intent, intent)


def _value_label(meant: Meant) -> str:
    """What a value is called that no number or word of the message stands for, "" for any other."""
    value = meant.values[0]
    if meant.key == "smoker":
        return f"smoker={str(value).lower()}"
    if meant.key == "marital_status":
        return f"marital={value}"
    return f"zero={meant.key}" if meant.key in NONE_IS_ZERO and value == 0 else ""
