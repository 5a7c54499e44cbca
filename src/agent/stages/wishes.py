"""What somebody wants the insurance to be: which product, with which riders and without which.

A product is wished for by `details.product`: the id of one of the catalogue's, or `mortgage_linked` for whatever the bank
asks for. Riders are the covers beside the main one; what was asked for them is remembered in `memory.riders`.
"""

from __future__ import annotations

from src.agent.memory import Riders
from src.agent.turn import Change, Turn
from src.messages import Option
from src.quoting.products import MAIN_COVER, Product

MORTGAGE, MORTGAGE_LINKED = "mortgage_term", "mortgage_linked"
LOAN = "mortgage_balance"
"""The value of the profile that a cover for a loan follows."""
NOTED_AS = frozenset(("product", "riders", "loan_years"))
"""What the changes of a turn call them: none is a value of the profile."""
PRESSED = {"add": "rider_added", "drop": "rider_dropped"}
"""The keys of what is pressed when it was asked which rider is meant."""


# -- the product ---------------------------------------------------------------------------------------------------------


def product(turn: Turn) -> Product | None:
    """The product that was asked for; None when nobody said, or it cannot be: then the catalogue proposes one."""
    profile, sold = turn.conversation.profile, turn.catalogue.book.products
    wished = turn.conversation.details.get("product")
    if wished == MORTGAGE_LINKED:
        return sold.get(MORTGAGE) if profile.get(LOAN) and "term_years" in profile else None
    return sold.get(wished) if isinstance(wished, str) else None


def is_tied_to_mortgage(turn: Turn) -> bool:
    """Whether the cover is to pay the loan, whose capital is known."""
    return loan(turn) > 0


def loan(turn: Turn) -> int:
    """What is left of the loan that the wished product pays, in EUR; 0 for any other product."""
    wished = product(turn)
    return int(turn.conversation.profile.get(LOAN) or 0) if wished is not None and wished.capital == "loan" else 0


def names_product(turn: Turn) -> bool:
    """Whether this message names a product that there is."""
    told = turn.reading.value("details.product")
    return told is not None and told.value in turn.catalogue.book.products


def lacks_term(turn: Turn) -> bool:
    """Whether the product runs for years that nobody has told: those of a loan are no others, and the other way round."""
    wished, memory, profile = product(turn), turn.conversation.memory, turn.conversation.profile
    if wished is None or wished.duration != "term" or turn.conversation.details.get("product") == MORTGAGE_LINKED:
        return False
    return "term_years" not in profile or memory.loan_years != (wished.capital == "loan")


def note_term(turn: Turn) -> None:
    """Settles what years that were just told are of: a loan, when they came with one; then they are no wish for a product."""
    conversation, reading, profile = turn.conversation, turn.reading, turn.conversation.profile
    if reading.value("term_years") is None or "term_years" not in profile:
        return
    is_new = any(change.key == "term_years" for change in turn.changes)
    if not (is_new or conversation.awaiting == "term_years" or names_product(turn)):
        return
    with_the_loan = conversation.awaiting == LOAN or any(c.key == LOAN for c in turn.changes)
    wished, before = product(turn), conversation.memory.loan_years
    of_the_loan = with_the_loan or (wished is not None and wished.capital == "loan")
    conversation.memory.loan_years = of_the_loan
    if of_the_loan != before:
        turn.changes.append(Change("loan_years", None, of_the_loan))
    if with_the_loan and conversation.memory.bank_tied:
        conversation.details["product"] = MORTGAGE_LINKED
    if wished and wished.duration != "term" and not with_the_loan and not names_product(turn):
        del conversation.details["product"]  # years are asked for: no product that has none


def term_years(turn: Turn) -> int | None:
    """The years to quote, where years were told and are this product's."""
    wished, told = product(turn), turn.conversation.profile.get("term_years")
    if wished is None:
        return None if turn.conversation.memory.loan_years else told
    return None if wished.duration != "term" or lacks_term(turn) else told


def usual_terms(turn: Turn) -> list[int]:
    """The product's usual terms, as far as somebody of that age may still have them; none for a loan, which has its own."""
    wished, age = product(turn), turn.conversation.profile.get("age")
    if wished is None or age is None or wished.capital == "loan":
        return []
    return [years for years in wished.terms_years if age + years <= turn.catalogue.book.tariff.limits.cover_to_age]


def give_up_impossible(turn: Turn) -> None:
    """Without a mortgage there is nothing that a cover for it could follow: that is said, and the usual one is quoted."""
    wished, profile = product(turn), turn.conversation.profile
    if wished and wished.capital == "loan" and profile.get(LOAN) == 0 and "sum_assured" not in profile:
        del turn.conversation.details["product"]
        turn.say("wish.no_mortgage")


# -- riders --------------------------------------------------------------------------------------------------------------


def riders(turn: Turn) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The riders to be added to every option, and those to be left out."""
    held = turn.conversation.memory.riders
    return held.added, held.dropped


def take(turn: Turn) -> None:
    """Remembers what this message wants, the newest word winning; the main cover cannot be left out."""
    wanted, told = _named_now(turn), turn.reading.value("details.product")
    if told and names_product(turn):
        turn.changes.append(Change("product", None, told.value))
    if MAIN_COVER in wanted["drop"]:
        turn.say("wish.main_cover_stays")
    added, dropped = (list(names) for names in riders(turn))
    for name in wanted["add"]:
        if name != MAIN_COVER:
            added, dropped = [*added, name], [one for one in dropped if one != name]
    for name in wanted["drop"]:
        if name != MAIN_COVER:
            added, dropped = [one for one in added if one != name], [*dropped, name]
    held = Riders(tuple(dict.fromkeys(added)), tuple(dict.fromkeys(dropped)))
    if held != turn.conversation.memory.riders:
        turn.conversation.memory.riders = held
        turn.changes.append(Change("riders", None, held))


def speaks_of_riders(turn: Turn) -> bool:
    """Whether this message adds or leaves out a cover, named or not."""
    return turn.reading.has("rider") or any(turn.reading.value(key) for key in PRESSED.values())


def answer(turn: Turn) -> bool:
    """Says what is to be said to a wish for riders that changes no price. True when it asks which one is meant."""
    wanted = _named_now(turn)
    if wanted["add"] or wanted["drop"]:
        if not turn.has_spoken():
            turn.say("wish.as_it_is")
        return False
    direction = "drop" if any(one.name == "rider" and one.topic == "drop" for one in turn.reading.intents) else "add"
    possible = _possible(turn, direction)
    if not possible:
        turn.say("wish.as_it_is")
        return False
    turn.say(f"wish.which_to_{direction}")
    turn.drafts[-1].options = [
        Option(id=f'set:{PRESSED[direction]}:"{name}"', title=capitalised(rider_name(turn, name))) for name in possible
    ]
    return True


def rider_name(turn: Turn, name: str) -> str:
    """A rider's short name within a sentence; the catalogue's own where the language has none."""
    return turn.book.say(f"rider.{name}") if f"rider.{name}" in turn.book else turn.catalogue.book.coverages[name].name


def capitalised(text: str) -> str:
    """The text with its first letter as at the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def acknowledge(turn: Turn) -> None:
    """Says back which product and riders were noted, while no price shows them yet."""
    told = turn.reading.value("details.product")
    if told and names_product(turn):
        turn.say("wish.product_noted", product=turn.book.say(f"product.{told.value}"))
    wanted = _named_now(turn)
    for direction, names in wanted.items():
        listed = [rider_name(turn, name) for name in names if name != MAIN_COVER]
        if listed:
            turn.say(f"wish.noted_{direction}", glue=" ", covers=turn.book.listing(listed))


def _named_now(turn: Turn) -> dict[str, list[str]]:
    """The covers that this message names, that there are, by what is to become of them."""
    named: dict[str, list[str]] = {"add": [], "drop": []}
    for intent in turn.reading.intents:
        if intent.name == "rider" and intent.topic in named:
            named[intent.topic] += intent.covers
    for direction, key in PRESSED.items():
        pressed = turn.reading.value(key)
        if pressed and isinstance(pressed.value, str):
            named[direction].append(pressed.value)
    known = turn.catalogue.book.coverages
    return {direction: [name for name in dict.fromkeys(names) if name in known] for direction, names in named.items()}


def _possible(turn: Turn, direction: str) -> list[str]:
    """The riders that the chosen option, or one of those shown, has not or has."""
    conversation = turn.conversation
    shown = [quote for quote in conversation.quotes if quote.id == conversation.selected_quote] or conversation.quotes
    sold = turn.catalogue.book.products
    there = {name for quote in shown for name in quote.coverages}
    everywhere = set.intersection(*(set(quote.coverages) for quote in shown)) if shown else set()
    of_product = [name for quote in shown[:1] for name in sold[quote.product].coverages if name != MAIN_COVER]
    return [name for name in of_product if (name in there if direction == "drop" else name not in everywhere)]
