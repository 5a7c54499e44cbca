"""What the prospect tells: written into the profile with its source, held back until consent, or set aside to be confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from src.agent.memory import Doubt, fingerprint_of
from src.agent.profile import FIELDS, SUMMED_UP, TOLD, is_plausible, years_between
from src.agent.state import Consent, Held, ProfileSource
from src.agent.turn import Change, Turn
from src.agent.understanding import CONFIRM_BELOW, Found


def record(turn: Turn, only: frozenset[str] | None = None) -> None:
    """Takes the values of this turn's reading over: into `pending` before consent, else into profile and details.

    `only`: those keys and no others.
    """
    for found in turn.reading.values:
        if only is not None and found.key not in only:
            continue
        if turn.consented:
            _take(turn, found, turn.last_message_id, turn.now)
        else:
            read = msgspec.json.decode(msgspec.json.encode(found))  # as it will be when it is stored
            held = Held(read, turn.last_message_id, turn.now)
            turn.conversation.pending[found.key] = held


def give_consent(turn: Turn) -> None:
    """The prospect agreed: what was held back counts now."""
    conversation = turn.conversation
    conversation.consents["quote"] = Consent(given=True, at=turn.now, text_version=turn.book.version)
    turn.count("consent.given")
    for held in conversation.pending.values():
        _take(turn, msgspec.convert(held.found, Found), held.message_id, held.at)
    conversation.pending = {}
    if conversation.memory.couple:
        conversation.memory.couple = False
        conversation.details["insured_count"] = 2


def refuse_consent(turn: Turn) -> None:
    """The prospect does not agree: nothing that was told is kept, only that it was refused and when."""
    conversation = turn.conversation
    forget(turn)
    conversation.consents["quote"] = Consent(given=False, at=turn.now, text_version=turn.book.version)
    turn.count("consent.refused")


def forget(turn: Turn) -> None:
    """Everything told so far goes, except what was agreed to or refused, the language spoken, and what limits count."""
    conversation = turn.conversation
    conversation.profile, conversation.profile_sources, conversation.details = {}, {}, {}
    conversation.pending, conversation.asked, conversation.memory = {}, {}, conversation.memory.kept()
    conversation.need, conversation.quotes, conversation.selected_quote, conversation.awaiting = None, [], None, None
    conversation.history, conversation.outcome = [], None
    conversation.agenda = conversation.agenda.after_end(opted_out=False)


def _take(turn: Turn, found: Found, message_id: str, at: datetime) -> None:
    conversation = turn.conversation
    if found.key.startswith("details."):
        _note_detail(turn, found.key.removeprefix("details."), found.value)
        return
    if found.key not in FIELDS:
        return
    if not is_plausible(found.key, found.value, turn.today):
        conversation.memory.implausible = found.key
        return
    if found.confidence < CONFIRM_BELOW:
        _doubt(turn, found, message_id)
        return
    settle_doubt(turn, found.key)
    _set(turn, found.key, found.value, ProfileSource(message_id, at))


def _note_detail(turn: Turn, name: str, value: Any) -> None:
    """A detail is replaced by the newer word; what is told of another person in pieces adds up."""
    details, known = turn.conversation.details, turn.conversation.details.get(name)
    details[name] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value


def _set(turn: Turn, key: str, value: Any, source: ProfileSource) -> None:
    conversation = turn.conversation
    before = conversation.profile.get(key)
    unskip(turn, key)
    if before == value and type(before) is type(value):
        return
    if before is not None:
        earlier = conversation.profile_sources.get(key)
        source.replaced = [*(earlier.replaced if earlier else []), before]
    conversation.profile[key] = value
    conversation.profile_sources[key] = source
    if key != "occupation_class":
        turn.changes.append(Change(key, before, value))
    if key == "age" and (born := birth_date(turn)) is not None and years_between(born, turn.today) != value:
        # A stated age that contradicts the birth date is the newer statement of the two.
        del conversation.profile["birth_date"]
    if key == "birth_date":
        refresh_age(turn)


def refresh_age(turn: Turn) -> None:
    """The age that follows from a known birth date: it grows while a conversation rests."""
    born = birth_date(turn)
    if born is None:
        return
    profile, sources = turn.conversation.profile, turn.conversation.profile_sources
    years = years_between(born, turn.today)
    if profile.get("age") != years:
        replaced = [profile["age"]] if "age" in profile else []
        profile["age"] = years
        sources["age"] = ProfileSource(sources["birth_date"].message_id, turn.now, "system", replaced)


def birth_date(turn: Turn) -> date | None:
    """The prospect's birth date, if known."""
    written = turn.conversation.profile.get("birth_date")
    return date.fromisoformat(written) if written else None


def _doubt(turn: Turn, found: Found, message_id: str) -> None:
    known = turn.conversation.profile.get(found.key) == found.value
    if known or (found.key == "monthly_budget" and not turn.conversation.quotes):
        return  # an unsure budget before any price was named is nothing to ask about
    turn.doubted = True
    settle_doubt(turn, found.key)
    doubts(turn).append(Doubt(found.key, found.value, message_id, list(found.alternatives)))


def settle_confirmation(turn: Turn) -> None:
    """A `confirm:` question was answered without a new value: a yes makes the value count, anything else lets it go."""
    awaiting = turn.conversation.awaiting or ""
    key = awaiting.removeprefix("confirm:")
    if key == awaiting:
        return
    asked_about = (key, "occupation_class") if key == "occupation" else (key,)  # the class follows from the occupation
    agreed = turn.reading.has("affirm", "accept") and not turn.reading.has("deny")
    for doubt in [doubt for doubt in doubts(turn) if doubt.key in asked_about]:
        if turn.reading.value(doubt.key) is not None and doubt.key == key:
            continue
        if agreed:
            _take(turn, Found(doubt.key, doubt.value), doubt.message_id, turn.now)
        elif turn.reading.has("deny", "dont_know", "decline"):
            settle_doubt(turn, doubt.key)


def doubts(turn: Turn) -> list[Doubt]:
    """Values that must be confirmed before they count, in the order in which they are asked about."""
    return turn.conversation.memory.doubts


def settle_doubt(turn: Turn, key: str) -> None:
    """There is nothing to confirm about that key any more."""
    turn.conversation.memory.doubts = [doubt for doubt in doubts(turn) if doubt.key != key]


def is_skipped(turn: Turn, key: str) -> bool:
    """Whether the prospect would rather not tell: an answer too, so it is not asked again."""
    return key in turn.conversation.memory.skipped


def skip(turn: Turn, key: str) -> None:
    """That key is left blank on purpose."""
    if not is_skipped(turn, key):
        turn.conversation.memory.skipped.append(key)


def unskip(turn: Turn, *keys: str) -> None:
    """Those keys may be asked again."""
    memory = turn.conversation.memory
    memory.skipped = [key for key in memory.skipped if key not in keys]


def say_back(turn: Turn, told: Sequence[Change], *, glue: str = "\n\n") -> None:
    """Says back what was told, in the order in which it is summed up."""
    in_order = sorted(told, key=lambda change: TOLD.index(change.key))
    said = turn.book.listing([_echo(turn, change) for change in in_order])
    first = said if "@" in said.split()[0] else said[:1].upper() + said[1:]
    turn.say("ack.echo", glue=glue, facts=said, first=first)


def _echo(turn: Turn, change: Change) -> str:
    """A fact in the few words with which it is said back to whoever told it."""
    of_the_loan = change.key == "term_years" and turn.conversation.memory.loan_years
    value, key = turn.book.value(change.key, change.after), f"echo.{'loan_years' if of_the_loan else change.key}"
    special = f"{key}_{str(change.after).lower()}"
    return turn.book.say(special if special in turn.book else key, value=value)


def summary(turn: Turn, *, without: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """What is known, as labels and values a person can check."""
    profile, book = turn.conversation.profile, turn.book
    known = [key for key in SUMMED_UP if key in profile and key not in without]
    return [(label_of(turn, key), book.value(key, profile[key])) for key in known]


def label_of(turn: Turn, key: str) -> str:
    """What a value of the profile is called. Years that were told with a mortgage are the mortgage's."""
    of_the_loan = key == "term_years" and turn.conversation.memory.loan_years
    return turn.book.say("label.loan_years" if of_the_loan else f"label.{key}")


NOT_THEIRS = ("referral",)
"""Details that are no facts of the person's, and not told to them."""


def summary_of_details(turn: Turn) -> list[tuple[str, str]]:
    """Whatever else was told, as labels and values."""
    book = turn.book
    return [
        (
            book.say(f"detail.{key}") if f"detail.{key}" in book else key,
            _written(book.value(key, value) if isinstance(value, str) else value),
        )
        for key, value in turn.conversation.details.items()
        if key not in NOT_THEIRS
    ]


def _written(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {inner}" for key, inner in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def fingerprint(turn: Turn) -> str:
    """Changes when anything changes that the price or the need depends on."""
    conversation = turn.conversation
    return fingerprint_of(conversation.profile, conversation.details, conversation.memory.riders)
