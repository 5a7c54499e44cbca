"""The proposal as it is shown: why this capital, on which facts, the options side by side, and the facts summed up."""

from __future__ import annotations

from src.agent import facts
from src.agent.stages import quotes, wishes
from src.agent.stages.answers import say_reckoning
from src.agent.stages.questions import ask, progressed
from src.agent.turn import Turn
from src.quoting import Need, StoredQuote


def present(turn: Turn) -> None:
    """The proposal for the reason in `turn.requote`. Two messages at most: the facts behind it, then the options."""
    conversation = turn.conversation
    chosen = quotes.selected(turn) if turn.requote == "changed" else None
    shown = [chosen] if chosen else conversation.quotes
    turn.drafts[-1].proposal = True
    if turn.requote != "again":
        _say_why(turn)
        if turn.requote == "changed":
            turn.say("proposal.facts", facts=" · ".join(f"{label}: {value}" for label, value in _facts(turn, shown[0])))
            if not quotes.limits_told(turn, shown[0]):
                quotes.say_exclusions(turn, shown[:1], in_short=True)
            conversation.memory.summed_up = facts.fingerprint(turn)
        else:
            turn.offer(("more:excluded", "options.excluded"), ("more:why", "options.working"))
        turn.next_message(proposal=True)
    _say_options(turn, shown)
    conversation.selected_quote = shown[0].id if len(shown) == 1 else None
    ask(turn, "accept" if len(shown) == 1 else "choice")
    progressed(turn)


def sum_up(turn: Turn, quote: StoredQuote) -> None:
    """The chosen option, what it does not cover, and every fact behind it, to be confirmed or corrected."""
    turn.drafts[-1].proposal = True
    turn.say("proposal.chosen", later=quotes.later(turn, quote), **quotes.words(turn, quote))
    _say_price_course(turn, quote)
    if not quotes.limits_told(turn, quote):
        quotes.say_exclusions(turn, [quote], in_short=True)
        turn.next_message(proposal=True)
    turn.say("proposal.sum_up")
    for label, value in _facts(turn, quote):
        turn.say("frame.line", glue="\n", label=label, value=value)
    turn.say("proposal.accept_note", glue="\n")
    turn.conversation.memory.summed_up = facts.fingerprint(turn)
    ask(turn, "accept")


def _facts(turn: Turn, quote: StoredQuote) -> list[tuple[str, str]]:
    """What is known, with the years that the quoted product runs and no others; whoever knows of none is told of none."""
    if quotes.sold(turn, quote).duration == "term":
        runs = (turn.book.say("label.term_years"), turn.book.value("term_years", quote.term_years))
        return [*facts.summary(turn, without=("term_years",)), runs]
    return facts.summary(turn, without=() if turn.conversation.memory.loan_years else ("term_years",))


def _is_another_product(turn: Turn) -> bool:
    return {quote.product for quote in turn.quotes_before} != {quote.product for quote in turn.conversation.quotes}


def _say_price_course(turn: Turn, quote: StoredQuote) -> None:
    if course := quotes.price_course(turn, quote):
        turn.say("frame.quoted", text=course)


def _say_why(turn: Turn) -> None:
    if turn.requote == "new":
        _say_need(turn)
        turn.say("proposal.legal", legal_notice=turn.house.legal_notice)
        return
    turn.say("proposal.expired" if turn.requote == "expired" else "proposal.changed")
    if any(change.key == "sum_assured" for change in turn.changes):
        _say_own_figure(turn)
    if _is_another_product(turn):
        if wishes.is_tied_to_mortgage(turn):
            _say_need(turn)
    elif not any(quote.levers for quote in turn.conversation.quotes):
        _say_price_change(turn)


def _say_need(turn: Turn) -> None:
    need, book = turn.conversation.need, turn.book
    capital = book.money(quotes.capital_of(turn))
    turn.figures.append(quotes.capital_of(turn))
    if "sum_assured" in turn.conversation.profile:
        _say_own_figure(turn)
        return
    if wishes.is_tied_to_mortgage(turn):
        turn.say("needs.intro_mortgage", capital=capital, years=turn.conversation.quotes[0].term_years)
        return
    if not need or not need.capital:
        nobody = turn.conversation.profile.get("dependents") == 0
        turn.say("needs.intro_zero" if nobody else "needs.intro_example", capital=capital)
        return
    turn.say(f"needs.intro_{_reason(need)}", capital=book.money(need.capital))
    say_reckoning(turn, need)
    if need.capped:
        turn.say("needs.capped", limit=capital)
    elif need.sum_assured > need.capital:
        turn.say("needs.raised", limit=capital)


def _reason(need: Need) -> str:
    """What the capital is for: the home, the income, both, or what is owed."""
    parts = need.parts
    if parts.income:
        return "home_and_income" if parts.mortgage else "income"
    return "debts"


def _say_own_figure(turn: Turn) -> None:
    """The prospect's figure wins; how far it is from the reckoned one is said."""
    own, need = quotes.capital_of(turn), turn.conversation.need
    turn.figures.append(own)
    turn.say("needs.intro_own", capital=turn.book.money(own))
    if need and need.capital and need.capital != own:
        turn.say("needs.own_differs", glue=" ", need=turn.book.money(need.capital))


def _say_price_change(turn: Turn) -> None:
    before = {quote.tier: quote for quote in turn.quotes_before}
    moved = [
        (before[quote.tier], quote)
        for quote in turn.conversation.quotes
        if quote.tier in before and before[quote.tier].monthly_premium != quote.monthly_premium
    ]
    for old, new in moved:
        tier, was = quotes.words(turn, new)["tier"], turn.book.money(old.monthly_premium)
        turn.say("proposal.price_change", glue="\n", tier=tier, before=was, after=turn.book.money(new.monthly_premium))
    if not moved:
        turn.say("proposal.price_same", glue=" ")


def _say_options(turn: Turn, shown: list[StoredQuote]) -> None:
    book, first = turn.book, shown[0]
    budget = turn.conversation.profile.get("monthly_budget")
    if budget is not None and first.levers:
        turn.say("proposal.options_budget", budget=book.money(budget))
        _say_trade_off(turn, first)
    elif len(shown) > 1:
        turn.say("proposal.options", **quotes.words(turn, first), against_need=_against_need(turn, first))
        if quotes.later(turn, first):
            turn.say("proposal.rises", glue=" ")
        if budget is not None and all(quote.monthly_premium <= budget for quote in shown):
            turn.say("proposal.budget_fits", glue=" ", budget=book.money(budget))
    else:
        turn.say("proposal.option", **quotes.words(turn, first), against_need=_against_need(turn, first))
    for place, quote in enumerate(shown):
        covering = _covering(turn, quote, shown[place - 1] if place else None, alone=len(shown) == 1)
        text = "proposal.block" if len(shown) > 1 else "proposal.single"
        later = "" if len(shown) > 1 else quotes.later(turn, quote)
        turn.say(text, number=place + 1, later=later, covering=covering, **quotes.words(turn, quote))
    _say_price_course(turn, shown[-1])
    turn.say("proposal.terms", valid_until=book.date(first.valid_until))


def _covering(turn: Turn, quote: StoredQuote, before: StoredQuote | None, *, alone: bool) -> str:
    """What the option covers; only what it adds when it holds all of the one shown before it. What it lacks is said where no
    other option says it."""
    book = turn.book
    if before and set(before.coverages) < set(quote.coverages):
        added = [quotes.cover_name(turn, name, book) for name in quote.coverages if name not in before.coverages]
        return book.say("proposal.adds", covers=book.listing(added))
    missing = quotes.left_out(turn, quote)
    without = book.say("proposal.without", covers=book.listing(missing)) if missing and alone else ""
    return book.say("proposal.covers", covers=quotes.words(turn, quote)["covers"]) + without


def _say_trade_off(turn: Turn, quote: StoredQuote) -> None:
    """What a budget costs in cover: never a discount that does not exist."""
    book, wanted = turn.book, quotes.capital_of(turn)
    if quote.sum_assured < wanted:
        gap = wanted - quote.sum_assured
        turn.figures += [wanted, gap]
        capital = book.money(quote.sum_assured)
        turn.say("proposal.trade_off_capital", glue="\n", capital=capital, wanted=book.money(wanted), gap=book.money(gap))
    if "fewer_covers" in quote.levers:
        turn.say("proposal.trade_off_cover", glue="\n")
    if "shorter_term" in quote.levers:
        turn.say("proposal.trade_off_term", glue=" ", years=quote.term_years)


def _against_need(turn: Turn, quote: StoredQuote) -> str:
    need = turn.conversation.need
    if not need or not need.capital:
        return ""
    percent = round(100 * quote.sum_assured / need.capital)
    if percent >= 100:  # nothing is lacking, and how much more it is was said with the reason for it
        return ""
    turn.quoted.append(f"{percent} %")
    return turn.book.say("proposal.against_need", percent=percent)
