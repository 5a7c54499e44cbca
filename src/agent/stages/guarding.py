"""The two gates of a turn: what may come in to be read, and what may go out."""

from __future__ import annotations

from src.agent.stages import facts
from src.agent.stages.turn import Draft, Turn
from src.agent.state import HISTORY_LIMIT, Line
from src.messages import Content, Option

UNANSWERED_KINDS = frozenset(("reaction", "revoke", "system"))
MESSAGE_LIMIT, INTERACTIVE_LIMIT = 4096, 1024
BUTTONS_LIMIT, BUTTON_TITLE_LIMIT, ROWS_LIMIT, ROW_TITLE_LIMIT = 3, 20, 10, 24
WORDINGS_TRIED = 6


def guarding_in(turn: Turn) -> str:
    """Lets a turn through to be read, unless a person owns the conversation or nothing in it wants an answer."""
    due_timers(turn)
    if all(inbound.kind in UNANSWERED_KINDS for inbound in turn.inbounds):
        return "guarding_out"
    if turn.conversation.owner == "bot":
        facts.refresh_age(turn)
    return "reading"


def due_timers(turn: Turn) -> None:
    """What is due without a message: an offer that ran out is marked so, in silence."""
    conversation = turn.conversation
    due = [name for name, at in conversation.timers.items() if at <= turn.now]
    for name in due:
        del conversation.timers[name]
        if name == "expire" and conversation.outcome is None and conversation.owner == "bot":
            conversation.outcome = "expired"
            turn.count("quote.expired")


def guarding_out(turn: Turn) -> str:
    """Words what the stages decided to say, never twice in a row the same, within WhatsApp's limits."""
    conversation = turn.conversation
    last = next((line.text for line in reversed(conversation.history) if line.speaker == "bot"), "")
    replies: list[Content] = []
    for draft in turn.drafts:
        if draft.pieces:
            text = _worded(turn, draft, last)
            replies.append(_content(turn, text, draft.options))
            last = text
    turn.replies = tuple(replies)
    _remember(turn)
    return "__end__"


def _worded(turn: Turn, draft: Draft, last: str) -> str:
    for attempt in range(WORDINGS_TRIED):
        text = _joined(turn, draft, turn.conversation.turns + attempt)
        if text != last:
            return text
    return f"{turn.book.say('frame.again')} {text}"


def _joined(turn: Turn, draft: Draft, variant: int) -> str:
    text = ""
    for piece in draft.pieces:
        wording = turn.book.say(piece.key, variant if piece.variant is None else piece.variant, **piece.values).strip()
        if wording:
            text = f"{text}{piece.glue}{wording}" if text else wording
    return text[:MESSAGE_LIMIT]


def _content(turn: Turn, text: str, options: list[Option]) -> Content:
    if not options or len(text) > INTERACTIVE_LIMIT:
        return Content(text=text)
    if len(options) <= BUTTONS_LIMIT and all(len(option.title) <= BUTTON_TITLE_LIMIT for option in options):
        return Content(kind="buttons", text=text, options=tuple(options))
    rows = tuple(Option(option.id, option.title[:ROW_TITLE_LIMIT], option.description) for option in options[:ROWS_LIMIT])
    return Content(kind="list", text=text, options=rows, action=turn.book.say("frame.open_list"))


def _remember(turn: Turn) -> None:
    conversation = turn.conversation
    if not turn.inbounds:
        return
    lines = [Line("prospect", turn.reading.text)] if turn.reading.text else []
    lines += [Line("bot", reply.text) for reply in turn.replies]
    conversation.history = [*conversation.history, *lines][-HISTORY_LIMIT:]
    conversation.turns += 1
    conversation.updated_at = turn.now
