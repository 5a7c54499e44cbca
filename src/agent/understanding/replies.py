"""Ids of buttons and list rows that this program gave out: read exactly, no interpretation."""

from __future__ import annotations

import msgspec

from src.agent.understanding.reading import Context, Found, Intent, Reading, Whole

_WHOLE: dict[str, Whole] = {"affirm": "yes", "accept": "yes", "deny": "no", "decline": "no"}


def read_reply(reply_id: str, title: str, context: Context) -> Reading | None:
    """What pressing that option means, or None when the id is not one of ours."""
    verb, _, rest = reply_id.partition(":")
    intents: tuple[Intent, ...] = ()
    values: tuple[Found, ...] = ()
    if verb in ("consent", "confirm") and rest in ("yes", "no"):
        intents = (Intent("affirm" if rest == "yes" else "deny", verb, evidence=title),)
        if verb == "confirm" and rest == "yes":
            values = confirmed_candidate(context, title)
    elif verb == "set":
        found = _set_value(rest, title)
        if found is None:
            return None
        values = (found,)
    elif verb == "skip" and rest:
        intents = (Intent("dont_know", rest, evidence=title),)
    elif verb == "choose" and rest:
        intents = (Intent("choice", rest, evidence=title),)
    elif verb == "accept":
        intents = (Intent("accept", rest, evidence=title),)
    elif verb == "more" and rest:
        intents = (Intent("question", rest, evidence=title),)
    elif reply_id == "decline":
        intents = (Intent("decline", evidence=title),)
    elif reply_id == "human":
        intents = (Intent("human", evidence=title),)
    elif reply_id == "restart":
        intents = (Intent("restart", evidence=title),)
    else:
        return None
    whole = _WHOLE.get(intents[0].name, "") if intents and intents[0].name != "choice" else ""
    return Reading(intents=intents, values=values, language=context.language, text=title, whole=whole)


def confirmed_candidate(context: Context, evidence: str) -> tuple[Found, ...]:
    """The value a `confirm:<key>` question proposed, now certain."""
    awaiting = context.awaiting or ""
    if not awaiting.startswith("confirm:") or context.candidate is None:
        return ()
    return (Found(awaiting.removeprefix("confirm:"), context.candidate, evidence),)


def _set_value(rest: str, title: str) -> Found | None:
    key, _, written = rest.partition(":")
    try:
        value = msgspec.json.decode(written)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None
    return Found(key, value, title) if key else None
