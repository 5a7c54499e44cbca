"""PRESENTACION_PROPUESTA: shows the options, meets objections, changes what is to be changed, and gets a choice confirmed."""

from __future__ import annotations

from typing import Any

from src.agent.stages import facts
from src.agent.stages.answers import answer_aside, need_lines
from src.agent.stages.cotizacion import capital_of
from src.agent.stages.handover import call_human, cover_name, quote_by_id, quote_words
from src.agent.stages.needs_analysis import referred, take_facts
from src.agent.stages.questions import ask, may_ask, missed, progressed
from src.agent.stages.turn import Turn
from src.agent.understanding import Reading

BY_DESCRIPTION = {"cheapest": 0, "middle": 1, "most_complete": -1}


def presentacion_propuesta(turn: Turn) -> str:
    """Shows a fresh proposal; otherwise finds out what the prospect makes of the one that is there."""
    turn.enter("PRESENTACION_PROPUESTA")
    if turn.requote:
        present(turn)
        return "guarding_out"
    take_facts(turn)
    if referred(turn):
        return "guarding_out"
    if facts.doubts(turn):
        turn.requote = "changed"
        return "COTIZACION"
    if facts.fingerprint(turn) != turn.conversation.memory.get("quoted_for"):
        turn.requote = "changed"
        return "COTIZACION"
    if quotes_expired(turn):
        turn.requote = "expired"
        return "COTIZACION"
    return _hear(turn)


def quotes_expired(turn: Turn) -> bool:
    """Whether the proposal's prices hold no longer."""
    return any(quote["valid_until"] < turn.today.isoformat() for quote in turn.conversation.quotes)


def _hear(turn: Turn) -> str:
    reading, conversation = turn.reading, turn.conversation
    chosen = _choice(turn)
    if chosen:
        return _choose(turn, chosen)
    awaiting_answer = conversation.awaiting == "accept"
    if awaiting_answer and reading.has("affirm", "accept") and not reading.has("objection", "question"):
        return _accept(turn)
    if reading.has("decline"):
        return _decline(turn)
    if reading.has("accept", "affirm") and len(conversation.quotes) == 1:
        return _choose(turn, conversation.quotes[0])
    if _special(turn):
        return "guarding_out"
    answered = answer_aside(turn)
    if reading.has("bye") and not answered:
        turn.say("ack.bye")
        return "guarding_out"
    if answered:
        progressed(turn)
        _after_an_aside(turn)
    elif reading.has("affirm", "accept"):
        turn.say("unclear.pick_which")
        _ask_open(turn)
    elif reading.has("deny"):
        _not_convinced(turn)
    elif reading.has("greeting", "resume"):
        turn.say("greeting.hello")
        _ask_open(turn)
    elif turn.changes or turn.has_spoken():
        _ask_open(turn)
    elif missed(turn):
        turn.say("human.not_understood")
        call_human(turn, "not_understood")
    else:
        _ask_open(turn)
    return "guarding_out"


def _choice(turn: Turn) -> dict[str, Any] | None:
    """The quote that was pressed, numbered, named or described."""
    intent = turn.reading.intent("choice")
    quotes = turn.conversation.quotes
    if intent is None or not quotes:
        return None
    if (exact := quote_by_id(turn, intent.topic)) is not None:
        return exact
    if intent.topic.isdigit():
        return quotes[int(intent.topic) - 1] if 1 <= int(intent.topic) <= len(quotes) else None
    if intent.topic in BY_DESCRIPTION:
        place = BY_DESCRIPTION[intent.topic]
        return quotes[min(place, len(quotes) - 1)]
    return next((quote for quote in quotes if quote["tier"] == intent.topic), None)


def _choose(turn: Turn, quote: dict[str, Any]) -> str:
    conversation = turn.conversation
    conversation.selected_quote = quote["id"]
    progressed(turn)
    turn.count("quote.chosen", tier=quote["tier"])
    settled = conversation.memory.get("summed_up") == facts.fingerprint(turn)
    says_go = turn.reading.has("accept") or any(change.key == "email" for change in turn.changes)
    if settled and says_go:
        return _accept(turn)
    _sum_up(turn, quote)
    return "guarding_out"


def _sum_up(turn: Turn, quote: dict[str, Any]) -> None:
    words = quote_words(turn, quote)
    turn.drafts[-1].proposal = True
    turn.say("proposal.chosen", **words)
    turn.say("proposal.sum_up")
    for label, value in facts.summary(turn):
        turn.say("frame.line", glue="\n", label=label, value=value)
    turn.say("proposal.accept_note", glue="\n")
    turn.conversation.memory["summed_up"] = facts.fingerprint(turn)
    ask(turn, "accept")


def _accept(turn: Turn) -> str:
    accepted = turn.reading.intent("accept")
    if accepted and accepted.topic and quote_by_id(turn, accepted.topic) is None:
        turn.say("unclear.old_option")
        turn.requote = "again"
        present(turn)
        return "guarding_out"
    return "FINALIZADO"


def _decline(turn: Turn) -> str:
    turn.end("declined")
    comma_name = f", {turn.first_name}" if turn.first_name else ""
    turn.say("end.declined", comma_name=comma_name)
    turn.offer(("more:follow_up", "options.follow_up"))
    return "guarding_out"


def _special(turn: Turn) -> bool:
    """Wishes about the proposal itself."""
    question = turn.reading.intent("question")
    topic = question.topic if question else ""
    if turn.reading.has("resume") or topic in ("resend_proposal", "proposal"):
        turn.say("proposal.resent" if topic else "end.resumed")
        turn.requote = "again"
        present(turn)
        return True
    if topic == "change":
        turn.say("objection.what_not")
        _ask_open(turn)
        return True
    if turn.reading.intent("choice") or turn.reading.has("accept") and turn.conversation.awaiting == "choice":
        stale = turn.reading.intent("choice")
        turn.say("unclear.old_option" if stale and not stale.topic.isdigit() else "unclear.pick_which")
        _ask_open(turn)
        return True
    return False


def _not_convinced(turn: Turn) -> None:
    turn.conversation.selected_quote = None
    turn.say("objection.deny_choice")
    turn.say("objection.what_not")
    turn.offer(("more:cheaper", "options.cheaper"), ("more:coverage", "options.covered"), ("decline", "options.decline"))
    turn.conversation.awaiting = "choice"


def _after_an_aside(turn: Turn) -> None:
    objection = turn.reading.intent("objection")
    if objection and objection.topic == "price" and may_ask(turn, "monthly_budget"):
        ask(turn, "monthly_budget")
    else:
        _ask_open(turn)


def _ask_open(turn: Turn) -> None:
    chosen = quote_by_id(turn, turn.conversation.selected_quote)
    if turn.conversation.awaiting == "accept" and chosen:
        ask(turn, "accept")
    else:
        ask(turn, "choice")


def present(turn: Turn) -> None:
    """The proposal: why this capital, on which facts, and the options side by side."""
    quotes, book = turn.conversation.quotes, turn.book
    turn.drafts[-1].proposal = True
    if turn.requote == "new":
        _say_need(turn)
    elif turn.requote == "expired":
        turn.say("proposal.expired")
    elif turn.requote == "changed":
        turn.say("proposal.changed")
        _say_price_change(turn)
    known = ", ".join(f"{label.lower()} {value}" for label, value in facts.summary(turn) if label)
    if turn.requote != "again":
        turn.say("proposal.facts", facts=known)
        turn.conversation.memory["summed_up"] = facts.fingerprint(turn)
    if turn.requote == "new":
        turn.say("proposal.legal", legal_notice=turn.house.legal_notice)
    turn.next_message(proposal=True)
    budget = turn.conversation.profile.get("monthly_budget")
    if budget is not None and len(quotes) == 1:
        turn.say("proposal.options_budget", budget=book.money(budget))
        _say_trade_off(turn, quotes[0])
    else:
        turn.say("proposal.options")
    for number, quote in enumerate(quotes, 1):
        turn.say(
            "proposal.block",
            number=number,
            later=_later(turn, quote),
            against_need=_against_need(turn, quote),
            **quote_words(turn, quote),
        )
    turn.say("proposal.terms", valid_until=book.date(quotes[0]["valid_until"]))
    if len(quotes) == 1 or quote_by_id(turn, turn.conversation.selected_quote):
        turn.conversation.selected_quote = turn.conversation.selected_quote or quotes[0]["id"]
        ask(turn, "accept")
    else:
        ask(turn, "choice")
    progressed(turn)


def _say_need(turn: Turn) -> None:
    need, book, profile = turn.conversation.need or {}, turn.book, turn.conversation.profile
    capital = book.money(capital_of(turn))
    if "sum_assured" in profile:
        turn.say("needs.intro_own", capital=capital)
        if need.get("capital") and need["capital"] != profile["sum_assured"]:
            turn.say("needs.own_differs", glue=" ", need=book.money(need["capital"]))
        return
    if not need.get("capital"):
        turn.say("needs.intro_example", capital=capital)
        return
    turn.say("needs.intro_capital", capital=book.money(need["capital"]))
    for line, amounts in need_lines(turn):
        turn.say(line, glue="\n", **amounts)
    low, high = need["rule_of_thumb"]
    if high:
        turn.say("needs.rule_of_thumb", glue="\n", low=book.money(low), high=book.money(high))
    if need["capped"]:
        turn.say("needs.capped", limit=capital)
    elif need["sum_assured"] > need["capital"]:
        turn.say("needs.raised", limit=capital)


def _say_price_change(turn: Turn) -> None:
    before = {quote["tier"]: quote for quote in turn.quotes_before}
    changed = [
        (before[quote["tier"]], quote)
        for quote in turn.conversation.quotes
        if quote["tier"] in before and before[quote["tier"]]["monthly_premium"] != quote["monthly_premium"]
    ]
    for old, new in changed:
        words = quote_words(turn, new)
        turn.say(
            "proposal.price_change",
            glue="\n",
            tier=words["tier"],
            before=turn.book.money(old["monthly_premium"]),
            after=words["monthly"],
        )
    if not changed:
        turn.say("proposal.price_same", glue=" ")


def _say_trade_off(turn: Turn, quote: dict[str, Any]) -> None:
    book, wanted = turn.book, capital_of(turn)
    if quote["sum_assured"] < wanted:
        turn.say("proposal.trade_off_capital", capital=book.money(quote["sum_assured"]), wanted=book.money(wanted))
        turn.say("proposal.cover_gap", glue=" ", gap=book.money(wanted - quote["sum_assured"]))
    if "fewer_covers" in quote.get("levers", ()):
        full = turn.catalogue.book.tariff.tiers[-1].coverages
        left_out = [cover_name(turn, name, book) for name in full if name not in quote["coverages"]]
        turn.say("proposal.trade_off_cover", covers=book.listing(left_out))
    if "shorter_term" in quote.get("levers", ()):
        turn.say("proposal.trade_off_term", years=quote["term_years"])


def _later(turn: Turn, quote: dict[str, Any]) -> str:
    """What the same cover costs later on; nothing for a level premium."""
    book = turn.book
    points = [point for point in quote["projection"] if point["annual_premium"] != quote["annual_premium"]]
    if len(points) >= 2:
        return book.say(
            "proposal.later", year5=book.money(points[0]["annual_premium"]), year10=book.money(points[1]["annual_premium"])
        )
    if points:
        return book.say("proposal.later_one", year=points[0]["year"], amount=book.money(points[0]["annual_premium"]))
    return ""


def _against_need(turn: Turn, quote: dict[str, Any]) -> str:
    need = (turn.conversation.need or {}).get("capital")
    if not need:
        return ""
    return turn.book.say("proposal.against_need", percent=round(100 * quote["sum_assured"] / need))


__all__ = ["Reading", "present", "presentacion_propuesta", "quotes_expired"]
