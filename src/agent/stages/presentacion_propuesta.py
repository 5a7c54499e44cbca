"""PRESENTACION_PROPUESTA: finds out what the prospect makes of the proposal: a choice, a change, an objection, a no."""

from __future__ import annotations

import msgspec

from src.agent import facts
from src.agent.stages import proposal, quotes, second, wishes
from src.agent.stages.answers import answer_aside, asked_capital, keep_for_a_person, note_asked_capital
from src.agent.stages.endings import give_up
from src.agent.stages.needs_analysis import take_facts
from src.agent.stages.questions import ask, may_ask, missed, progressed
from src.agent.turn import Turn
from src.messages import Option
from src.quoting import StoredQuote

SURELY = 0.8
"""So certain must a goodbye be."""
BY_DESCRIPTION = {"cheapest": 0, "middle": 1, "most_complete": -1}


def presentacion_propuesta(turn: Turn) -> str:
    """Shows a fresh proposal; sends a changed or an old one to be priced; otherwise listens."""
    turn.enter("PRESENTACION_PROPUESTA")
    if turn.requote:
        proposal.present(turn)
        return "guarding_out"
    if _choice(turn):  # the price of an option is no budget
        values = tuple(found for found in turn.reading.values if found.key != "monthly_budget")
        turn.reading = msgspec.structs.replace(turn.reading, values=values)
    note_asked_capital(turn)
    if take_facts(turn):
        return "guarding_out"
    if any(doubt.key == "monthly_budget" for doubt in facts.doubts(turn)):
        return _haggle(turn)
    if second.goes_on(turn):
        return "guarding_out"
    about_riders, named = wishes.speaks_of_riders(turn), _named(turn)
    if named and (about_riders or turn.changes or turn.doubted):  # "la primera con accidentes", "la 2 pero con 120.000"
        turn.conversation.selected_quote = named.id
    turn.requote = _why_to_requote(turn)
    if turn.requote:
        return "COTIZACION"
    if about_riders:
        return _riders_discussed(turn, named)
    if turn.returned and turn.conversation.quotes:
        turn.say("proposal.still_valid", glue=" ", valid_until=turn.book.date(turn.conversation.quotes[0].valid_until))
    return _decided(turn) or _discussed(turn)


def _with_asked_capital(turn: Turn) -> None:
    """Beside the usual buttons the one that takes the capital over whose price was just told."""
    capital = asked_capital(turn)
    if capital and all(quote.sum_assured != capital for quote in turn.conversation.quotes):
        title = turn.book.say("options.with_capital", capital=turn.book.money(capital))
        taken = [Option(id=f"set:sum_assured:{capital}", title=title)]
        turn.drafts[-1].options = [*taken, *turn.drafts[-1].options]


def _riders_discussed(turn: Turn, named: StoredQuote | None) -> str:
    """Riders that change no price: it is asked which one is meant, or said that all of it is as it was wished for."""
    progressed(turn)
    if wishes.answer(turn):
        return "guarding_out"
    if named:
        proposal.sum_up(turn, named)
        return "guarding_out"
    answer_aside(turn)
    ask(turn, "accept" if turn.conversation.awaiting == "accept" and quotes.selected(turn) else "choice")
    return "guarding_out"


def _haggle(turn: Turn) -> str:
    """A price that somebody names without meaning a budget for sure: nothing changes, and what fits is offered."""
    facts.settle_doubt(turn, "monthly_budget")
    turn.say("objection.price_fixed")
    ask(turn, "monthly_budget" if may_ask(turn, "monthly_budget") else "choice")
    return "guarding_out"


def _why_to_requote(turn: Turn) -> str:
    if facts.doubts(turn) or facts.fingerprint(turn) != turn.conversation.memory.quoted_for:
        return "changed"
    if quotes.expired(turn):
        return "expired"
    if _asks_for(turn, "all"):
        turn.conversation.memory.budget_waived = turn.conversation.profile.get("monthly_budget")
        turn.conversation.selected_quote = None
        return "changed"
    return ""


def _decided(turn: Turn) -> str:
    """A choice, an acceptance or a refusal, and where it leads; nothing when there was none."""
    reading, conversation = turn.reading, turn.conversation
    stale = [
        intent
        for intent in reading.intents
        if intent.name in ("choice", "accept") and _is_of_an_old_proposal(turn, intent.topic)
    ]
    if stale:
        turn.say("unclear.old_option")
        turn.requote = "again"
        proposal.present(turn)
        return "guarding_out"
    chosen = _choice(turn)
    if chosen and not reading.has("decline"):
        return _choose(turn, chosen)
    if _declines(turn):
        turn.end("declined")
        turn.say("end.declined", comma_name=turn.comma_name)
        turn.offer(("more:follow_up", "options.follow_up"))
        return "guarding_out"
    if reading.whole == "yes" and conversation.awaiting == "accept" and quotes.selected(turn):
        return "FINALIZADO"
    if reading.whole == "yes" and len(conversation.quotes) == 1:
        return _choose(turn, conversation.quotes[0])
    return ""


def _declines(turn: Turn) -> bool:
    """Whether the sale is refused: pressed, or said and nothing else; anything less is a no to this proposal."""
    said = turn.reading.intent("decline")
    return said is not None and turn.reading.whole == "no" and said.confidence >= SURELY


def _is_of_an_old_proposal(turn: Turn, topic: str) -> bool:
    known = topic in ("", *BY_DESCRIPTION) or topic.isdigit() or quotes.quote_by_id(turn, topic) is not None
    return not known and all(quote.tier != topic for quote in turn.conversation.quotes)


def _choice(turn: Turn) -> StoredQuote | None:
    """The quote that was pressed, numbered, named or described; an acceptance may name one too."""
    return None if turn.reading.has("objection", "change", "rider") else _named(turn)


def _named(turn: Turn) -> StoredQuote | None:
    """The quote that a choice or an acceptance names by its id, number, tier or description."""
    shown = turn.conversation.quotes
    named = turn.reading.intent("choice") or turn.reading.intent("accept")
    if named is None or not named.topic or not shown:
        return None
    if named.topic.isdigit() and len(named.topic) == 1:
        place = int(named.topic)
        return shown[place - 1] if 1 <= place <= len(shown) else None
    if named.topic in BY_DESCRIPTION:
        return shown[min(BY_DESCRIPTION[named.topic], len(shown) - 1)]
    return next((quote for quote in shown if named.topic in (quote.id, quote.tier)), None)


def _choose(turn: Turn, quote: StoredQuote) -> str:
    """Sums the facts up before the acceptance, unless they were seen and the papers are asked for."""
    conversation = turn.conversation
    asked_to_accept = conversation.awaiting == "accept" and conversation.selected_quote == quote.id
    conversation.selected_quote = quote.id
    progressed(turn)
    turn.count("quote.chosen", tier=quote.tier)
    has_seen_facts = quotes.limits_told(turn, quote) and conversation.memory.summed_up == facts.fingerprint(turn)
    wants_papers = has_seen_facts and any(change.key == "email" for change in turn.changes)  # "the first, send it to a@b.c"
    accepts = turn.reading.has("accept") and (not turn.words or turn.reading.whole == "yes")
    plain = not turn.aside and not turn.reading.has("question", "objection")
    if (wants_papers and plain) or (asked_to_accept and accepts):
        return "FINALIZADO"
    if not answer_aside(turn) and not turn.changes:
        keep_for_a_person(turn)
    if asked_to_accept and has_seen_facts:
        turn.say("proposal.plain_yes")
        ask(turn, "accept")
    else:
        proposal.sum_up(turn, quote)
    return "guarding_out"


def _discussed(turn: Turn) -> str:
    """Everything short of a decision; the open question comes again at the end."""
    reading, conversation = turn.reading, turn.conversation
    if _asks_for(turn, "resend_proposal"):
        turn.say("proposal.resent")
        turn.requote = "again"
        proposal.present(turn)
        return "guarding_out"
    if _asks_for(turn, "other_sum") and may_ask(turn, "sum_assured"):
        progressed(turn)
        turn.say("ack.value")
        ask(turn, "sum_assured")
        return "guarding_out"
    agrees = reading.has("affirm", "accept") and conversation.awaiting == "accept" and quotes.selected(turn) is not None
    answered = answer_aside(turn) or (agrees and not turn.changes and keep_for_a_person(turn))
    if answered and agrees:
        turn.say("proposal.plain_yes", glue=" ")
    if answered or turn.changes:
        progressed(turn)
        if not turn.has_spoken():
            turn.say("ack.value")
    elif not _taken_up(turn):
        return "guarding_out"
    objection = reading.intent("objection")
    dear = _asks_for(turn, "cheaper") or (objection is not None and objection.topic == "price")
    if dear and may_ask(turn, "monthly_budget"):
        ask(turn, "monthly_budget")
    else:
        ask(turn, "accept" if conversation.awaiting == "accept" and quotes.selected(turn) else "choice")
        _with_asked_capital(turn)
    return "guarding_out"


def _taken_up(turn: Turn) -> bool:
    """A word to whatever is neither a decision nor a question. False when nothing more is to be asked in this turn."""
    reading, conversation = turn.reading, turn.conversation
    if reading.has("bye"):
        turn.say("ack.bye")
        return False
    if conversation.awaiting == "monthly_budget" and reading.has("dont_know", "deny"):
        facts.skip(turn, "monthly_budget")
        turn.say("ack.skipped")
    elif reading.has("deny", "decline", "dont_know"):
        _not_convinced(turn)
        return False
    elif reading.has("affirm", "accept", "interest") and conversation.awaiting == "accept" and quotes.selected(turn):
        turn.say("proposal.plain_yes")
    elif reading.has("affirm", "accept", "choice"):
        turn.say("unclear.pick_which")
    elif reading.has("greeting") and not turn.has_spoken():
        turn.say("greeting.hello")
    elif not turn.has_spoken() and missed(turn):
        give_up(turn)
        return False
    return True


def _not_convinced(turn: Turn) -> None:
    """A no that is not yet a goodbye: what would have to be different?"""
    turn.conversation.selected_quote = None
    turn.conversation.awaiting = "choice"
    turn.say("objection.deny_choice")
    turn.say("objection.what_not")
    turn.offer(("more:cheaper", "options.cheaper"), ("more:coverage", "options.covered"), ("decline", "options.decline"))


def _asks_for(turn: Turn, topic: str) -> bool:
    return any(intent.name == "question" and intent.topic == topic for intent in turn.reading.intents)
