"""What is said to whatever is not an answer: questions, objections, small talk. The thread is taken up again afterwards."""

from __future__ import annotations

from typing import Any

from src.agent.stages import facts
from src.agent.stages.handover import cover_name, quote_words
from src.agent.stages.turn import Turn
from src.agent.understanding import Intent

SMALL_TALK = {
    "are_you_a_robot": "safety.robot",
    "couple": "safety.couple",
    "off_topic": "unclear.off_topic",
    "thanks": "ack.thanks",
}


def answer_aside(turn: Turn) -> bool:
    """Says what is to be said to a side question, an objection or small talk. False when there was none."""
    said = False
    for intent in turn.reading.intents:
        if intent.name == "question":
            answer_question(turn, intent)
            said = True
        elif intent.name == "objection":
            meet_objection(turn, intent.topic)
            said = True
        elif intent.name in SMALL_TALK and not (intent.name == "thanks" and turn.changes):
            turn.say(SMALL_TALK[intent.name], company=turn.house.company_name)
            said = True
        elif intent.name == "language" and intent.topic == "es":
            turn.say("language.switched")
            said = True
        elif intent.name == "sensitive_ids":
            turn.say("safety.identity")
            said = True
        elif intent.name == "data_copy":
            copy_of_data(turn)
            said = True
        if said and len(turn.drafts[-1].pieces) >= 2:
            break
    return said


def answer_question(turn: Turn, intent: Intent) -> None:
    """The answer to one question: from the conversation's own figures where it is about them, else from the knowledge."""
    topic = intent.topic
    quotes = turn.conversation.quotes
    if topic in ("why", "need"):
        explain_why(turn)
    elif topic == "price" and not quotes:
        turn.say("proposal.price_unknown")
    elif topic in ("price", "compare") and quotes:
        compare(turn)
    elif topic in ("coverage", "covered") and quotes:
        explain_covers(turn)
    else:
        answer_from_knowledge(turn, intent)


def answer_from_knowledge(turn: Turn, intent: Intent) -> None:
    """Quotes the entry that fits, or says that the answer is not known and offers a person."""
    language = turn.conversation.memory.get("language", "es")
    entries = turn.search(turn.reading.text or intent.topic, language) or turn.search(intent.evidence or intent.topic, language)
    if not entries:
        turn.say("unclear.nothing_found")
        turn.count("knowledge.nothing_found")
        return
    turn.say("frame.quoted", text=entries[0].answer)
    turn.count("knowledge.answered", entry=entries[0].id)


def explain_why(turn: Turn) -> None:
    """Why something is asked, or how the capital was reckoned."""
    awaiting = turn.conversation.awaiting or ""
    if turn.conversation.need and turn.conversation.stage != "INICIO":
        show_formula(turn)
    elif f"why.{awaiting}" in turn.book:
        turn.say(f"why.{awaiting}")
    else:
        turn.say("needs.formula")


def show_formula(turn: Turn) -> None:
    """The need with each of its parts."""
    need, book = turn.conversation.need, turn.book
    if need is None:
        turn.say("needs.formula")
        return
    turn.say("needs.formula")
    glue = "\n\n"
    for line, amounts in need_lines(turn):
        turn.say(line, glue=glue, **amounts)
        glue = "\n"
    turn.say("needs.line_total", glue="\n", amount=book.money(need["capital"]))
    low, high = need["rule_of_thumb"]
    if high:
        turn.say("needs.rule_of_thumb", glue="\n", low=book.money(low), high=book.money(high))


def need_lines(turn: Turn) -> list[tuple[str, dict[str, Any]]]:
    """The need's parts that are not zero: text keys and what fills them."""
    need, book = turn.conversation.need or {}, turn.book
    parts = need.get("parts", {})
    income = float(turn.conversation.profile.get("monthly_income", 0)) * 12
    lines: list[tuple[str, dict[str, Any]]] = []
    if debts := parts.get("debts", 0) + parts.get("mortgage", 0):
        lines.append(("needs.line_debts", {"amount": book.money(debts)}))
    if parts.get("income"):
        share, years = f"{need['income_share'] * 100:.0f}", str(need["years"])
        amounts = {"share": share, "income": book.money(round(income)), "years": years, "amount": book.money(parts["income"])}
        lines.append(("needs.line_income", amounts))
    for part in ("education", "savings", "existing_cover"):
        if parts.get(part):
            lines.append((f"needs.line_{part}", {"amount": book.money(abs(parts[part]))}))
    return lines


def compare(turn: Turn) -> None:
    """The options beside each other, one line each."""
    turn.say("proposal.compare")
    for quote in turn.conversation.quotes:
        turn.say("proposal.compare_line", glue="\n", **quote_words(turn, quote))


def explain_covers(turn: Turn) -> None:
    """What each cover of the proposal pays for, in the catalogue's words."""
    turn.say("proposal.covered_intro")
    names = dict.fromkeys(name for quote in turn.conversation.quotes for name in quote["coverages"])
    for name in names:
        cover = turn.catalogue.book.coverages[name]
        turn.say(
            "proposal.covered_line", glue="\n", name=cover_name(turn, name, turn.book).capitalize(), description=cover.covers
        )


def meet_objection(turn: Turn, topic: str) -> None:
    """A calm word to an objection; never a discount that does not exist."""
    quotes = turn.conversation.quotes
    if topic == "price" and not quotes:
        turn.say("objection.price_unpriced")
    elif topic == "trust":
        legal = f"{turn.house.legal_notice} " if turn.house.legal_notice else ""
        turn.say("objection.trust", legal=legal)
    elif topic in ("price", "need", "timing", "competitor"):
        turn.say(f"objection.{topic}")
    else:
        turn.say("objection.what_not")
    if topic == "timing" and quotes:
        turn.say("objection.timing_until", glue=" ", valid_until=turn.book.date(quotes[0]["valid_until"]))
    turn.count("objection.met", topic=topic)


def copy_of_data(turn: Turn) -> None:
    """What is kept about the person, for the person."""
    known = facts.summary(turn)
    if known:
        turn.say("safety.data_copy", facts="\n".join(f"• {label}: {value}" for label, value in known))
    else:
        turn.say("safety.data_copy_empty")
    turn.count("data.copy_given")
