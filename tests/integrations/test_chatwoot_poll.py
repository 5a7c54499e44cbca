"""What no webhook brought is found once, in order, with few calls, and nothing from before the installation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import pytest

from src.desk.crm import AgentSaid, CrmEvent, OwnerChanged
from src.errors import AccessDenied, Conflict, LedgerUnavailable, TemporaryFailure
from src.integrations.chatwoot.api import ChatwootApi, NotThere
from src.integrations.chatwoot.poll import BEHIND_S, LONGEST_BACK_S, MOST_PAGES, MOST_READ, MOST_TRIES, OVERLAP_S, ChatwootPoll
from src.integrations.ledger.sightings import RedisSightings
from tests.kit.rig import Rig

NOON = 1_781_697_600.0
PAGE = 25
DAY_S = 86_400.0


class Account:
    """An account as its API shows it: conversations by pages, those with the newest activity first; of a conversation's
    messages the newest twenty before one of them. Nothing here is a server. `meanwhile` happens just before each call."""

    def __init__(self) -> None:
        self.conversations: list[Any] = []
        self.messages: dict[str, list[Any]] = {}
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self.fails: Exception | None = None
        self.fails_for: dict[str, Exception] = {}
        self.meanwhile: Callable[[], object] = lambda: None

    def call(self, action: str, method: str, path: str, **content: Any) -> Any:
        assert method == "GET"
        self.meanwhile()
        asked = content.get("params", {})
        self.calls.append((path, asked))
        if self.fails:
            raise self.fails
        if path == "conversations":
            assert (asked["status"], asked["sort_by"]) == ("all", "last_activity_at_desc")
            newest = sorted(self.conversations, key=lambda one: -one.get("last_activity_at", 0))
            return {"data": {"payload": newest[(asked["page"] - 1) * PAGE : asked["page"] * PAGE]}}
        number = path.split("/")[1]
        if number in self.fails_for:
            raise self.fails_for[number]
        rows = self.messages.get(number, [])
        if "before" in asked:
            rows = [row for row in rows if isinstance(row, dict) and 0 < row.get("id", 0) < int(asked["before"])]
        return {"payload": rows[-20:]}

    def wakes(self, number: int, activity: float) -> None:
        """Something happens in a conversation that is there."""
        (one,) = [one for one in self.conversations if one["id"] == number]
        one["last_activity_at"], one["updated_at"] = int(activity), activity + 0.5

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
        self.told: list[str] = []
        self.poll = self.another_process()

    def another_process(self) -> ChatwootPoll:
        account: Any = self.account
        humans: Any = self.humans
        return ChatwootPoll(
            lambda: (account, 3),
            humans,
            self.sightings,
            clock=lambda: self.now_s,
            told=lambda reason, _detail: self.told.append(reason),
        )

    def many(self, count: int, *, every_s: float = 1.0) -> list[str]:
        """So many people were answered since noon; what they were told, in that order."""
        for number in range(1, count + 1):
            self.account.talk(number, activity=NOON + number * every_s)
            self.account.say(number, 10_000 + number, NOON + number * every_s)
        self.now_s = NOON + count * every_s + 60
        return [f"m{10_000 + number}" for number in range(1, count + 1)]


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
    scene.account.conversations += [{}, {"inbox_id": 4, "id": 9}]
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


# -- busy days ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with Rig() as started:
        yield started


def test_a_day_with_more_conversations_than_an_answer_may_hold_is_caught_up_with(
    rig: Rig, new_ledger: Callable[..., Any]
) -> None:
    """Over HTTP: what changed would be more than a mebibyte in one answer."""
    environment = rig.env("chatwoot")
    api = ChatwootApi(
        base_url=environment["CHATWOOT_BASE_URL"],
        account_id=int(environment["CHATWOOT_ACCOUNT_ID"]),
        user_token=environment["CHATWOOT_USER_TOKEN"],
    )
    humans: Any = Humans()
    poll = ChatwootPoll(lambda: (api, 1), humans, RedisSightings(new_ledger()), clock=time.time)
    poll.look()
    words = []
    for number in range(150):
        phone = f"+346007{number:05d}"
        person = api.call("make", "POST", "contacts", json={"name": "x", "phone_number": phone})["payload"]["contact"]
        words.append(f"{number} {'palabra ' * 300}".strip())
        said = {"inbox_id": 1, "contact_id": person["id"], "message": {"content": words[-1]}}
        api.call("make", "POST", "conversations", json=said)
    poll.look()
    while poll.has_more:
        poll.look()
    assert sorted(humans.said) == sorted(words)


def test_a_long_backlog_is_worked_off_from_its_oldest_on_with_few_calls(scene: Scene) -> None:
    expected = scene.many(800)
    looks = 0
    while scene.poll.has_more or not looks:
        before = len(scene.account.calls)
        scene.poll.look()
        looks += 1
        assert scene.humans.said == expected[: len(scene.humans.said)]
        assert len(scene.humans.said) >= min(looks * MOST_READ, len(expected)), "no look is in vain"
        assert len(scene.account.calls) - before <= MOST_READ + MOST_PAGES + 40
        assert looks < 200
    assert scene.humans.said == expected


def test_what_happens_while_pages_are_read_is_missed_by_nobody(scene: Scene) -> None:
    """Whatever wakes goes to the front and pushes the others behind: pages shift under whoever reads them."""
    expected = scene.many(600)
    wakes = iter(range(600, 0, -7))

    def meanwhile() -> None:
        if number := next(wakes, None):
            scene.now_s += 1
            scene.account.wakes(number, scene.now_s)

    scene.account.meanwhile = meanwhile
    scene.poll.look()
    while scene.poll.has_more:
        scene.poll.look()
    assert sorted(scene.humans.said) == expected


def test_one_that_wakes_before_it_was_read_is_read_from_where_nothing_was_left_out(scene: Scene) -> None:
    """Its reply is older than what the looks have come to by the time it is its turn."""
    expected = scene.many(2 * MOST_READ + 20, every_s=10)
    scene.poll.look()
    scene.account.wakes(MOST_READ + 10, scene.now_s)
    scene.now_s += 60
    while scene.poll.has_more:
        scene.poll.look()
    assert sorted(scene.humans.said) == expected


def test_processes_that_take_turns_come_on(scene: Scene) -> None:
    """More people were answered within a minute than one look reads, and no process knows what another has read."""
    expected = scene.many(5 * MOST_READ, every_s=0.2)
    for _ in range(8):
        scene.another_process().look()
    assert sorted(scene.humans.said) == expected


def test_the_clock_of_the_store_may_say_what_it_likes(scene: Scene) -> None:
    """Days ahead, and right again: what counts is the time there."""
    scene.account.talk(1, activity=NOON + 10)
    scene.account.say(1, 501, NOON + 10)
    scene.now_s += 5 * DAY_S
    scene.poll.look()
    scene.account.talk(2, activity=NOON + 60)
    scene.account.say(2, 502, NOON + 60)
    scene.poll.look()
    scene.now_s -= 5 * DAY_S
    scene.account.talk(3, activity=NOON + 90)
    scene.account.say(3, 503, NOON + 90)
    scene.poll.look()
    assert scene.humans.said == ["m501", "m502", "m503"]


def test_after_a_longer_outage_a_day_is_caught_up_with(scene: Scene) -> None:
    scene.account.talk(1, activity=NOON + 60)
    scene.account.say(1, 501, NOON + 60)
    later = NOON + LONGEST_BACK_S + 3600
    scene.account.talk(2, activity=later)
    scene.account.say(2, 502, later)
    scene.now_s = later + 60
    scene.poll.look()
    assert scene.humans.said == ["m502"]


def test_of_a_long_talk_every_word_is_found(scene: Scene) -> None:
    scene.account.talk(1, activity=NOON + 100)
    for number in range(1, 71):
        scene.account.say(1, 500 + number, NOON + 10 + number)
    scene.poll.look()
    assert scene.humans.said == [f"m{500 + number}" for number in range(1, 71)]


# -- what cannot be read -----------------------------------------------------------------------------------------------

BROKEN = TemporaryFailure("chatwoot", "poll_messages", status=500)


@pytest.mark.parametrize("fault", [BROKEN, ValueError("a bug"), AccessDenied("chatwoot", "poll_messages", status=403)])
def test_one_conversation_that_cannot_be_read_holds_nobody_up(scene: Scene, fault: Exception) -> None:
    """It is tried again, then passed over, and somebody is told."""
    for number in (1, 2, 3):
        scene.account.talk(number, activity=NOON + number)
        scene.account.say(number, 500 + number, NOON + number)
    scene.account.fails_for["2"] = fault
    for tries in range(MOST_TRIES):
        assert scene.told == [], f"after {tries} tries"
        scene.poll.look()
        assert scene.humans.said == ["m501", "m503"]
        scene.account.talk(10 + tries, activity=NOON + 10)  # something else can be read every time
        scene.now_s += 20
    assert scene.told == ["passed_over"]
    assert not scene.poll.has_more
    del scene.account.fails_for["2"]
    scene.account.wakes(2, NOON + 30)
    scene.poll.look()
    assert scene.humans.said == ["m501", "m503", "m502"]


def test_many_that_cannot_be_read_hold_nobody_up_either(scene: Scene) -> None:
    """Also when they are the oldest, and more than are tried in one look."""
    expected = scene.many(20)
    for number in range(1, 9):
        scene.account.fails_for[str(number)] = BROKEN
    for look in range(3 * MOST_TRIES):
        scene.account.talk(100 + look, activity=scene.now_s)
        scene.now_s += 20
        scene.poll.look()
    assert scene.humans.said == expected[8:]
    assert scene.told == ["passed_over"] * 8
    assert scene.sightings.behind_s(scene.now_s) == 0


def test_while_nothing_can_be_read_nothing_is_passed_over(scene: Scene) -> None:
    for number in (1, 2):
        scene.account.talk(number, activity=NOON + number)
        scene.account.say(number, 500 + number, NOON + number)
        scene.account.fails_for[str(number)] = BROKEN
    for _ in range(3 * MOST_TRIES):
        scene.poll.look()
        scene.now_s += 20
    assert scene.told == []
    scene.account.fails_for.clear()
    scene.poll.look()
    assert scene.humans.said == ["m501", "m502"]


def test_told_to_go_slower_the_look_ends_and_the_next_goes_on(scene: Scene) -> None:
    expected = scene.many(10)
    scene.account.fails_for["5"] = TemporaryFailure("chatwoot", "poll_messages", status=429, retry_after_s=30)
    for _ in range(2 * MOST_TRIES):
        with pytest.raises(TemporaryFailure):
            scene.poll.look()
    assert (scene.humans.said, scene.told) == (expected[:4], [])
    scene.account.fails_for.clear()
    scene.poll.look()
    assert scene.humans.said == expected


def test_one_that_was_deleted_meanwhile_is_no_trouble(scene: Scene) -> None:
    scene.many(3)
    scene.account.fails_for["2"] = NotThere("chatwoot", "poll_messages", status=404)
    scene.poll.look()
    assert scene.humans.said == ["m10001", "m10003"]
    assert scene.sightings.behind_s(scene.now_s) == 0


# -- who is told -------------------------------------------------------------------------------------------------------


def tries(scene: Scene, for_s: float, every_s: float = 20.0) -> None:
    for _ in range(round(for_s / every_s)):
        scene.now_s += every_s
        with suppress(TemporaryFailure, AccessDenied):
            scene.poll.look_alone()


@pytest.mark.parametrize(
    "away", [TemporaryFailure("chatwoot", "poll_conversations", status=502), AccessDenied("chatwoot", "p", status=401)]
)
def test_somebody_is_told_once_when_it_does_not_come_on(scene: Scene, away: Exception) -> None:
    scene.account.fails = away
    tries(scene, BEHIND_S - 60)
    assert scene.told == []
    tries(scene, 120)
    assert scene.told == ["behind"]
    tries(scene, 600)
    assert scene.told == ["behind"]
    assert scene.sightings.behind_s(scene.now_s) > BEHIND_S
    scene.account.fails = None
    tries(scene, 20)
    assert scene.sightings.behind_s(scene.now_s) == 0


def test_what_comes_on_and_is_never_done_is_told_too(scene: Scene) -> None:
    """People are answered faster than the poll reads."""
    scene.many(600, every_s=2.0)
    scene.now_s = NOON
    tries(scene, BEHIND_S + 200, every_s=200)
    assert scene.told == ["behind"]


def test_while_nobody_writes_nobody_is_told(scene: Scene) -> None:
    tries(scene, 3 * BEHIND_S)
    assert scene.told == []
