"""A person corrects what the sale believes about a prospect. The same rules hold as for what prospects say themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from src.agent.health_disclosure import redact_health
from src.agent.profile import COUNTED, FIELDS, expected, is_plausible, is_well_formed, years_between
from src.agent.redaction import clean, redact
from src.agent.state import Conversation, ProfileSource, decode, encode
from src.agent.understanding.occupations import listed_class
from src.agent.understanding.wording import word_of
from src.errors import InvalidRequest

LONGEST_TEXT = 200
_DERIVED = {"age": "birth_date", "birth_date": "age", "occupation": "occupation_class"}
"""What else changes with that value: age and date of birth say the same, and a class is that of an occupation."""
_A_KEY = re.compile(r"[a-z_]{1,40}")


def correct(conversation: Conversation, changes: Mapping[str, Any], now: datetime, note: str) -> Conversation:
    """The conversation with those profile values, each with its source; None takes a value out. `note` names the source.

    Raises InvalidRequest with a line for every value that cannot be. The agent finds the changes by their source (a human),
    uses them and says so when a price depends on them.
    """
    faults = [fault for key, value in changes.items() if (fault := fault_of(key, value, now.date()))]
    if not changes:
        faults.append(f"nothing to correct: give one or more of {', '.join(FIELDS)}")
    if changes.get("age") is not None and changes.get("birth_date") is not None:
        faults.append("age: it follows from birth_date; give one of the two")
    if faults:
        raise InvalidRequest(faults)
    corrected = decode(encode(conversation))
    for key, value in changes.items():
        if value is None:
            _take_out(corrected, key)
        else:
            _put(corrected, key, _stored(key, value), ProfileSource(note, now, "human"))
        _settle(corrected, key, answered=value is not None)
        derived = _DERIVED.get(key)
        if derived and derived not in changes:
            _derive(corrected, derived, key, ProfileSource(note, now, "system"))
    return corrected


def _put(conversation: Conversation, key: str, value: Any, source: ProfileSource) -> None:
    before, earlier = conversation.profile.get(key), conversation.profile_sources.get(key)
    source.replaced = list(earlier.replaced) if earlier else []
    if before is not None and before != value:
        source.replaced.append(before)
    conversation.profile[key] = value
    conversation.profile_sources[key] = source


def _derive(conversation: Conversation, key: str, of: str, source: ProfileSource) -> None:
    """What follows from the corrected value replaces what is known; what does not follow from it no longer holds."""
    told, derived = conversation.profile.get(of), None
    if of == "birth_date" and told is not None:
        derived = years_between(date.fromisoformat(told), source.at.date())
    if of == "occupation" and told is not None:
        derived = listed_class(word_of(told).plain)
    if derived is None:
        _take_out(conversation, key)
    else:
        _put(conversation, key, derived, source)


def _take_out(conversation: Conversation, key: str) -> None:
    conversation.profile.pop(key, None)
    conversation.profile_sources.pop(key, None)


def _settle(conversation: Conversation, key: str, *, answered: bool) -> None:
    """What the prospect said of it earlier, and was not yet counted or confirmed, is no longer waited for."""
    memory = conversation.memory
    conversation.pending.pop(key, None)
    memory.doubts = [doubt for doubt in memory.doubts if doubt.key != key]
    memory.skipped = [skipped for skipped in memory.skipped if skipped != key]
    if conversation.awaiting == f"confirm:{key}" or (answered and conversation.awaiting == key):
        conversation.awaiting = None


def _stored(key: str, value: Any) -> Any:
    if key in COUNTED and isinstance(value, float) and value.is_integer():
        return int(value)
    return clean(value).strip() if isinstance(value, str) else value


def fault_of(key: str, value: Any, today: date) -> str:
    """Why that cannot be a value of the profile, in words that do not repeat it; "" when it can."""
    if key not in FIELDS:
        named = key if _A_KEY.fullmatch(key) else "one of the keys"
        return f"{named}: not a profile value; they are {', '.join(FIELDS)}"
    if value is None:
        return ""
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return f"{key}: at most {LONGEST_TEXT} characters"
    if key in COUNTED and isinstance(value, float) and not value.is_integer():
        return f"{key}: a whole number"
    if not _is_well_formed(key, value) or not is_plausible(key, _stored(key, value), today):
        return f"{key}: {expected(key)}"
    if isinstance(value, str) and (redact(value).kinds or redact_health(value) != value):
        return f"{key}: identity, account and card numbers and anything about health are not kept"
    return ""


def _is_well_formed(key: str, value: Any) -> bool:
    """Whether a text is one of its key's kind; what is plausible is asked afterwards."""
    if FIELDS[key].is_number or FIELDS[key].kind == "yes_or_no":
        return True
    return isinstance(value, str) and bool(clean(value).strip()) and is_well_formed(key, value.strip())
