"""What goes before the sale at any stage: people in danger, people who want out, people who want a person, minors, limits.

None of this is a matter of the stage, and the first four stand above every limit.
"""

from __future__ import annotations

from datetime import timedelta

from src.agent.stages import facts
from src.agent.stages.handover import call_human
from src.agent.stages.turn import Turn
from src.agent.understanding import CONFIRM_BELOW

HOUR_S, DAY_S = 3600, 86_400
ABUSE_BEFORE_A_HUMAN = 2


def duties(turn: Turn) -> str:
    """The first duty that applies ends the turn; without one the stage goes on."""
    for duty in (_self_harm, _erasure, _opt_out, _human, _limits, _abuse, _health, _minor, _foreign_language, _injection):
        if duty(turn):
            return "guarding_out"
    return turn.conversation.stage


def _self_harm(turn: Turn) -> bool:
    if not turn.reading.has("self_harm"):
        return False
    turn.say("safety.self_harm")
    call_human(turn, "self_harm", urgent=True)
    return True


def _erasure(turn: Turn) -> bool:
    withdrawn = turn.consented and turn.reading.has("withdraw_consent")
    if not withdrawn and not turn.reading.has("data_erase"):
        return False
    turn.say("consent.withdrawn" if withdrawn else "safety.erased")
    if withdrawn:
        facts.refuse_consent(turn)
    facts.forget(turn)
    turn.end("consent_refused" if withdrawn else "opted_out")
    turn.erase = True
    turn.count("data.erased", withdrawn=withdrawn)
    return True


def _opt_out(turn: Turn) -> bool:
    if not turn.reading.has("opt_out"):
        return False
    if turn.conversation.outcome != "opted_out":  # BAJA is confirmed once
        turn.say("safety.opted_out")
        turn.count("contact.opted_out")
        turn.conversation.memory["opted_out_at"] = turn.now.isoformat()
        turn.end("opted_out")
    return True


def _human(turn: Turn) -> bool:
    if not turn.reading.has("human"):
        return False
    facts.record(turn)
    turn.say("human.confirmed")
    if turn.house.business_hours:
        turn.say("human.hours", hours=turn.house.business_hours)
    call_human(turn, "asked")
    return True


def _limits(turn: Turn) -> bool:
    """At most so many answered turns a minute and a day: one polite notice, then silence. Never for an accepted lead."""
    memory = turn.conversation.memory
    if turn.conversation.outcome == "accepted" or not turn.inbounds:
        return False
    now_s = int(turn.now.timestamp())
    answered = [at for at in memory.get("turn_times", []) if now_s - at < DAY_S]
    in_minute = sum(now_s - at < timedelta(minutes=1).total_seconds() for at in answered)
    over = in_minute >= turn.house.contact_per_minute or len(answered) >= turn.house.contact_per_day
    memory["turn_times"] = answered if over else [*answered, now_s]
    if not over:
        memory.pop("limit_noticed", None)
        return False
    turn.count("limit.reached")
    if not memory.get("limit_noticed"):
        memory["limit_noticed"] = True
        turn.say("safety.limit")
    return True


def _abuse(turn: Turn) -> bool:
    if turn.reading.has("threat"):
        turn.say("safety.threat")
        call_human(turn, "threat", urgent=True)
        return True
    if not turn.reading.has("insult"):
        return False
    memory = turn.conversation.memory
    memory["insults"] = memory.get("insults", 0) + 1
    turn.count("guard.abuse", times=memory["insults"])
    if memory["insults"] >= ABUSE_BEFORE_A_HUMAN:
        turn.say("safety.insult_again")
        call_human(turn, "abuse")
    else:
        turn.say("safety.insult")
        turn.offer(("human", "options.human"))
    return True


def _health(turn: Turn) -> bool:
    health = turn.reading.intent("health")
    if health is None:
        return False
    if health.topic == "cancer_over_5_years":
        turn.say("safety.cancer")
        return False
    facts.record(turn)
    turn.say("safety.health")
    call_human(turn, "health")
    return True


def _minor(turn: Turn) -> bool:
    """Nobody under age is asked anything more, before or after consent; what they told is erased."""
    found = turn.reading.value("age")
    stated = found.value if found and found.confidence >= CONFIRM_BELOW else None
    born = turn.reading.value("birth_date")
    if born and born.confidence >= CONFIRM_BELOW:
        stated = facts.age_from(born.value, turn.today, stated)
    if not isinstance(stated, int) or not 0 <= stated < turn.catalogue.book.tariff.limits.entry_age_min:
        return False
    turn.say("safety.minor")
    facts.forget(turn)
    turn.conversation.consents.clear()
    turn.end("ineligible")
    turn.erase = True
    return True


def _foreign_language(turn: Turn) -> bool:
    """A language that is not spoken here: once a short reply in it with a way on, then a human."""
    memory, language = turn.conversation.memory, turn.reading.language
    if language in ("es", "en"):
        memory.pop("foreign", None)
        return False
    memory["foreign"] = memory.get("foreign", 0) + 1
    if f"foreign.{language}_offer" not in turn.book:
        language = "other"
    if memory["foreign"] > 1:
        turn.say(f"foreign.{language}_human")
        call_human(turn, "language")
        return True
    turn.say(f"foreign.{language}_offer")
    return False


def _injection(turn: Turn) -> bool:
    """The fixed refusal; the thread is taken up again by the stage, and nothing in the message counts as a fact."""
    if not turn.reading.has("injection"):
        return False
    exfiltration = any(intent.topic == "exfiltration" for intent in turn.reading.intents if intent.name == "injection")
    turn.say("safety.exfiltration" if exfiltration else "safety.injection")
    turn.count("guard.injection")
    turn.reading = type(turn.reading)(language=turn.reading.language, text="")
    return False
