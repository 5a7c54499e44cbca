"""The second person: a price for the partner beside the prospect's own, from the three facts that a price hangs on.

What is told of them is kept in `details["second_person"]`, apart from the profile, and never overwrites it. Nothing is taken
out for them here: they agree themselves, or a person prepares both.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec

from src.agent.lookalikes import fold
from src.agent.profile import is_plausible
from src.agent.stages import quotes, wishes
from src.agent.stages.answers import answer_aside
from src.agent.stages.questions import ask, progressed
from src.agent.state import Handoff
from src.agent.turn import MAX_ASKS, Turn
from src.agent.understanding import CONFIRM_BELOW, Found, Intent, Reading
from src.agent.understanding.lexicon import words_of
from src.messages import Option
from src.quoting import Applicant, Offer, Refusal, StoredQuote

KEY = "details.second_person"
NEEDED = ("age", "smoker", "occupation", "occupation_class")
"""What a price hangs on, in the order in which it is asked."""
LATER, BEGUN = 1, 2
"""How far it is, in `asked["second"]`: promised for after the prospect's own, or being asked for."""
_POINTS_AT = frozenset(("para", "de", "a", "con", "y"))
_GOES_ON = frozenset(
    ("ahora", "tambien", "igual", "cuanto", "precio", "asegurar", "hacemos", "haz", "haceis", "calcula", "calcular")
)
_GROWN = frozenset(("hermano", "hermana", "padre", "madre", "suegro", "suegra", "cunado", "cunada", "companero", "companera"))
_SELF = frozenset(("yo", "mio", "mia", "me", "tengo", "soy", "fumo"))


def known(turn: Turn) -> dict[str, Any]:
    """What is known of the second person."""
    told = turn.conversation.details.get("second_person")
    return told if isinstance(told, dict) else {}


def state(turn: Turn) -> int:
    """How far their quote is: 0, LATER or BEGUN."""
    return turn.conversation.asked.get("second", 0)


def open_question(turn: Turn) -> str:
    """What is being asked of them now, a key of the profile; "" when nothing is."""
    told = known(turn)
    if state(turn) != BEGUN or "prices" in told or turn.conversation.owner == "human":
        return ""
    return next((key for key in NEEDED if key not in told), "")


def named(turn: Turn) -> str:
    """What they are called when spoken of: "Javi", "tu marido"."""
    who = str(known(turn).get("who", ""))
    if who[:1].isupper():
        return who
    return turn.book.say("second.yours", who=who) if who else turn.book.say("second.somebody")


def taken(turn: Turn, read: Reading) -> Reading:
    """The reading with what it tells of the second person set apart, and their quote begun when this message wants it."""
    conversation = turn.conversation
    if conversation.owner == "human" or conversation.outcome not in (None, "accepted", "expired", "handed_over"):
        return read
    who, told = _who(turn, read), read.value(KEY)
    if who and not read.has("couple") and _for_both(read):
        read = msgspec.structs.replace(read, intents=(*read.intents, Intent("couple", evidence=who)))
    wanted = _is_wanted(turn, read, who)
    asked = open_question(turn)
    theirs: dict[str, Any] = dict(told.value) if told and isinstance(told.value, dict) else {}
    if not (wanted or asked or theirs):
        return read
    own = {value.key for value in read.values if value.key in theirs}
    speaks_of_self = bool(_SELF & set(fold(read.text).text.replace(",", " ").split()))
    values = list(read.values)
    after_the_first = bool(conversation.quotes)  # before it, what is told is the speaker's own
    if (wanted or asked) and after_the_first and not speaks_of_self:
        moved = [v for v in values if v.key in NEEDED and v.key not in own and v.confidence >= CONFIRM_BELOW]
        theirs = {**{v.key: v.value for v in moved if is_plausible(v.key, v.value, turn.today)}, **theirs}
        values = [v for v in values if v.key not in (*NEEDED, "birth_date") or v.key in own]
        values = [v for v in values if not (v.key == "name" and v.value == who)]
    if who and "who" not in known(turn) and (theirs or turn.consented):
        theirs["who"] = who
    if theirs:
        values = [*(v for v in values if v.key != KEY), Found(KEY, theirs, told.evidence if told else read.text)]
    intents = read.intents
    if wanted:
        about_them = {("question", "price"), ("question", ""), ("question", "pareja"), ("objection", "timing")}
        intents = tuple(i for i in intents if i.name not in ("couple", "unclear") and (i.name, i.topic) not in about_them)
        later = not conversation.quotes or conversation.stage not in ("PRESENTACION_PROPUESTA", "FINALIZADO")
        first = later or read.has("choice", "accept")
        if state(turn) == LATER and later:
            turn.say("second.after_yours", who=named(turn))
        elif later:
            intents = read.intents
        conversation.asked["second"] = LATER if first else BEGUN
    return msgspec.structs.replace(read, values=tuple(values), intents=intents)


def _who(turn: Turn, read: Reading) -> str:
    """The person that the message points at: a relation ("marido") or a name that is not the prospect's."""
    words = [word.strip(".,;:!?¿¡") for word in fold(read.text).text.split()]
    name = read.value("name")
    own = str(turn.conversation.profile.get("name", ""))
    if name and own and str(name.value) != own:
        first = fold(str(name.value)).text.partition(" ")[0]
        place = words.index(first) if first in words else 0
        if place and words[place - 1] in _POINTS_AT:
            return str(name.value)
    relations = words_of("partners") | _GROWN
    for before, word in zip(["", *words], words, strict=False):
        if word in relations and before in ("mi", "para"):
            return "mujer" if word == "senora" else word
    written = read.text.split()
    for before, word in pairwise(written):
        plain = word.strip(".,;:!?¿¡")
        if before.casefold() in ("para", "de") and plain.istitle() and set(words) & _GOES_ON and own and plain not in own:
            return plain
    return ""


def _for_both(read: Reading) -> bool:
    """ "Para mí y para mi esposo": one for the speaker is named beside the other's."""
    words = [word.strip(".,;:!?¿¡") for word in fold(read.text).text.split()]
    relations = words_of("partners") | _GROWN
    after = [*words[2:], ""]
    return any((a, b) == ("para", "mi") and c not in relations for a, b, c in zip(words, words[1:], after, strict=False))


def _is_wanted(turn: Turn, read: Reading, who: str) -> bool:
    """Whether the message asks for a price for them."""
    if read.value("details.beneficiary") or read.has("not_prospect", "human", "deny", "decline"):
        return False
    if read.has("couple"):
        return True
    if not who:
        return False
    told = read.value(KEY)
    if told and isinstance(told.value, dict) and ("age" in told.value and len(told.value) > 1) and turn.conversation.quotes:
        return True
    words = set(fold(read.text).text.replace("?", " ").replace(",", " ").split())
    priced = any(i.name == "question" and i.topic in ("price", "") for i in read.intents)
    return bool(words & _GOES_ON) and bool(words & _POINTS_AT) and (priced or bool(words & {"ahora", "tambien", "igual"}))


def goes_on(turn: Turn) -> bool:
    """Asks what is missing of them, or says their price. False when there is nothing to be done for them now."""
    conversation = turn.conversation
    if state(turn) != BEGUN or "prices" in known(turn):
        return False
    if turn.reading.has("choice", "rider", "change", "decline") or (turn.reading.has("accept") and not turn.words):
        conversation.asked["second"] = LATER
        return False
    progressed(turn)
    answer_aside(turn)
    _say_back(turn)
    missing = open_question(turn)
    times = conversation.asked.get(f"second:{missing}", 0)
    if missing and times < MAX_ASKS:
        conversation.asked[f"second:{missing}"] = times + 1
        _ask(turn, missing)
        return True
    if missing:
        _leave_to_a_person(turn)
    else:
        _say_price(turn)
    _back_to_theirs(turn)
    return True


def begin_if_promised(turn: Turn) -> bool:
    """The quote that was put off until the prospect's own was done is begun."""
    if state(turn) != LATER or not turn.conversation.quotes:
        return False
    turn.conversation.asked["second"] = BEGUN
    turn.say("second.now", who=named(turn))
    return goes_on(turn)


def _say_back(turn: Turn) -> None:
    told = turn.reading.value(KEY)
    book, said = turn.book, []
    for key in ("age", "smoker", "occupation"):
        if told and isinstance(told.value, dict) and key in told.value:
            value = told.value[key]
            said.append(book.say(f"second.smoker_{str(value).lower()}") if key == "smoker" else book.value(key, value))
    if said:
        turn.say("second.noted", facts=book.listing(said))


def _ask(turn: Turn, key: str) -> None:
    turn.say(f"second.ask_{key}", glue=" " if turn.has_spoken() else "\n\n", who=named(turn))
    options: list[tuple[Any, str]] = []
    if key == "smoker":
        options = [(True, turn.book.say("options.they_smoke")), (False, turn.book.say("options.they_do_not"))]
    elif key == "occupation_class":
        options = [(number, turn.book.value(key, number)) for number in (1, 2, 3, 4)]
    turn.drafts[-1].options = [
        Option(id=f"set:{KEY}:{msgspec.json.encode({key: value}).decode()}", title=title) for value, title in options
    ]


def _say_price(turn: Turn) -> None:
    conversation, told, book = turn.conversation, known(turn), turn.book
    own = quotes.selected(turn) or conversation.quotes[len(conversation.quotes) // 2]
    offers = _offers(turn, own)
    if isinstance(offers, Refusal):
        _leave_to_a_person(turn)
        return
    turn.drafts[-1].proposal = True
    turn.say("second.intro", who=named(turn), capital=book.money(own.sum_assured))
    prices = [(book.say(f"tier.{offer.tier or 'own'}"), offer.monthly_premium) for offer in offers]
    for tier, monthly in prices:
        turn.say("second.line", glue="\n", tier=tier, monthly=book.money(monthly))
    alike = next((offer for offer in offers if offer.tier == own.tier), offers[len(offers) // 2])
    theirs, ours = float(alike.monthly_premium), float(own.monthly_premium)
    total = round(theirs + ours, 2)
    turn.figures += [own.sum_assured, ours, theirs, total, *(float(monthly) for _, monthly in prices)]
    turn.say(
        "second.together",
        tier=book.say(f"tier.{alike.tier or 'own'}"),
        ours=book.money(ours),
        theirs=book.money(theirs),
        total=book.money(total),
    )
    turn.say("second.agrees_too", who=named(turn))
    told["prices"] = ", ".join(f"{tier} {book.money(monthly)}" for tier, monthly in prices)
    told["sum_assured"] = own.sum_assured
    turn.count("quote.second_made", options=len(offers))


def _offers(turn: Turn, own: StoredQuote) -> tuple[Offer, ...] | Refusal:
    """Theirs, with the capital and the kind of insurance of the prospect's own."""
    told, wished = known(turn), wishes.product(turn)
    applicant = Applicant(age=told["age"], smoker=told["smoker"], occupation_class=told["occupation_class"])
    return turn.catalogue.proposal(
        applicant,
        int(own.sum_assured),
        turn.today,
        product=wished.id if wished else None,
        term_years=wishes.term_years(turn),
    )


def _leave_to_a_person(turn: Turn) -> None:
    known(turn)["prices"] = turn.book.say("second.by_a_person")
    turn.say("second.left_to_a_person", who=named(turn))


def _back_to_theirs(turn: Turn) -> None:
    """The prospect's own question again, or word to the person who has their papers."""
    conversation = turn.conversation
    if conversation.outcome == "accepted":
        turn.handoff = Handoff("changed_after_acceptance")
        return
    turn.next_message()
    turn.say("second.back_to_yours")
    ask(turn, "accept" if conversation.awaiting == "accept" and quotes.selected(turn) else "choice")
