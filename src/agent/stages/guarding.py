"""The two gates of a turn: what comes in is looked at before it is read, what goes out before it is said."""

from __future__ import annotations

import re

import msgspec

from src.agent import facts, referrals
from src.agent.guardrails import SAFE_REPLY, Facts, check_reply, facts_of, inspect
from src.agent.lookalikes import fold
from src.agent.profile import AMOUNTS
from src.agent.stages.falling_due import expire
from src.agent.state import HISTORY_LIMIT, Line
from src.agent.thinking.asking import CANARY
from src.agent.thinking.listening import listen
from src.agent.thinking.moderating import moderate
from src.agent.thinking.phrasing import phrased
from src.agent.turn import UNANSWERED_KINDS, WORDLESS_KINDS, Draft, Turn
from src.messages import PLAYED, Content, Inbound, Option

MESSAGE_LIMIT, INTERACTIVE_LIMIT, READABLE_LIMIT = 4096, 1024, 600
BUTTONS_LIMIT, BUTTON_TITLE_LIMIT, ROWS_LIMIT, ROW_TITLE_LIMIT = 3, 20, 10, 24
WORDINGS_TRIED = 6
GIST_LENGTH = 200
"""Characters kept of earlier turns' lines: the state is written at every turn."""


def guarding_in(turn: Turn) -> str:
    """Lets a turn through to be read, unless nothing in it wants an answer; notes attacks, abuse and danger."""
    expire(turn)
    silent = WORDLESS_KINDS if turn.conversation.memory.greeted else UNANSWERED_KINDS
    if all(inbound.kind in silent for inbound in turn.inbounds):
        return "guarding_out"
    facts.refresh_age(turn)
    _press_what_was_typed(turn)
    listen(turn)
    turn.verdict = inspect(turn.words)
    moderate(turn)
    return "reading"


def _press_what_was_typed(turn: Turn) -> None:
    """The title of an option that was last offered is as good as a press, and so is its number where a number means nothing
    else: on some channels options are only text."""
    offered = {
        _as_typed(title): reply_id
        for title, reply_id in turn.conversation.memory.offered.items()
        if not (reply_id.startswith("set:") and fold(title).text in ("si", "no", "sí"))  # a yes is never a value
    }

    numbered = dict(enumerate(turn.conversation.memory.numbered, start=1))

    def pressed(inbound: Inbound) -> Inbound:
        if inbound.kind != "text" or inbound.reply_id:
            return inbound
        number = None if inbound.contact.channel in _SHOWS_BUTTONS else _NUMBER.fullmatch(inbound.text)
        typed = offered.get(_as_typed(inbound.text)) or (numbered.get(int(number[1])) if number else None)
        return msgspec.structs.replace(inbound, reply_id=typed) if typed else inbound

    turn.inbounds = [pressed(inbound) for inbound in turn.inbounds]


_SHOWS_BUTTONS = ("whatsapp", PLAYED)
"""Channels where options are never counted, so that a number is no press of one."""
_NUMBER = re.compile(r"\s*([1-9])\s*[.)]?\s*")


def _as_typed(title: str) -> str:
    return fold(title).text.strip(" .…!▸*")


def guarding_out(turn: Turn) -> str:
    """Words what was decided: never the same twice in a row, within WhatsApp's limits, with no figure from nowhere."""
    conversation = turn.conversation
    last = next((line.text for line in reversed(conversation.history) if line.speaker == "bot"), "")
    drafts = [draft for draft in turn.drafts if draft.pieces]
    known = _known(turn, drafts) if drafts else Facts()
    replies: list[Content] = []
    for draft in drafts:
        ours = _worded(turn, draft, last)
        text = phrased(turn, draft, ours)
        if text != ours and (text == last or not check_reply(text, known).passed):
            text = ours
        text = _checked(turn, draft, text, known)
        text = text if text != last else f"{turn.book.say('frame.again')} {text}"
        replies.append(_content(turn, text, draft.options, last=draft is drafts[-1]))
        last = text
    turn.replies = tuple(replies)
    _remember(turn)
    return ""


def _worded(turn: Turn, draft: Draft, last: str) -> str:
    """The first wording that differs from what was said last and is short enough to be read."""
    wordings = [_joined(turn, draft, turn.conversation.turns + attempt) for attempt in range(WORDINGS_TRIED)]
    fresh = [text for text in wordings if text != last] or wordings
    if draft.proposal:
        return fresh[0]
    return next((text for text in fresh if len(text) <= READABLE_LIMIT), min(fresh, key=len))


def _joined(turn: Turn, draft: Draft, variant: int) -> str:
    text = ""
    for piece in draft.pieces:
        wording = turn.book.say(piece.key, variant if piece.variant is None else piece.variant, **piece.values).strip()
        if wording:
            text = f"{text}{piece.glue}{wording}" if text else wording
    return text[:MESSAGE_LIMIT]


def _checked(turn: Turn, draft: Draft, text: str, known: Facts) -> str:
    """The reply, or the safe text instead of one that says more than is known."""
    limit = MESSAGE_LIMIT if draft.proposal else INTERACTIVE_LIMIT
    verdict = check_reply(text, known, max_characters=limit)
    if verdict.passed:
        return text
    turn.count("guard.reply_replaced", findings=sorted({finding.name for finding in verdict.findings}))
    draft.options = [Option(id="human", title=turn.book.say("options.human"))]
    return SAFE_REPLY[turn.book.language]


def _known(turn: Turn, drafts: list[Draft]) -> Facts:
    """What this turn's replies may name: the texts' own figures, what was told, reckoned and quoted."""
    templates = {text for draft in drafts for piece in draft.pieces for text in turn.book.variants(piece.key)}
    sold, profile = turn.catalogue.book, turn.conversation.profile
    figures = [
        *msgspec.to_builtins(sold.tariff.limits).values(),
        *(terms.sublimit for terms in sold.tariff.covers.values() if terms.sublimit),
        *(change.after for change in turn.changes if change.key in AMOUNTS),
        *(doubt.value for doubt in facts.doubts(turn)[:1] if doubt.key in AMOUNTS),
        *(figure for quote in turn.quotes_before for figure in (quote.sum_assured, quote.monthly_premium)),
        *turn.figures,
    ]
    own_words = [str(profile[key]) for key in ("occupation", "email") if key in profile]
    own_words += [turn.book.value(doubt.key, doubt.value) for doubt in facts.doubts(turn)[:1]]
    return facts_of(
        turn.conversation,
        turn.house,
        templates=templates,
        texts=[*turn.quoted, *own_words],
        catalogue_figures=figures,
        links=[turn.house.privacy_url],
        today=turn.today.isoformat(),
        canary=CANARY,
    )


def _content(turn: Turn, text: str, options: list[Option], *, last: bool) -> Content:
    if not options or len(text) > INTERACTIVE_LIMIT:
        return Content(text=text)
    numbered = last and _may_be_counted(turn, options)
    if len(options) <= BUTTONS_LIMIT and all(len(option.title) <= BUTTON_TITLE_LIMIT for option in options):
        return Content(kind="buttons", text=text, options=tuple(options), numbered=numbered)
    rows = tuple(Option(id=option.id, title=option.title[:ROW_TITLE_LIMIT]) for option in options[:ROWS_LIMIT])
    return Content(kind="list", text=text, options=rows, action=turn.book.say("frame.open_list"), numbered=numbered)


_ANSWERED_IN_WORDS = (None, "consent", "smoker", "occupation_class", "marital_status", "name", "occupation")
"""What is awaited where a number alone answers nothing, or (the classes) the very option that it counts."""


def _may_be_counted(turn: Turn, options: list[Option]) -> bool:
    """Whether a number alone can mean nothing but one of these: no figure that is asked for, and no quote but that one."""
    awaiting, quotes = turn.conversation.awaiting, turn.conversation.quotes
    if quotes:
        return [option.id for option in options] == [f"choose:{quote.id}" for quote in quotes]
    return len(options) > 1 and awaiting in _ANSWERED_IN_WORDS


def _remember(turn: Turn) -> None:
    conversation = turn.conversation
    if not (turn.inbounds or turn.replies):
        return
    referrals.take(turn)
    lines = [Line("prospect", turn.reading.text)] if turn.reading.text and not turn.erase else []
    lines += [Line("bot", reply.text) for reply in turn.replies]
    earlier = conversation.history
    if turn.replies:  # otherwise the last reply is still the one not to be repeated, and its options are still open
        conversation.memory.offered = {option.title: option.id for reply in turn.replies for option in reply.options}
        conversation.memory.numbered = [option.id for reply in turn.replies if reply.numbered for option in reply.options]
        earlier = [Line(line.speaker, line.text[:GIST_LENGTH]) for line in earlier]
    conversation.history = [*earlier, *lines][-HISTORY_LIMIT:]
    if turn.inbounds:  # what is said without being asked makes nobody less silent
        conversation.turns += 1
        conversation.updated_at = turn.now
