"""What is said to whatever is not a fact or an answer: questions, objections, small talk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from src.agent import facts
from src.agent.figures import figures
from src.agent.lookalikes import fold, rule
from src.agent.stages import quotes
from src.agent.stages.parts import questions
from src.agent.thinking.answering import answer_from
from src.agent.turn import Entry, Turn
from src.agent.understanding import CONFIRM_BELOW, Intent
from src.messages import Option
from src.quoting import Applicant, Need, Refusal

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
BUTTON_TITLE = 20
"""Characters of a button's title."""


def answer_aside(turn: Turn) -> bool:
    """Says what is to be said to side questions, objections and small talk. False when there was none."""
    answered: set[str] = set()
    for intent in sorted(turn.reading.intents, key=lambda intent: intent.name == "question" and not intent.topic):
        if len(answered) >= ANSWERS_AT_ONCE or _about(intent) in answered:
            continue
        if intent.name == "question" and not intent.topic and answered:
            found = answer_from_knowledge(turn)  # what nobody can answer is left out beside what was answered
        else:
            found = _answer(turn, intent)
        if found:
            answered.add(_about(intent))
    return bool(answered)


def _about(intent: Intent) -> str:
    """What an intent is about: asking for something cheaper and finding it dear are one thing."""
    return "objection:price" if intent.topic == "cheaper" else f"{intent.name}:{intent.topic}"


def wants_time(turn: Turn) -> bool:
    """Whether somebody says goodbye or not now, and nothing else: then nothing is asked."""
    reading = turn.reading
    later = any(intent.name == "objection" and intent.topic == "timing" for intent in reading.intents)
    return (later or reading.has("bye")) and not reading.values and not reading.has("question", "affirm")


def _answer(turn: Turn, intent: Intent) -> bool:
    if intent.name == "question":
        return _answer_question(turn, intent)
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


def _answer_question(turn: Turn, intent: Intent) -> bool:
    """From the conversation's own figures where the question is about them, else from the knowledge."""
    topic = intent.topic
    beside = intent.evidence if 0 < len(intent.evidence) < len(turn.reading.text) else ""
    outdated = turn.conversation.stage == "COTIZACION"  # what was quoted before is about to be replaced
    priced = bool(turn.conversation.quotes) and not outdated
    priced = priced and not (topic == "coverage" and turn.conversation.stage == "FINALIZADO")
    if outdated and turn.changes and topic in ("price", "compare", "coverage"):
        pass  # the proposal that comes now is the answer
    elif (answer := _ANSWERS.get(topic) or (_OF_A_PROPOSAL if priced else _BEFORE_ONE).get(topic)) is not None:
        answer(turn)
    elif not (
        _answer_each(turn)
        or (beside and answer_from_knowledge(turn, asked=beside))
        or answer_from_knowledge(turn, about="" if turn.words else topic)
    ):
        if turn.changes and not beside:  # "35?" is an answer
            return False
        if turn.aside and "?" not in turn.aside:
            return keep_for_a_person(turn)
        turn.say("unclear.nothing_found" if not beside or "?" in beside else "unclear.in_a_moment")
        turn.count("knowledge.nothing_found")
    return True


def _answer_each(turn: Turn) -> bool:
    """Answers several questions of one message one by one, as far as each is answered by one entry."""
    asked = questions(turn.reading.text)
    if len(asked) < ANSWERS_AT_ONCE:
        return False
    found = [entries[0] for entries in (turn.search(one, turn.book.language) for one in asked) if len(entries) == 1]
    answers = list({entry.id: entry for entry in found}.values())[:ANSWERS_AT_ONCE]
    for entry in answers:
        turn.quoted.append(entry.answer)
        turn.say("frame.quoted", text=entry.answer)
        turn.count("knowledge.answered", entry=entry.id)
    return bool(answers)


NOTES_KEPT, NOTE_LENGTH = 3, 200
"""Remarks that are kept for whoever prepares the papers, and characters of each."""


def keep_for_a_person(turn: Turn) -> bool:
    """What stood beside an answer and nobody here can do anything about is noted for the person who prepares the papers."""
    remark = turn.aside[:NOTE_LENGTH]
    if not remark:
        return False
    notes = turn.conversation.details.get("notes", [])
    if remark not in notes:
        turn.conversation.details["notes"] = [*notes, remark][-NOTES_KEPT:]
    turn.say("ack.for_a_person")
    return True


IDEA_CLASS = 1
"""The kind of work that a first price is for as long as nothing is known of the person's."""


_HOW_MUCH = r"\b(?:cuant[oa]s?|precio|saldria|costaria|cuesta|sale|how much|price)\b"


def asked_capital(turn: Turn) -> int | None:
    """The capital for which a price is asked in so many words ("¿cuánto por 40.000?"), in EUR; it is no wish yet."""
    reading, limits = turn.reading, turn.catalogue.book.tariff.limits
    if not rule(_HOW_MUCH).search(fold(reading.text).text):
        return None
    others = {found.value for found in reading.values if found.key != "sum_assured" and type(found.value) in (int, float)}
    named = {Decimal(figure.value) for figure in figures(reading.text).amounts} - {Decimal(str(other)) for other in others}
    fitting = {int(amount) for amount in named if limits.sum_min <= amount <= limits.sum_max}
    shown = {int(quote.sum_assured) for quote in turn.conversation.quotes}
    left = fitting - shown if len(fitting) > 1 else fitting
    return left.pop() if len(left) == 1 else None


def note_asked_capital(turn: Turn) -> None:
    """ "¿Cuánto sería con 150.000?" is a question about a price: it changes no proposal, and is answered with that price."""
    capital = asked_capital(turn)
    if capital is None or any(quote.sum_assured == capital for quote in turn.conversation.quotes):
        return
    told = turn.reading.value("sum_assured")
    certain = told is not None and told.confidence >= CONFIRM_BELOW
    if certain and "?" not in turn.reading.text:
        return  # "quiero 74.000, ¿cuánto es?" is a wish
    keeps = certain and not turn.conversation.quotes  # before the first proposal it is what that is made with
    values = tuple(found for found in turn.reading.values if keeps or found.key != "sum_assured")
    others = tuple(
        intent for intent in turn.reading.intents if intent.name not in ("unclear", "question", "objection", "choice")
    )
    asked = Intent("question", "price", evidence=turn.reading.text)
    turn.reading = msgspec.structs.replace(turn.reading, values=values, intents=(*others, asked))


def give_an_idea(turn: Turn) -> None:
    """A first price for somebody of that age, the engine's own and marked as an example; none before the age is known."""
    profile = turn.conversation.profile
    memory = turn.conversation.memory
    asked, memory.price_for = asked_capital(turn) or memory.price_for, None
    if "age" not in profile:
        turn.say("proposal.price_needs_age" if turn.consented else "proposal.price_unknown")
        if asked:
            turn.conversation.memory.price_for = asked
        return
    age, smoker = profile["age"], profile.get("smoker", False)
    capital = asked or int(profile.get("sum_assured", quotes.EXAMPLE_CAPITAL))
    applicant = Applicant(age=age, smoker=smoker, occupation_class=profile.get("occupation_class", IDEA_CLASS))
    offers = turn.catalogue.proposal(applicant, capital, turn.today)
    if isinstance(offers, Refusal):
        turn.say("proposal.price_unknown")
        return
    cheapest, book = min(offer.monthly_premium for offer in offers), turn.book
    turn.figures += [capital, cheapest]
    turn.quoted.append(book.value("age", age))
    habit = book.say("proposal.anchor_smoker" if smoker else "proposal.anchor_non_smoker")
    turn.say(
        "proposal.anchor",
        age=book.value("age", age),
        habit=habit,
        capital=book.money(capital),
        monthly=book.money(cheapest),
    )


WHO_WE_ARE = "quien-hay-detras"
"""The entry that is said together with the house's own name and registration."""


def answer_from_knowledge(turn: Turn, *, asked: str = "", about: str = "", at_most: int | None = None) -> bool:
    """Quotes the entry that answers what is asked, by default this turn's words, if it has at most so many characters.

    `about` is what was pressed, an entry's id when entries were offered. Where it may be either of two, both are offered, if
    there is room for that.
    """
    asked = (
        asked or turn.reading.text or next((intent.topic for intent in turn.reading.intents if intent.name == "question"), "")
    )
    entries = (turn.search(about, turn.book.language) if about else ()) or turn.search(asked, turn.book.language)
    if not entries or (at_most is not None and any(len(entry.answer) > at_most for entry in entries)):
        return False
    answered = answer_from(turn, asked, entries)
    if answered is not None:
        entry, answer = answered
        turn.quoted.append(entry.answer)
        if entry.id == WHO_WE_ARE and turn.house.legal_notice:
            turn.say("help.who_we_are", company=turn.house.company_name, legal=turn.house.legal_notice)
        turn.say("frame.quoted", text=answer)
        turn.count("knowledge.answered", entry=entry.id)
        return True
    if at_most is not None:
        return False
    _ask_which(turn, entries)
    return True


def _ask_which(turn: Turn, entries: Sequence[Entry]) -> None:
    """Offers the entries between which there is doubt, in a message of their own: what is asked next has its own buttons."""
    questions = [entry.question for entry in entries]
    turn.quoted += questions
    turn.say("unclear.which_question", questions="\n".join(f"• {question}" for question in questions))
    titles = [_shortened(question) for question in questions]
    if len(set(titles)) < len(titles):
        titles = [_shortened(f"{letter}) {question}") for letter, question in zip("ABCDEFGHIJ", questions, strict=False)]
    turn.drafts[-1].options = [Option(id=f"more:{entry.id}", title=title) for entry, title in zip(entries, titles, strict=True)]
    turn.next_message()
    turn.count("knowledge.asked_which", entries=[entry.id for entry in entries])


def _shortened(question: str) -> str:
    """A question as the title of a button: as many whole words as fit."""
    words, title = question.replace("¿", "").replace("?", "").split(), ""
    for word in words:
        longer = f"{title} {word}".strip()
        if len(longer) > BUTTON_TITLE - 1:
            return f"{title}…" if title else f"{word[: BUTTON_TITLE - 1]}…"
        title = longer
    return title


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
        say_reckoning(turn, turn.conversation.need, with_total=True)
    elif f"why.{awaiting}" in turn.book:
        turn.say(f"why.{awaiting}")
    else:
        turn.say("needs.formula")
        turn.say("needs.still_missing", glue=" ")


def _explain_what_is_asked(turn: Turn) -> None:
    """For whoever did not understand the open question, which is put once more in other words after it."""
    awaiting = (turn.conversation.awaiting or "").partition(":")[0]
    turn.say(f"meaning.{awaiting}" if f"meaning.{awaiting}" in turn.book else "meaning.other")


def say_reckoning(turn: Turn, need: Need, *, with_total: bool = False) -> None:
    """The need's parts, line by line, and the rule of thumb beside them."""
    book = turn.book
    for line, amounts in _need_lines(turn, need):
        turn.say(line, glue="\n", **amounts)
    if with_total:
        turn.say("needs.line_total", glue="\n", amount=book.money(need.capital))
    low, high = need.rule_of_thumb
    if high and with_total:
        turn.say("needs.rule_of_thumb", glue="\n", low=book.money(low), high=book.money(high))


def _need_lines(turn: Turn, need: Need) -> list[tuple[str, dict[str, Any]]]:
    """The need's parts that are not zero: text keys and what fills them."""
    book, parts = turn.book, need.parts
    lines: list[tuple[str, dict[str, Any]]] = []
    if debts := parts.debts + parts.mortgage:
        lines.append(("needs.line_debts", {"amount": book.money(debts)}))
        turn.figures.append(debts)
    if parts.income:
        yearly = round(turn.conversation.profile.get("monthly_income", 0) * 12)
        share = f"{need.income_share * 100:.0f}"
        told = {"share": share, "income": book.money(yearly), "years": need.years, "amount": book.money(parts.income)}
        lines.append(("needs.line_income", told))
        turn.figures.append(yearly)
        turn.quoted.append(f"{share} %")
    others = {"education": parts.education, "savings": parts.savings, "existing_cover": parts.existing_cover}
    for part, amount in others.items():
        if amount:
            lines.append((f"needs.line_{part}", {"amount": book.money(abs(amount))}))
            turn.figures.append(abs(amount))
    return lines


def _list_exclusions(turn: Turn) -> None:
    turn.drafts[-1].proposal = True
    quotes.say_exclusions(turn, turn.conversation.quotes)


DISABILITY = "permanent_disability"


def price_for(turn: Turn, capital: int) -> bool:
    """What the options would cost with another capital; nothing of the proposal changes by asking. False: no price for it."""
    quoted, book = turn.conversation.quotes, turn.book
    applicant = quoted[0].applicant
    product = quoted[0].product
    years = quoted[0].term_years if quotes.sold(turn, quoted[0]).duration == "term" else None
    offers = turn.catalogue.proposal(applicant, capital, turn.today, product=product, term_years=years)
    if isinstance(offers, Refusal):
        return False
    named = [(book.say(f"tier.{offer.tier or 'own'}"), book.money(offer.monthly_premium)) for offer in offers]
    prices = [f"{tier} *{monthly}*" for tier, monthly in named]
    turn.figures += [capital, *(offer.monthly_premium for offer in offers)]
    turn.say("proposal.for_capital", capital=book.money(capital), prices=book.listing(prices))
    return True


def _compare(turn: Turn) -> None:
    asked = asked_capital(turn)
    if asked and all(quote.sum_assured != asked for quote in turn.conversation.quotes) and price_for(turn, asked):
        return
    turn.say("proposal.compare")
    turn.drafts[-1].proposal = True
    for quote in turn.conversation.quotes:
        turn.say("proposal.compare_line", glue="\n", later=quotes.later(turn, quote), **quotes.words(turn, quote))
    if course := quotes.price_course(turn, turn.conversation.quotes[-1]):
        turn.say("frame.quoted", glue="\n", text=course)
    covers_disability = [DISABILITY in quote.coverages for quote in turn.conversation.quotes]
    need = turn.conversation.need
    if need and need.parts.income and any(covers_disability) and not all(covers_disability):
        turn.say("proposal.hint")


def _explain_covers(turn: Turn) -> None:
    turn.say("proposal.covered_intro")
    turn.drafts[-1].proposal = True
    for name in dict.fromkeys(name for quote in turn.conversation.quotes for name in quote.coverages):
        cover = turn.catalogue.book.coverages[name]
        turn.quoted.append(cover.covers)
        label = quotes.cover_name(turn, name, turn.book)
        turn.say("proposal.covered_line", glue="\n", name=label[:1].upper() + label[1:], description=cover.covers)


def _ask_what_is_amiss(turn: Turn) -> None:
    turn.say("objection.what_not")


def _say_what_comes(turn: Turn) -> None:
    turn.say("help.next_steps")


def _find_it_dear(turn: Turn) -> None:
    _meet_objection(turn, "price")


_Answer = Callable[[Turn], None]
_ANSWERS: dict[str, _Answer] = {
    "why": _explain_why,
    "need": _explain_why,
    "meaning": _explain_what_is_asked,
    "change": _ask_what_is_amiss,
    "other_sum": _ask_what_is_amiss,
    "cheaper": _find_it_dear,
    "can_do": _say_what_it_can_do,
    "status": _say_what_it_can_do,
}
"""What is answered the same way at any time, by what the question is about."""
_BEFORE_ONE: dict[str, _Answer] = {"next_steps": _say_what_comes, "price": give_an_idea}
_OF_A_PROPOSAL: dict[str, _Answer] = {
    "price": _compare,
    "compare": _compare,
    "coverage": _explain_covers,
    "excluded": _list_exclusions,
}


def _meet_objection(turn: Turn, topic: str) -> None:
    """A calm word; never a discount that does not exist, never a bad word about others."""
    priced, memory = turn.conversation.quotes, turn.conversation.memory
    turn.count("objection.met", topic=topic)
    memory.objections = list(dict.fromkeys((*memory.objections, topic)))
    theirs = turn.reading.value("details.competitor_month") or turn.reading.value("details.current_quote_month")
    if topic == "price" and not priced:
        turn.say("objection.price_unpriced")
    elif topic == "competitor" and priced and theirs is not None:
        _compare_fairly(turn, theirs.value)
    elif topic == "trust":
        turn.say("objection.trust", legal=f"{turn.house.legal_notice} " if turn.house.legal_notice else "")
    elif f"objection.{topic}" in turn.book:
        turn.say(f"objection.{topic}")
    else:
        turn.say("objection.what_not")
    if topic == "timing" and priced:
        turn.say("objection.timing_until", glue=" ", valid_until=turn.book.date(priced[0].valid_until))


def _compare_fairly(turn: Turn, theirs: float) -> None:
    """Somebody else's figure beside ours, and what makes the two comparable; never a bad word."""
    premiums, book = [quote.monthly_premium for quote in turn.conversation.quotes], turn.book
    capital = turn.conversation.quotes[0].sum_assured
    turn.figures += [theirs, capital, *premiums]
    turn.say(
        "objection.competitor_read",
        theirs=book.money(theirs),
        capital=book.money(capital),
        low=book.money(min(premiums)),
        high=book.money(max(premiums)),
    )


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
