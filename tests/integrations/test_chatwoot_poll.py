"""What no webhook brought is found once, in order, with few calls, and nothing from before the installation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from src.desk.crm import AgentSaid, CrmEvent, OwnerChanged
from src.errors import Conflict, LedgerUnavailable, TemporaryFailure
from src.integrations.chatwoot_poll import MOST_READ, OVERLAP_S, ChatwootPoll
from src.integrations.redis_sightings import RedisSightings

NOON = 1_781_697_600.0


class Account:
    """An account as its API shows it. Nothing here is a server."""

    def __init__(self) -> None:
        self.conversations: list[Any] = []
        self.messages: dict[str, list[Any]] = {}
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self.fails: Exception | None = None

    def call(self, action: str, method: str, path: str, **content: Any) -> Any:
        assert method == "GET"
        self.calls.append((path, content.get("params", {})))
        if self.fails:
            raise self.fails
        if path == "conversations":
            return {"data": {"payload": self.conversations}}
        return {"payload": self.messages.get(path.split("/")[1], [])}

    def talk(self, number: int, *, activity: float, status: str = "open", last: int = 0, **more: Any) -> None:
        self.conversations.append(
            {
                "id": number,
                "inbox_id": 3,
                "status": status,
                "updated_at": activity + 0.5,
                "last_activity_at": int(activity),
                "meta": {"sender": {"id": number, "phone_number": f"+346000{number:05d}", "custom_attributes": {}}},
                "last_non_activity_message": {"id": last, **more},
            }
        )

    def say(self, conversation: int, number: int, at: float, **more: Any) -> None:
        message = {"id": number, "content": f"m{number}", "message_type": 1, "private": False, "created_at": int(at)}
        self.messages.setdefault(str(conversation), []).append({**message, "sender": {"type": "user"}, **more})

    def reads(self) -> list[str]:
        return [path for path, _ in self.calls if path != "conversations"]


class Humans:
    """Takes events and knows what it had before."""

    def __init__(self) -> None:
        self.taken: list[CrmEvent] = []
        self.fails: dict[str, Exception] = {}

    def take(self, event: CrmEvent) -> str:
        if fault := self.fails.get(event.whose.conversation_id):
            raise fault
        if event in self.taken:
            return "duplicate"
        self.taken.append(event)
        return "said" if isinstance(event, AgentSaid) else "unchanged"

    @property
    def said(self) -> list[str]:
        return [event.text for event in self.taken if isinstance(event, AgentSaid)]


class Scene:
    def __init__(self, sightings: RedisSightings) -> None:
        self.account, self.humans, self.sightings = Account(), Humans(), sightings
        self.now_s = NOON
        account: Any = self.account
        humans: Any = self.humans
        self.poll = ChatwootPoll(lambda: (account, 3), humans, sightings, clock=lambda: self.now_s)


@pytest.fixture
def store_url(valkey_url: str) -> str:
    """Which server it is does not matter here."""
    return valkey_url


@pytest.fixture
def scene(new_ledger: Callable[..., Any]) -> Scene:
    made = Scene(RedisSightings(new_ledger()))
    made.poll.look()
    made.now_s += 20
    return made


def test_nothing_from_before_the_installation_is_news(new_ledger: Callable[..., Any]) -> None:
    scene = Scene(RedisSightings(new_ledger()))
    scene.account.talk(1, activity=NOON - 10)
    scene.account.say(1, 501, NOON - 10)
    assert scene.poll.look() == 0
    assert scene.account.calls == []
    scene.now_s += 3600
    scene.account.conversations.clear()
    scene.account.talk(1, activity=NOON + 1800)
    scene.account.say(1, 502, NOON + 1800)
    scene.account.messages["1"].insert(0, {**scene.account.messages["1"][0], "id": 1, "created_at": int(NOON - OVERLAP_S - 60)})
    scene.poll.look()
    assert scene.humans.said == ["m501", "m502"]


def test_a_lost_reply_is_found_once_and_before_the_status(scene: Scene) -> None:
    scene.account.talk(1, activity=NOON + 10, status="resolved")
    scene.account.say(1, 502, NOON + 11)
    scene.account.say(1, 501, NOON + 10)
    assert scene.poll.look() == 2
    assert scene.humans.said == ["m501", "m502"]
    assert isinstance(scene.humans.taken[2], OwnerChanged)
    scene.now_s += 20
    assert scene.poll.look() == 0


def test_what_is_not_a_humans_word_is_passed_over(scene: Scene) -> None:
    scene.account.talk(1, activity=NOON + 10)
    scene.account.say(1, 501, NOON + 10, private=True)
    scene.account.say(1, 502, NOON + 10, content_attributes={"iagente_id": "1.0"})
    scene.account.say(1, 503, NOON + 10, message_type=0)
    scene.account.say(1, 504, NOON + 10, sender=None)
    scene.account.messages["1"] += [None, 5, {}]
    scene.account.conversations += [None, {}, {"inbox_id": 4, "id": 9}]
    scene.account.say(1, 505, NOON + 10)
    scene.poll.look()
    assert scene.humans.said == ["m505"]


def test_a_conversation_that_rests_is_read_once(scene: Scene) -> None:
    scene.account.talk(1, activity=NOON + 1)
    for _ in range(4):
        scene.poll.look()
        scene.now_s += 20
    assert scene.account.reads() == ["conversations/1/messages"]


def test_a_look_makes_few_calls_and_the_next_goes_on(scene: Scene) -> None:
    for number in range(1, MOST_READ + 11):
        scene.account.talk(number, activity=NOON + number / 10)
        scene.account.say(number, 1000 + number, NOON + number / 10)
    scene.now_s += 600
    scene.poll.look()
    assert len(scene.account.reads()) == MOST_READ
    scene.poll.look()
    assert len(scene.account.reads()) == MOST_READ + 10
    assert len(scene.humans.said) == MOST_READ + 10


def test_the_last_message_comes_with_its_template(scene: Scene) -> None:
    chosen = {"template_params": {"name": "hola", "language": "es", "processed_params": {}}}
    scene.account.talk(1, activity=NOON + 10, last=501, additional_attributes=chosen)
    scene.account.say(1, 501, NOON + 10)
    scene.poll.look()
    (said,) = [event for event in scene.humans.taken if isinstance(event, AgentSaid)]
    assert said.template is not None


@pytest.mark.parametrize("away", [TemporaryFailure("chatwoot", "poll", status=503), LedgerUnavailable("away")])
def test_after_an_outage_the_look_goes_back_to_where_it_was(scene: Scene, away: Exception) -> None:
    scene.account.fails = away
    for _ in range(30):
        scene.now_s += 20
        with pytest.raises(type(away)):
            scene.poll.look()
    scene.account.fails = None
    scene.account.talk(1, activity=NOON + 30)
    scene.account.say(1, 501, NOON + 30)
    scene.poll.look()
    assert scene.humans.said == ["m501"]
    assert scene.account.calls[-2][1]["updated_within"] >= 600


def test_one_that_keeps_changing_holds_nobody_up(scene: Scene) -> None:
    for number in (1, 2):
        scene.account.talk(number, activity=NOON + 10)
        scene.account.say(number, 500 + number, NOON + 10)
    scene.humans.fails["1"] = Conflict("busy", "again")
    scene.poll.look()
    assert scene.humans.said == ["m502"]


def test_until_it_is_provisioned_nothing_is_asked(new_ledger: Callable[..., Any]) -> None:
    humans: Any = Humans()
    poll = ChatwootPoll(lambda: None, humans, RedisSightings(new_ledger()), clock=lambda: NOON)
    assert poll.look() == 0
    assert poll.look_alone() == 0
