"""The operators' doors: what they are told of the service, of one conversation and of many."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import pytest

from src.agent import state as states
from src.agent.state import Consent, Conversation
from src.desk.finding import listed_under
from src.desk.ports import Settlement
from src.integrations.ledger.redis_ledger import RedisLedger
from src.messages import Contact, Inbound
from tests.integrations.ledger_kit import NOW, done, take, traces
from tests.kit.builders import new_wamid, text
from tests.kit.contracts import (
    assert_conversation,
    assert_conversations,
    assert_error,
    assert_public_status,
    assert_status,
)
from tests.webhooks.door_kit import ADMIN, KEY, SECRET, VERIFY, WHATSAPP, Doors
from tests.webhooks.hostile_kit import ENVIRONMENT
from tests.webhooks.log_kit import written_to

NewDoors = Callable[..., Doors]
PATH = f"/webhook/conversation/{KEY}"


@pytest.fixture
def doors(new_doors: NewDoors, new_ledger: Callable[..., RedisLedger]) -> Doors:
    return new_doors(ledger=new_ledger(debounce_s=0))


def say(doors: Doors, key: str, **who: str) -> None:
    contact = Contact(key=key, channel="whatsapp", **who)
    doors.desk.receive([Inbound(id=new_wamid(), contact=contact, kind="text", at=NOW, text="hola")], [])


def keep(doors: Doors, phone: str, *, name: str = "", at: datetime = NOW, **fields: Any) -> str:
    """A conversation that had a turn."""
    key = f"whatsapp:{phone}"
    say(doors, key, phone=f"+{phone}")
    claim = take(doors.ledger, "turns", key)
    conversation = Conversation(
        contact=Contact(key=key, channel="whatsapp", phone=f"+{phone}", name=name or None),
        created_at=at,
        updated_at=claim.now,
        consents={"quote": Consent(given=True, at=at, text_version="1")},
        **fields,
    )
    settlement = done(
        claim,
        state=states.encode(conversation),
        stage=conversation.stage,
        name=listed_under(conversation),
        owner=conversation.owner,
    )
    doors.ledger.commit(claim, settlement)
    return key


def keys(page: Any) -> list[str]:
    return [summary["contact"]["key"] for summary in page["conversations"]]


# --- health -------------------------------------------------------------------------------------------------------------


def test_ready_means_that_messages_are_kept_and_somebody_answers_them(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doors.ask("/healthz", token=None).json == {"status": "ok"}
    nobody = doors.ask("/readyz", token=None)
    assert nobody.status_code == 503
    assert_error(nobody.json, "no_worker")
    doors.ledger.beat("host.1")
    assert doors.ask("/readyz", token=None).status_code == 200
    monkeypatch.setattr(doors.ledger, "workers", lambda: {"host.1": 600.0})
    assert doors.ask("/readyz", token=None).status_code == 503


def test_ready_does_not_depend_on_a_store_that_is_away_but_says_so(new_doors: NewDoors) -> None:
    from src.integrations.ledger.store import connect  # noqa: PLC0415

    doors = new_doors(ledger=RedisLedger(lambda: connect("unix:///nonexistent/store.sock")))
    assert doors.ask("/healthz").status_code == 200
    for path in ("/readyz", "/webhook/conversations", "/webhook/status", PATH):
        answer = doors.ask(path)
        assert answer.status_code == 503, path
        assert_error(answer.json, "ledger_unavailable", private=["nonexistent"])
    assert doors.ask("/webhook/status", token=None).status_code == 200


def test_status_tells_everybody_little_and_the_operator_everything(doors: Doors) -> None:
    doors.ledger.beat("host.1")
    doors.receive(text("hola"))
    keep(doors, "34600000001", stage="COTIZACION")
    public = doors.ask("/webhook/status", token=None)
    assert_public_status(public.json)
    assert doors.ask("/webhook/status", token="wrong").json == public.json
    shown = doors.ask("/webhook/status").json
    assert_status(shown, secrets=[ADMIN, VERIFY, SECRET, WHATSAPP["WHATSAPP_TOKEN"], "34600000001"])
    assert shown["channels"]["whatsapp"]["state"] == "on"
    assert shown["channels"]["whatsapp"]["token"] == "set"
    assert [worker["id"] for worker in shown["workers"]] == ["host.1"]
    assert shown["lanes"]["turns"]["depth"] == 1
    assert shown["conversations"]["by_stage"]["COTIZACION"] == 1


def test_no_part_of_a_secret_is_shown(new_doors: NewDoors) -> None:
    """Four letters of a token are four letters less to guess, and tell whose it is."""
    doors = new_doors(ENVIRONMENT)
    for shown in (doors.ask("/webhook/status").text, doors.ask("/webhook/diag").text, doors.ask("/metrics").text):
        for name, value in ENVIRONMENT.items():
            if any(part in name for part in ("TOKEN", "SECRET")):
                for end in (value[-4:], value[:4]):
                    assert f"…{end}" not in shown, name
                    assert f"{end}…" not in shown, name
                assert value not in shown, name
    assert doors.ask("/webhook/status").json["channels"] == {
        "whatsapp": {"state": "on", "phone_number_id": ENVIRONMENT["WHATSAPP_PHONE_NUMBER_ID"], "api_version": "v26.0",
                     "token": "set", "app_secrets": 2},
        "twilio": {
            "state": "on",
            "account_sid": ENVIRONMENT["TWILIO_ACCOUNT_SID"],
            "token": "set",
            "reply": "rest",
            "webhook": f"{ENVIRONMENT['PUBLIC_BASE_URL']}/webhook/twilio",
        },
        "chatwoot": {"state": "on", "mode": "api-inbox"},
    }  # fmt: skip


def test_the_diagnosis_shows_no_secret(new_doors: NewDoors) -> None:
    secrets = {**WHATSAPP, "ADMIN_TOKEN": "secret-admin-token", "REDIS_URL": "redis://user:secret-password@host"}
    answer = new_doors(secrets).ask("/webhook/diag")
    assert answer.status_code == 200
    hidden = [SECRET, VERIFY, WHATSAPP["WHATSAPP_TOKEN"], "secret-admin", "secret-password", ADMIN]
    assert_status({"status": "ok", **answer.json}, secrets=hidden)


# --- one conversation ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turned", [False, True], ids=["before its first turn", "after it"])
def test_a_conversation_has_the_promised_shape(doors: Doors, turned: bool) -> None:
    doors.receive(text("Hola, ¿me dan un precio?"))
    if turned:
        keep(doors, KEY.partition(":")[2], name="Marta", stage="NEEDS_ANALYSIS", awaiting="age", profile={"name": "Marta"})
    shown = doors.ask(PATH).json
    assert_conversation(shown)
    assert shown["messages"][0]["text"] == "Hola, ¿me dan un precio?"
    assert shown["messages"][0]["role"] == "prospect"


@pytest.mark.parametrize(
    "reference",
    ["whatsapp:34600000001", "34600000001", "+34600000001", "+34 600 00 00 01", "%2B34600000001", "(34) 600-000-001"],
)
def test_a_person_is_found_by_phone_and_key(doors: Doors, reference: str) -> None:
    key = keep(doors, "34600000001")
    assert doors.ask(f"/webhook/conversation/{reference}").json["contact"]["key"] == key


def test_a_person_is_found_by_user_id(doors: Doors) -> None:
    say(doors, "whatsapp:ES.99", bsuid="ES.99")
    for reference in ("ES.99", "whatsapp:ES.99"):
        shown = doors.ask(f"/webhook/conversation/{reference}")
        assert shown.status_code == 200
        assert_conversation(shown.json)
        assert shown.json["contact"]["bsuid"] == "ES.99"


@pytest.mark.parametrize(
    "reference", ["34699999999", "whatsapp:34699999999", "nobody", "a/b", "%00", "*", "{s00}", "ñ", 5000 * "x"]
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_who_is_unknown_is_a_404(doors: Doors, reference: str, method: str) -> None:
    answer = doors.ask(f"/webhook/conversation/{reference}", method=method)
    assert answer.status_code == 404
    assert_error(answer.json, "unknown_contact", private=["34699999999"])


def test_a_reset_forgets_the_state_and_keeps_what_was_said(doors: Doors) -> None:
    doors.receive(text("hola"))
    key = keep(doors, KEY.partition(":")[2], stage="COTIZACION", profile={"age": 41})
    answer = doors.ask(f"/webhook/conversation/{key}", method="DELETE")
    assert (answer.status_code, answer.json) == (200, {"status": "reset"})
    shown = doors.ask(f"/webhook/conversation/{key}").json
    assert_conversation(shown)
    assert (shown["stage"], shown["profile"]) == ("INICIO", {})
    assert "hola" in [message["text"] for message in shown["messages"]]


@pytest.mark.parametrize("yes", ["true", "True", "1", "yes"])
def test_an_erasure_leaves_nothing_of_the_person(doors: Doors, log_file: Any, yes: str) -> None:
    doors.receive(text("hola", name="Marta Ejemplo"))
    answer = doors.ask(PATH, method="DELETE", query={"erase": yes})
    assert (answer.status_code, answer.json) == (200, {"status": "erased"})
    assert doors.ask(PATH).status_code == 404
    assert traces(doors.ledger.client, KEY.partition(":")[2], "Marta") == []
    assert "conversation.erased" in written_to(log_file)


@pytest.mark.parametrize("no", ["false", "0", "", "no"])
def test_without_a_clear_word_nothing_is_erased(doors: Doors, no: str) -> None:
    doors.receive(text("hola"))
    assert doors.ask(PATH, method="DELETE", query={"erase": no}).json == {"status": "reset"}
    assert doors.texts() == ["hola"]


def test_a_word_that_means_neither_erases_nothing_and_says_so(doors: Doors) -> None:
    doors.receive(text("hola"))
    answer = doors.ask(PATH, method="DELETE", query={"erase": "si por favor"})
    assert answer.status_code == 400
    assert_error(answer.json)


def test_an_old_webhook_brings_nobody_back(doors: Doors) -> None:
    message = text("hola")
    doors.receive(message)
    doors.ask(PATH, method="DELETE", query={"erase": "true"})
    assert doors.receive(message).status_code == 200
    assert doors.ask(PATH).status_code == 404


# --- many conversations -------------------------------------------------------------------------------------------------


def test_pages_hold_everybody_once_also_when_many_wrote_in_the_same_moment(
    new_doors: NewDoors, new_ledger: Callable[..., RedisLedger], skew: Any
) -> None:
    doors = new_doors(ledger=new_ledger(debounce_s=0))
    expected = {keep(doors, f"346{number:08d}") for number in range(250)}
    # Ties: to the lists, everybody up to here was last active in one and the same millisecond.
    for shard in range(doors.ledger.keys.shards):
        index = doors.ledger.keys.of_shard(shard, "index")
        members: Any = doors.ledger.client.zrange(index, 0, -1)
        if members:
            doors.ledger.client.zadd(index, dict.fromkeys(members, 1_000_000))
    skew.advance(5)
    newest = keep(doors, "34700000000")
    seen: list[str] = []
    cursor = ""
    for _ in range(20):
        page = doors.ask("/webhook/conversations", query={"limit": "37", "cursor": cursor}).json
        assert len(page["conversations"]) <= 37
        seen += keys(page)
        cursor = page["next_cursor"] or ""
        if not cursor:
            break
    assert seen[0] == newest
    assert len(seen) == len(set(seen)) == 251
    assert set(seen) == expected | {newest}


def test_newest_first_with_the_promised_shape(doors: Doors, skew: Any) -> None:
    order = []
    for number in range(5):
        order.append(keep(doors, f"3460000000{number}", name=f"Ana {number}"))
        skew.advance(60)
    page = doors.ask("/webhook/conversations").json
    assert_conversations(page)
    assert keys(page) == order[::-1]
    assert page["next_cursor"] is None
    exact = doors.ask("/webhook/conversations", query={"limit": "5"}).json
    assert exact["next_cursor"] is None, "a cursor that leads nowhere"


@pytest.fixture
def office(doors: Doors, skew: Any) -> dict[str, str]:
    """Four conversations, each a minute younger than the one before."""
    made = {}
    for number, (name, stage, owner) in enumerate(
        [
            ("Ana Ruiz", "INICIO", "bot"),
            ("Anabel Gil", "COTIZACION", "human"),
            ("Bea Mora", "COTIZACION", "bot"),
            ("Álvaro Sanz", "FINALIZADO", "human"),
        ]
    ):
        made[name] = keep(doors, f"3461111111{number}", name=name, stage=stage, owner=owner)
        skew.advance(60)
    return made


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"stage": "COTIZACION"}, ["Bea Mora", "Anabel Gil"]),
        ({"stage": "NEEDS_ANALYSIS"}, []),
        ({"owner": "human"}, ["Álvaro Sanz", "Anabel Gil"]),
        ({"owner": "bot"}, ["Bea Mora", "Ana Ruiz"]),
        ({"stage": "COTIZACION", "owner": "human"}, ["Anabel Gil"]),
        ({"stage": "INICIO", "owner": "human"}, []),
        ({"q": "ana"}, ["Anabel Gil", "Ana Ruiz"]),
        ({"q": " ANA "}, ["Anabel Gil", "Ana Ruiz"]),
        ({"q": "ana ruiz"}, ["Ana Ruiz"]),
        ({"q": "ÁLVARO"}, ["Álvaro Sanz"]),
        ({"q": "zzz"}, []),
        ({"q": "+34 611 111 112"}, ["Bea Mora"]),
        ({"q": "34611111112"}, ["Bea Mora"]),
        ({"q": "whatsapp:34611111112"}, ["Bea Mora"]),
        ({"q": "ana", "owner": "human"}, ["Anabel Gil"]),
        ({"q": "ana", "owner": "human", "limit": "1"}, ["Anabel Gil"]),
        ({"q": "ana", "owner": "bot", "limit": "1"}, ["Ana Ruiz"]),
        ({"q": "ana", "stage": "COTIZACION", "limit": "1"}, ["Anabel Gil"]),
        ({"q": "ana", "stage": "COTIZACION"}, ["Anabel Gil"]),
        ({"q": "34611111112", "stage": "INICIO"}, []),
        ({"q": "*"}, []),
        ({"q": "ana\n"}, ["Anabel Gil", "Ana Ruiz"]),
        ({"q": "a" * 5000}, []),
    ],
    ids=str,
)
def test_lists_can_be_narrowed(doors: Doors, office: dict[str, str], query: dict[str, str], names: list[str]) -> None:
    page = doors.ask("/webhook/conversations", query=query).json
    assert_conversations(page)
    assert keys(page) == [office[name] for name in names]


def test_narrowed_lists_have_pages_too(doors: Doors, office: dict[str, str]) -> None:
    found = []
    cursor = ""
    for _ in range(len(office)):
        page = doors.ask("/webhook/conversations", query={"owner": "human", "limit": "1", "cursor": cursor}).json
        found += keys(page)
        cursor = page["next_cursor"] or ""
        if not cursor:
            break
    assert found == [office["Álvaro Sanz"], office["Anabel Gil"]]


@pytest.mark.parametrize(
    "query",
    [
        *({"limit": value} for value in ("0", "-1", "201", "x", "1.5", "²", "", " 5", "000000001" + "99999", "9" * 5000)),
        *({"cursor": value} for value in ("x", "!!!!", "AAAA", "ñ", "MTIzIA", "IA==", "9" * 5000)),
        *({"stage": value} for value in ("inicio", "OTHER", "*")),
        *({"owner": value} for value in ("nobody", "Human", "*")),
    ],
    ids=lambda query: str(query)[:40],
)
def test_a_question_that_makes_no_sense_is_a_400(doors: Doors, office: dict[str, str], query: dict[str, str]) -> None:
    answer = doors.ask("/webhook/conversations", query=query)
    assert answer.status_code == 400
    assert_error(answer.json)


def test_one_conversation_that_cannot_be_read_does_not_hide_the_others(doors: Doors, office: dict[str, str]) -> None:
    """After a step back to an older version of this program."""
    ours = office["Bea Mora"]
    say(doors, ours)
    claim = take(doors.ledger, "turns", ours)
    newer = msgspec.json.encode({**msgspec.json.decode(claim.state or b"{}"), "schema": 999})
    doors.ledger.commit(claim, Settlement(done=[job.id for job in claim.jobs], state=newer, stage="COTIZACION"))
    page = doors.ask("/webhook/conversations").json
    assert set(keys(page)) == set(office.values())
    shown = doors.ask(f"/webhook/conversation/{ours}")
    assert shown.status_code == 200
    assert_conversation(shown.json)
    assert len(shown.json["messages"]) == 2
    for change, method, body in (("takeover", "POST", None), ("handback", "POST", None), ("profile", "PATCH", {"age": 41})):
        answer: Any = doors.client.open(
            f"/webhook/conversation/{ours}/{change}", method=method, json=body, headers={"Authorization": f"Bearer {ADMIN}"}
        )
        assert answer.status_code == 409, change
        assert_error(answer.json)
    record = doors.records.record(ours)
    assert record is not None
    assert record.state == newer
