"""What goes before the sale at any stage: people in danger, people who want out, people who want a person, limits, abuse.

The first four stand above every limit. None of it depends on how far the sale has come.
"""

from __future__ import annotations

import re

import msgspec

from src.agent import facts
from src.agent.guardrails import abuse_step
from src.agent.lookalikes import fold, rule
from src.agent.profile import age_from, is_plausible
from src.agent.stages.calling import ask_for_time
from src.agent.stages.endings import call_human, dismiss_minor
from src.agent.stages.promises import plan_call, promise_to_write, withdraw_promises
from src.agent.stages.returning import restart, welcome_back
from src.agent.state import HandoffReason
from src.agent.texts import LANGUAGES
from src.agent.turn import Turn
from src.agent.understanding import CONFIRM_BELOW, Intent, Reading

MINUTE_S, DAY_S = 60, 86_400
WHILE_A_PERSON_ANSWERS = frozenset(("email", "details.phone", "details.callback"))
"""What is noted of words that are meant for somebody else: how and when to reach the person."""


def _too_old(turn: Turn) -> bool:
    """An age over the limit is asked about before it sends anybody away, unless it was plainly told. Never ends the turn."""
    limit, found = turn.catalogue.book.tariff.limits.entry_age_max, turn.reading.value("age")
    if found and isinstance(found.value, int) and found.value > limit and found.confidence >= CONFIRM_BELOW:
        confirmed = (turn.conversation.awaiting or "").startswith("confirm:age")
        if not confirmed and not in_so_many_words(turn):
            _doubt_the_age(turn)
    return False


def duties(turn: Turn) -> str:
    """The first duty that applies ends the turn; without one the stage goes on, unless a person has the conversation."""
    withdraw_promises(turn)
    if turn.conversation.owner == "human":
        return _listen(turn)
    for duty in (
        _self_harm,
        _erasure,
        _opt_out,
        _human,
        _not_a_prospect,
        _limits,
        _abuse,
        _health,
        _minor,
        _too_old,
        promise_to_write,
        _language,
        _injection,
    ):
        if duty(turn):
            return "guarding_out"
    if turn.reading.has("restart") and turn.conversation.turns:
        return restart(turn)
    welcome_back(turn)
    return turn.conversation.stage


def _listen(turn: Turn) -> str:
    """A person answers: what is told is kept for them in silence. Danger, erasure and BAJA do not wait for anybody."""
    turn.fall_silent()
    if not any(duty(turn) for duty in (_self_harm, _erasure, _opt_out)):
        facts.record(turn, only=WHILE_A_PERSON_ANSWERS)
        plan_call(turn)
    return "guarding_out"


def _self_harm(turn: Turn) -> bool:
    if not turn.reading.has("self_harm"):
        return False
    turn.fall_silent()
    turn.say("safety.self_harm")
    call_human(turn, "self_harm", urgent=True)
    return True


def _erasure(turn: Turn) -> bool:
    pressed_no = any(intent.name == "deny" and intent.topic == "consent" for intent in turn.reading.intents)
    withdrawn = turn.consented and (pressed_no or turn.reading.has("withdraw_consent"))
    if not withdrawn and not turn.reading.has("data_erase"):
        return False
    turn.say("consent.withdrawn" if withdrawn else "safety.erased")
    if withdrawn:
        facts.refuse_consent(turn)
    facts.forget(turn)
    turn.end("consent_refused" if withdrawn else "opted_out")
    turn.erase = True
    turn.count("data.erased", reason="withdrawn" if withdrawn else "asked")
    return True


def _opt_out(turn: Turn) -> bool:
    """BAJA works at once and is confirmed once."""
    if not turn.reading.has("opt_out"):
        return False
    turn.conversation.consents.pop("follow_up", None)
    if turn.conversation.outcome != "opted_out":
        turn.say("safety.opted_out")
        turn.end("opted_out")
    return True


def _human(turn: Turn) -> bool:
    if not turn.reading.has("human"):
        return False
    facts.record(turn)
    _introduce(turn)
    turn.say("human.confirmed")
    call_human(turn, "asked")
    plan_call(turn)
    ask_for_time(turn)
    return True


def _introduce(turn: Turn) -> None:
    """Who is handed over in the first message hears at least what has been talking."""
    if not turn.conversation.memory.greeted:
        turn.say("greeting.brief", company=turn.house.company_name)


NOT_PROSPECTS: tuple[HandoffReason, ...] = (
    "claim",
    "policy",
    "renewal",
    "cancellation",
    "other_insurance",
    "supplier",
    "job",
)


def _not_a_prospect(turn: Turn) -> bool:
    """Who comes for something else than a quote goes to a person, in the tone that fits; nothing is sold to them."""
    if rule(_CANCELS).search(fold(turn.reading.text).text) and turn.reading.has("unclear"):
        _cancels_this_talk(turn)
    said = turn.reading.intent("not_prospect")
    wants = next((topic for topic in NOT_PROSPECTS if said and said.topic == topic), None)
    if said is None or wants is None or turn.reading.has("choice", "accept"):
        return False
    if turn.conversation.outcome == "accepted" and said.topic in OF_THE_ACCEPTED:
        return False  # "quiero cancelar la solicitud" is about what was just asked for
    if said.topic == "cancellation" and _cancels_this_talk(turn):
        return False
    sure = said.confidence >= NOT_A_PROSPECT_SURELY or turn.conversation.memory.perhaps_not_a_prospect == said.topic
    if not sure:
        turn.conversation.memory.perhaps_not_a_prospect = said.topic
        return False
    turn.fall_silent()
    _introduce(turn)
    turn.say(f"not_prospect.{said.topic}", comma_name=turn.comma_name)
    call_human(turn, wants, urgent=wants == "claim")
    return True


_CANCELS = r"^\W*(?:(?:quiero|prefiero|mejor|lo|pues) )*(?:cancel|anul)(?:a|ar|alo|arlo|amos|emos|elo|e)(?: todo| esto)?\W*$"
_OF_A_POLICY = r"\b(?:poliza|seguro|recibo|contrat\w+|renovacion|banco|mapfre|policy|insurance)\b"


def _cancels_this_talk(turn: Turn) -> bool:
    """ "Quiero cancelar" in the middle of a sale, with no policy spoken of, is leaving: it is read as that."""
    under_way = turn.conversation.turns > 0 and turn.conversation.stage != "FINALIZADO"
    if not under_way or rule(_OF_A_POLICY).search(fold(turn.reading.text).text):
        return False
    others = tuple(intent for intent in turn.reading.intents if intent.name not in ("not_prospect", "unclear"))
    leaving = Intent("decline", confidence=NOT_A_PROSPECT_SURELY, evidence=turn.reading.text)
    turn.reading = msgspec.structs.replace(turn.reading, intents=(leaving, *others))
    return True


NOT_A_PROSPECT_SURELY = 0.7
OF_THE_ACCEPTED = ("cancellation", "policy", "renewal")


def _limits(turn: Turn) -> bool:
    """So many turns a minute and a day: one polite notice, then silence.

    Never for an accepted lead; and who simply answers what was asked is not slowed down, however fast.
    """
    memory = turn.conversation.memory
    if turn.conversation.outcome == "accepted" or _answers_the_question(turn):
        return False
    now_s = int(turn.now.timestamp())
    answered = [at for at in memory.turn_times if now_s - at < DAY_S]
    in_minute = sum(now_s - at < MINUTE_S for at in answered)
    if in_minute < turn.house.contact_per_minute and len(answered) < turn.house.contact_per_day:
        memory.turn_times = [*answered, now_s]
        memory.limit_noticed = False
        return False
    memory.turn_times = answered
    facts.record(turn)
    turn.fall_silent()
    turn.count("limit.reached")
    if not memory.limit_noticed:
        memory.limit_noticed = True
        turn.say("safety.limit")
    return True


def _answers_the_question(turn: Turn) -> bool:
    reading, awaiting = turn.reading, turn.conversation.awaiting or ""
    if awaiting in ("consent", "accept") or awaiting.startswith("confirm:"):
        return reading.has("affirm", "accept")
    if awaiting == "choice":
        return reading.has("choice")
    asked_for = ("age", "birth_date") if awaiting in ("age", "birth_date") else (awaiting,)
    return any(reading.value(key) is not None for key in asked_for)


def _abuse(turn: Turn) -> bool:
    """Calm once and an offer to talk to a person; then a person, and silence."""
    threat = turn.reading.has("threat")
    insulted = turn.reading.has("insult") and turn.conversation.outcome != "opted_out"
    if not threat and not insulted:
        return False
    memory = turn.conversation.memory
    step = abuse_step(memory.insults, threat=threat)
    memory.insults += 1
    turn.count("guard.abuse", times=memory.insults, threat=threat)
    if step.to_human:
        turn.say("safety.threat" if threat else "safety.insult_again")
        call_human(turn, "threat" if threat else "abuse", urgent=threat)
    else:
        turn.say("safety.insult")
        turn.offer(("human", "options.human"))
    return True


def _health(turn: Turn) -> bool:
    """Health is the insurer's questionnaire's matter; an overcome cancer counts for nothing, and that is said."""
    health = turn.reading.intent("health")
    if health is None:
        return False
    if health.topic == "cancer_over_5_years":
        turn.say("safety.cancer")
        return False
    facts.record(turn)
    _introduce(turn)
    turn.say("safety.health")
    call_human(turn, "health")
    return True


def _minor(turn: Turn) -> bool:
    """Before or after consent, an age under the limit ends everything."""
    limit, known = turn.catalogue.book.tariff.limits.entry_age_min, turn.conversation.profile.get("age", 0)
    age, born = turn.reading.value("age"), turn.reading.value("birth_date")
    years = age.value if age and age.confidence >= CONFIRM_BELOW and is_plausible(age.key, age.value, turn.today) else None
    if born and born.confidence >= CONFIRM_BELOW:
        years = age_from(born.value, turn.today, years)
    if years is None or not 0 <= years < limit:
        return False
    corrected = any(found and found.correction for found in (age, born))
    confirmed = (turn.conversation.awaiting or "") in ("confirm:age", "confirm:birth_date")
    if (known >= limit and not corrected and not confirmed) or not (confirmed or in_so_many_words(turn)):
        _doubt_the_age(turn)  # perhaps somebody else's, or no age at all
        return False
    dismiss_minor(turn)
    return True


IN_SO_MANY_WORDS = 5
"""A message of no more words says what it says; in a longer one a number may be anybody's."""
_I_AM = r"(?:tengo|cumplí|he cumplido|acabo de cumplir|mi edad es)(?: solo| sólo| ya| ahora| todavía| aún)*"


def in_so_many_words(turn: Turn) -> bool:
    """Whether an age that ends the sale was plainly told."""
    words, age = turn.reading.text.lower(), turn.reading.value("age")
    if len(words.split()) <= IN_SO_MANY_WORDS:
        return True
    return age is not None and re.search(rf"\b{_I_AM} {re.escape(age.evidence.lower())}(?!\w)", words) is not None


def _doubt_the_age(turn: Turn) -> None:
    """An age is asked about before it counts."""
    values = [
        msgspec.structs.replace(found, confidence=0.1) if found.key in ("age", "birth_date") else found
        for found in turn.reading.values
    ]
    turn.reading = msgspec.structs.replace(turn.reading, values=tuple(values))


def _language(turn: Turn) -> bool:
    """A language that is not spoken here: once a short reply in it with a way on, then a human."""
    memory, language = turn.conversation.memory, turn.reading.language
    wish = turn.reading.intent("language")
    if language in LANGUAGES or (wish and wish.topic in LANGUAGES):
        memory.foreign = False
        return False
    understood = turn.reading.values or any(intent.name not in ("unclear", "language") for intent in turn.reading.intents)
    if understood and not memory.foreign and memory.offered_languages:
        return False  # they know, and went on: a word or a sentence in theirs is no new wish
    known = language if f"foreign.{language}_offer" in turn.book else "other"
    if memory.foreign:
        facts.record(turn)
        turn.say(f"foreign.{known}_human")
        turn.hand_over("language")  # without the hours: they are not in that language
        return True
    memory.foreign = memory.offered_languages = True
    turn.say(f"foreign.{known}_offer")
    return False


def _injection(turn: Turn) -> bool:
    """The fixed refusal; nothing in such a message counts as a fact, and the stage takes the thread up again."""
    injection = turn.reading.intent("injection")
    if injection is None:
        return False
    turn.say("safety.exfiltration" if injection.topic == "exfiltration" else "safety.injection")
    turn.count("guard.injection", kind=injection.topic or "injection")
    turn.reading = Reading(language=turn.reading.language, text=turn.reading.text)
    return False
