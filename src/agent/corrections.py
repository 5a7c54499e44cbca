"""A person corrects what the sale believes about a prospect. The same rules hold as for what prospects say themselves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from src.agent.stages.facts import PLAUSIBLE, PRICING_KEYS, SUMMARY_KEYS, is_plausible
from src.agent.state import Conversation, ProfileSource, decode, encode
from src.agent.understanding import Found
from src.errors import InvalidRequest

KEYS = tuple(dict.fromkeys((*SUMMARY_KEYS, *PRICING_KEYS)))
WHOLE = frozenset(("age", "dependents", "occupation_class", "term_years"))
MARITAL = ("single", "married", "partner", "divorced", "widowed")


def correct(conversation: Conversation, changes: Mapping[str, Any], now: datetime, note: str) -> Conversation:
    """The conversation with those profile values, each with its source; None takes a value out. `note` names the source.

    Raises InvalidRequest with a line for every value that cannot be. The agent is told what changed (`memory.corrected`),
    so that it uses it and says so when a price depends on it.
    """
    faults = [fault for key, value in changes.items() if (fault := _fault(key, value))]
    if not changes:
        faults.append(f"nothing to correct: give one or more of {', '.join(KEYS)}")
    if faults:
        raise InvalidRequest(faults)
    corrected = decode(encode(conversation))
    for key, value in changes.items():
        _put(corrected, key, value, ProfileSource(note, now, "human"))
        if key == "birth_date":
            corrected.profile.pop("age", None)
        if key == "age":
            corrected.profile.pop("birth_date", None)
        if key == "occupation" and "occupation_class" not in changes:
            corrected.profile.pop("occupation_class", None)
    corrected.memory["corrected"] = sorted({*corrected.memory.get("corrected", ()), *changes})
    corrected.updated_at = now
    return corrected


def _put(conversation: Conversation, key: str, value: Any, source: ProfileSource) -> None:
    before = conversation.profile.get(key)
    earlier = conversation.profile_sources.get(key)
    if before is not None:
        source.replaced = [*(earlier.replaced if earlier else []), before]
    if value is None:
        conversation.profile.pop(key, None)
        conversation.profile_sources.pop(key, None)
    else:
        conversation.profile[key] = value
        conversation.profile_sources[key] = source
    if conversation.awaiting in (key, f"confirm:{key}") and value is not None:
        conversation.awaiting = None


def _fault(key: str, value: Any) -> str:
    if key not in KEYS:
        return f"{key[:40]}: not a profile value; they are {', '.join(KEYS)}"
    if value is None:
        return ""
    if key == "marital_status":
        return "" if value in MARITAL else f"marital_status: one of {', '.join(MARITAL)}"
    if key in WHOLE and isinstance(value, float) and not value.is_integer():
        return f"{key}: a whole number"
    if is_plausible(Found(key, value)):
        return "" if not isinstance(value, str) or len(value) <= 200 else f"{key}: at most 200 characters"
    if key in PLAUSIBLE:
        least, most = PLAUSIBLE[key]
        return f"{key}: a number from {least:g} to {most:g}"
    return f"{key}: {'true or false' if key == 'smoker' else 'a date as YYYY-MM-DD' if key == 'birth_date' else 'a text'}"
