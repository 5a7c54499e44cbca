"""Where somebody came from: the ad or post that they pressed. Counted at once, kept once they agreed, shown to humans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from src.agent.turn import Turn
from src.messages import Inbound

DETAIL = "referral"
"""What it is called among the details. It is no fact of theirs: it is never summed up to the person."""
_KEPT = {
    "source": ("source_type",),
    "headline": ("headline",),
    "ad": ("source_id",),
    "click": ("ctwa_clid",),
}
"""What is kept, and what Meta calls it: `source_id` is the ad, `ctwa_clid` the click, and never one for the other."""
_LONGEST = 300


def take(turn: Turn) -> None:
    """Notes the newest referral of this turn; before consent it waits with everything else that waits for it."""
    found = newest(turn.inbounds)
    refused = turn.conversation.consents.get("quote")
    if turn.erase or (refused and not refused.given):
        return
    if found:
        turn.conversation.memory.referral = found
        turn.count("referral.received", source=found.get("source", "unknown"))
    memory = turn.conversation.memory
    if turn.consented and memory.referral:
        turn.conversation.details[DETAIL], memory.referral = memory.referral, {}


def newest(inbounds: Sequence[Inbound]) -> dict[str, str]:
    """What is worth keeping of the last one that came from an ad or a post; {} when none did."""
    told = [inbound.extra.get("referral") for inbound in inbounds]
    given = next((one for one in reversed(told) if isinstance(one, Mapping)), {})
    return {name: value for name, places in _KEPT.items() if (value := _first(given, places))}


def _first(given: Mapping[str, Any], places: Sequence[str]) -> str:
    values = (given.get(place) for place in places)
    return next((value[:_LONGEST] for value in values if isinstance(value, str) and value), "")
