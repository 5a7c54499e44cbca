"""What is said in a voice note becomes text, made as safe as what is typed, before anything else looks at it.

Machines mishear: a figure from a voice note is asked about before it counts, and what is agreed to must be written.
"""

from __future__ import annotations

import msgspec

from src.agent.redaction import without_secrets
from src.agent.thinking.asking import account, may_ask
from src.agent.turn import Turn
from src.agent.understanding import Context, Found, Reading
from src.messages import Inbound

MOST_NOTES = 3
"""Voice notes of one burst that are listened to."""
IN_WRITING = ("consent", "accept")
"""Questions whose answers bind: nobody is bound by what a machine thought it heard."""
MISHEARD = 0.5
_DATES_AND_CODES = ("birth_date", "postal_code")


def listen(turn: Turn) -> None:
    """Puts words into the voice notes of this turn, as far as somebody can listen. The others are answered as before."""
    notes = [inbound for inbound in turn.inbounds if _is_own_voice(inbound)]
    if turn.thinking is None or not notes or turn.conversation.awaiting in IN_WRITING or not may_ask(turn):
        return
    for note in notes[:MOST_NOTES]:
        answer = turn.thinking.listen(note)
        account(turn, "listen", "listen", answer)
        said = (answer.content or {}).get("text")
        text = without_secrets(said).strip() if isinstance(said, str) else ""
        if text:
            turn.heard[note.id] = text
        else:
            turn.count("model.failed", task="listen", version="listen", reason=answer.failure or "empty")
    turn.inbounds = [
        msgspec.structs.replace(inbound, text=turn.heard[inbound.id]) if inbound.id in turn.heard else inbound
        for inbound in turn.inbounds
    ]


def doubting(read: Reading, context: Context) -> Reading:
    """The reading of something heard: its figures are asked about, unless they are what was just asked about."""
    values = tuple(msgspec.structs.replace(found, confidence=MISHEARD) if _is_figure(found) else found for found in read.values)
    confirmed = (context.awaiting or "").removeprefix("confirm:") if context.candidate is not None else ""
    kept = tuple(
        before if before.key == confirmed and before.value == context.candidate else now
        for before, now in zip(read.values, values, strict=True)
    )
    return msgspec.structs.replace(read, values=kept)


def _is_own_voice(inbound: Inbound) -> bool:
    """A recording by the prospect; what they forward was said by somebody who agreed to nothing."""
    return inbound.kind == "audio" and inbound.media is not None and not inbound.text and not inbound.forwarded


def _is_figure(found: Found) -> bool:
    numeric = isinstance(found.value, int | float) and not isinstance(found.value, bool)
    return found.key in _DATES_AND_CODES or (numeric and found.key != "occupation_class")
