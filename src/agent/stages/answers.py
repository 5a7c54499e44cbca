"""What is said to whatever is not a fact or an answer: questions, objections, small talk."""

from __future__ import annotations

from typing import Any

from src.agent.stages import facts, quotes
from src.agent.stages.turn import Turn
from src.agent.thinking.answering import answer_from
from src.agent.understanding import Intent

SMALL_TALK = {
    "sensitive_ids": "safety.identity",
    "are_you_a_robot": "safety.robot",
    "couple": "safety.couple",
    "off_topic": "unclear.off_topic",
    "thanks": "ack.thanks",
    "change": "objection.what_not",
}
ANSWERS_AT_ONCE = 2
"""More than this in one message is a wall of text."""


def answer_aside(turn: Turn) -> bool:
    """Says what is to be said to side questions, objections and small talk. False when there was none."""
    answered = 0
    for intent in turn.reading.intents:
        if answered < ANSWERS_AT_ONCE and _answer(turn, intent):
            answered += 1
    return answered > 0


def wants_time(turn: Turn) -> bool:
    """Whether somebody says goodbye or not now, and nothing else: then nothing is asked."""
    reading = turn.reading
    later = any(intent.name == "objection" and intent.topic == "timing" for intent in reading.intents)
    return (later or reading.has("bye")) and not reading.values and not reading.has("question", "affirm")


def _answer(turn: Turn, intent: Intent) -> bool:
    if intent.name == "question":
        return _answer_question(turn, intent.topic)
    if intent.name == "objection":
        _meet_objection(turn, intent.topic)
    elif intent.name == "data_copy":
        _copy_of_data(turn)
    elif intent.name == "language" and turn.switched:
        turn.say("language.switched")
    elif intent.name in SMALL_TALK and not (intent.name == "thanks" and turn.changes):
        turn.say(SMALL_TALK[intent.name], company=turn.house.company_name)
    else:
        return False
    return True


def _answer_question(turn: Turn, topic: str) -> bool:
    """From the conversation's own figures where the question is about them, else from the knowledge."""
    outdated = turn.conversation.stage == "COTIZACION"  # what was quoted before is about to be replaced
    priced = bool(turn.conversation.quotes) and not outdated
    if outdated and turn.changes and topic in ("price", "compare", "coverage"):
        pass  # the proposal that comes now is the answer
    elif topic in ("why", "need"):
        _explain_why(turn)
    elif topic in ("change", "other_sum"):
        turn.say("objection.what_not")
    elif topic == "cheaper":
        _meet_objection(turn, "price")
    elif topic in ("can_do", "status"):
        _say_what_it_can_do(turn)
    elif topic == "next_steps" and not priced:
        turn.say("help.next_steps")
    elif topic == "price" and not priced:
        turn.say("proposal.price_unknown")
    elif topic in ("price", "compare") and priced:
        _compare(turn)
    elif topic == "coverage" and priced and turn.conversation.stage != "FINALIZADO":
        _explain_covers(turn)
    elif not answer_from_knowledge(turn):
        if turn.changes:  # "35?" is an answer
            return False
        turn.say("unclear.nothing_found")
        turn.count("knowledge.nothing_found")
    return True


def answer_from_knowledge(turn: Turn, *, asked: str = "", at_most: int = 4096) -> bool:
    """Quotes the entry that fits what is asked best, by default this turn's words, if it has at most so many characters."""
    asked = (
        asked or turn.reading.text or next((intent.topic for intent in turn.reading.intents if intent.name == "question"), "")
    )
    entries = turn.search(asked, turn.book.language)
    if not entries or len(entries[0].answer) > at_most:
        return False
    entry, answer = answer_from(turn, asked, [entry for entry in entries if len(entry.answer) <= at_most])
    turn.quoted.append(entry.answer)
    turn.say("frame.quoted", text=answer)
    turn.count("knowledge.answered", entry=entry.id)
    return True


def _say_what_it_can_do(turn: Turn) -> None:
    """What somebody who asks for help may do here, with things to press."""
    turn.say("help.can_do", company=turn.house.company_name)
    if turn.conversation.quotes:
        turn.offer(("more:resend_proposal", "options.proposal"), ("human", "options.human"))
    else:
        turn.offer(("more:coverage", "options.covered"), ("human", "options.human"))


def _explain_why(turn: Turn) -> None:
    """How the capital was reckoned once there is one, before that why the open question is asked."""
    awaiting = turn.conversation.awaiting or ""
    if turn.conversation.need:
        turn.say("needs.formula")
        say_reckoning(turn, with_total=True)
    elif f"why.{awaiting}" in turn.book:
        turn.say(f"why.{awaiting}")
    else:
        turn.say("needs.formula")
        turn.say("needs.still_missing", glue=" ")


def say_reckoning(turn: Turn, *, with_total: bool = False) -> None:
    """The need's parts, line by line, and the rule of thumb beside them."""
    need, book = turn.conversation.need or {}, turn.book
    for line, amounts in _need_lines(turn):
        turn.say(line, glue="\n", **amounts)
    if with_total:
        turn.say("needs.line_total", glue="\n", amount=book.money(need["capital"]))
    low, high = need["rule_of_thumb"]
    if high:
        turn.say("needs.rule_of_thumb", glue="\n", low=book.money(low), high=book.money(high))


def _need_lines(turn: Turn) -> list[tuple[str, dict[str, Any]]]:
    """The need's parts that are not zero: text keys and what fills them."""
    need, book = turn.conversation.need or {}, turn.book
    parts = need["parts"]
    lines: list[tuple[str, dict[str, Any]]] = []
    if debts := parts["debts"] + parts["mortgage"]:
        lines.append(("needs.line_debts", {"amount": book.money(debts)}))
        turn.figures.append(debts)
    if parts["income"]:
        yearly = round(turn.conversation.profile.get("monthly_income", 0) * 12)
        share = f"{need['income_share'] * 100:.0f}"
        told = {"share": share, "income": book.money(yearly), "years": need["years"], "amount": book.money(parts["income"])}
        lines.append(("needs.line_income", told))
        turn.figures.append(yearly)
        turn.quoted.append(f"{share} %")
    for part in ("education", "savings", "existing_cover"):
        if parts[part]:
            lines.append((f"needs.line_{part}", {"amount": book.money(abs(parts[part]))}))
            turn.figures.append(abs(parts[part]))
    return lines


def _compare(turn: Turn) -> None:
    turn.say("proposal.compare")
    turn.drafts[-1].proposal = True
    for quote in turn.conversation.quotes:
        turn.say("proposal.compare_line", glue="\n", later=quotes.later(turn, quote), **quotes.words(turn, quote))
    if course := quotes.price_course(turn, turn.conversation.quotes[-1]):
        turn.say("frame.quoted", glue="\n", text=course)


def _explain_covers(turn: Turn) -> None:
    turn.say("proposal.covered_intro")
    turn.drafts[-1].proposal = True
    for name in dict.fromkeys(name for quote in turn.conversation.quotes for name in quote["coverages"]):
        cover = turn.catalogue.book.coverages[name]
        turn.quoted.append(cover.covers)
        label = quotes.cover_name(turn, name, turn.book)
        turn.say("proposal.covered_line", glue="\n", name=label[:1].upper() + label[1:], description=cover.covers)


def _meet_objection(turn: Turn, topic: str) -> None:
    """A calm word; never a discount that does not exist, never a bad word about others."""
    priced, memory = turn.conversation.quotes, turn.conversation.memory
    turn.count("objection.met", topic=topic)
    memory["objections"] = list(dict.fromkeys((*memory.get("objections", ()), topic)))
    if topic == "price" and not priced:
        turn.say("objection.price_unpriced")
    elif topic == "trust":
        turn.say("objection.trust", legal=f"{turn.house.legal_notice} " if turn.house.legal_notice else "")
    elif f"objection.{topic}" in turn.book:
        turn.say(f"objection.{topic}")
    else:
        turn.say("objection.what_not")
    if topic == "timing" and priced:
        turn.say("objection.timing_until", glue=" ", valid_until=turn.book.date(priced[0]["valid_until"]))


def _copy_of_data(turn: Turn) -> None:
    """What is kept about the person, for the person."""
    known = [f"• {label}: {value}" for label, value in [*facts.summary(turn), *facts.summary_of_details(turn)]]
    turn.quoted += known
    turn.drafts[-1].proposal = True
    if known:
        turn.say("safety.data_copy", facts="\n".join(known))
    else:
        turn.say("safety.data_copy_empty")
    turn.count("data.copy_given")
