"""Every part of every kind of webhook, replaced by something that does not belong there: the door stands, and what is good
beside it is kept."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.kit import builders
from tests.kit.builders import Item, text, webhook
from tests.webhooks.door_kit import Doors, written_ids

KINDS: dict[str, Callable[[], Item]] = {
    "text": lambda: text("hola", name="Ana", context_id="wamid.before", forwarded=True, referral=True),
    "without a phone": lambda: builders.bsuid_text("hola"),
    "button": lambda: builders.button_reply("si", "Sí"),
    "list": lambda: builders.list_reply("q1", "Uno", description="La primera"),
    "flow": lambda: builders.flow_reply({"edad": 41, "fuma": False}),
    "template button": lambda: builders.template_button("Baja", "baja"),
    "image": lambda: builders.image(caption="foto"),
    "voice": builders.voice,
    "document": builders.document,
    "sticker": builders.sticker,
    "location": lambda: builders.location(name="Casa", address="Calle Mayor, 1"),
    "contacts": builders.contact_card,
    "reaction": lambda: builders.reaction("👍", "wamid.before"),
    "unsupported": builders.unsupported,
    "number change": lambda: builders.number_change("34600999888", new_user_id="ES.NEW1"),
    "status": lambda: builders.status("wamid.sent", "failed", callback_data="whatsapp:34600111222 1.2.0"),
}
SPOILERS: list[Any] = [
    None, True, 0, -1, 1.5, 10**30, "", "x",
    "\x00", "\ud83d", "a\r\nb", "{s00}:*", "٣٤٦٠٠", 5000 * "9", [], [[]], [None], {}, {"a": {}},
]  # fmt: skip


def parts(whole: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of every value in it."""
    if path:
        yield path
    for key, inner in whole.items() if isinstance(whole, dict) else enumerate(whole) if isinstance(whole, list) else ():
        yield from parts(inner, (*path, key))


def spoilt(entry: Any) -> Iterator[Any]:
    for path in parts(entry):
        for spoiler in SPOILERS:
            broken = copy.deepcopy(entry)
            place = broken
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = spoiler
            yield broken


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_good_is_kept_whatever_stands_beside_it(doors: Doors, kind: str) -> None:
    guards = []
    entries = list(spoilt(webhook(KINDS[kind]())["entry"][0]))
    for at in range(0, len(entries), 300):
        guard = text("bien", "34611222333")
        guards.append(guard.id)
        answer = doors.post({"object": "whatsapp_business_account", "entry": entries[at : at + 300] + webhook(guard)["entry"]})
        assert answer.status_code == 200
    assert len(entries) > 300
    assert set(guards) <= set(written_ids(doors.ledger))


@pytest.mark.parametrize("spoiler", SPOILERS, ids=lambda spoiler: repr(spoiler)[:20])
@pytest.mark.parametrize("place", ["object", "entry"])
def test_a_body_that_is_spoilt_as_a_whole_is_refused(doors: Doors, place: str, spoiler: Any) -> None:
    expected = 200 if place == "entry" and isinstance(spoiler, list) else 400
    assert doors.post({**webhook(text("hola")), place: spoiler}).status_code == expected
    assert written_ids(doors.ledger) == []
