"""The operators' doors: who may come in, what they are told, and that a page costs the same however many there are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import pytest

from src.agent import state as states
from src.agent.state import Consent, Conversation
from src.dashboard.pages import SESSION
from src.desk.ports import Settlement
from src.integrations.redis_ledger import RedisLedger
from src.messages import Contact, Inbound
from src.webhooks.security import ANYONE, OPERATOR, VENDOR
from tests.integrations.ledger_kit import NOW, done, take, traces
from tests.kit.builders import new_wamid, text
from tests.kit.contracts import (
    assert_conversation,
    assert_conversations,
    assert_error,
    assert_public_status,
    assert_status,
)
from tests.webhooks.door_kit import ADMIN, DOOR, KEY, SECRET, VERIFY, WHATSAPP, Doors

NewDoors = Callable[..., Doors]
PATH = f"/webhook/conversation/{KEY}"
TOKENS = {"no token": None, "a wrong one": "wrong", "an empty one": "", "not ASCII": "contraseña", "almost": ADMIN + "x"}


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
        claim, state=states.encode(conversation), stage=conversation.stage, name=name.casefold(), owner=conversation.owner
    )
    doors.ledger.commit(claim, settlement)
    return key


def keys(page: Any) -> list[str]:
    return [summary["contact"]["key"] for summary in page["conversations"]]


# --- who may come in ----------------------------------------------------------------------------------------------------

WITHOUT_TOKEN = {ANYONE: {200, 400, 401, 403, 404, 503}, VENDOR: {400, 403}, OPERATOR: {401}, SESSION: {303, 401, 403}}
VALUES = {"<path:reference>": KEY, "<reference>": KEY, "<letter_id>": "turns-x", "<name>": "x"}


def rules(doors: Doors) -> list[tuple[str, str, str]]:
    """Every door: its method, an address of it, and for whom it is."""
    found = []
    for rule in doors.app.url_map.iter_rules():
        view = doors.app.view_functions[rule.endpoint]
        assert hasattr(view, "guarded_for"), f"{rule} does not say who may use it"
        address = re.sub("<[^>]+>", lambda match: VALUES[match[0]], rule.rule)
        found += [(method, address, view.guarded_for) for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})]
    return found


def test_every_door_says_for_whom_it_is_and_keeps_to_it(doors: Doors) -> None:
    doors.receive(text("hola"))
    for method, address, who in rules(doors):
        for what, token in TOKENS.items():
            answer = doors.ask(address, method=method, token=token)
            assert answer.status_code in WITHOUT_TOKEN[who], f"{method} {address} with {what}"
            if answer.status_code >= 400 and answer.is_json:
                assert_error(answer.json, private=[ADMIN, VERIFY, SECRET, KEY])
        if who == SESSION:  # a page's session and a program's token are two things
            assert doors.ask(address, method=method).status_code in WITHOUT_TOKEN[SESSION]
    assert doors.texts() == ["hola"]


def test_the_token_opens_every_door_of_the_operator(doors: Doors) -> None:
    for method, address, who in rules(doors):
        if who == OPERATOR:
            doors.receive(text("hola"))
            assert doors.ask(address, method=method).status_code in (200, 202, 400, 404, 409), f"{method} {address}"


ODD_BODIES: list[Any] = [
    b"", b"{", b"\xff\xfe", b"null", b"[]", b"1e999", b'{"age": 1e999}', b'{"age": NaN}', 5000 * b"[", b'{"a":' + 5000 * b"[",
    {"text": 5}, {"text": None}, {"text": ""}, {"text": " "}, {"text": "x", "template": {}}, {"text": 5000 * "x"},
    {"text": "\ud83d"}, {"text": "a\x00b"}, {"template": 5}, {"template": {"name": "\ud83d", "language": "es"}},
    {"template": {"name": "x"}}, {"template": {"name": "x", "language": "es", "components": [[]]}}, {"to": 5, "text": "x"},
    {"to": "+34", "text": "x"}, {"to": "+34600000009", "text": "\ud83d"}, {"age": "x"}, {"age": 10**30}, {"age": []},
    {"smoker": 2}, {"name": "\ud83d"}, {"name": {}}, {"nothing": 1}, {"\ud83d": 1}, {"birth_date": "2026-13-45"},
    {"monthly_income": -1}, {"email": "x"},
]  # fmt: skip


@pytest.mark.parametrize("odd", ODD_BODIES, ids=lambda odd: repr(odd)[:40])
def test_an_odd_body_is_the_callers_fault_at_every_door(doors: Doors, odd: Any) -> None:
    raw = odd if isinstance(odd, bytes) else json.dumps(odd).encode()
    for method, address, who in rules(doors):
        if who == OPERATOR and method in ("POST", "PATCH", "PUT"):
            doors.receive(text("hola", timestamp=int(doors.ledger.server_time().timestamp())))
            headers = {"Authorization": f"Bearer {ADMIN}", "Content-Type": "application/json"}
            answer: Any = doors.client.open(address, method=method, data=raw, headers=headers)
            assert answer.status_code < 500, f"{method} {address}"
            if answer.status_code >= 400:
                assert set(answer.json) == {"error"}


def test_only_these_doors_need_no_token(doors: Doors) -> None:
    """Whoever opens another one must say so here."""
    opened = {(method, address) for method, address, who in rules(doors) if who not in (OPERATOR, SESSION)}
    assert opened == {
        ("GET", DOOR),
        ("POST", DOOR),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/webhook/status"),
        ("GET", "/login"),
        ("POST", "/login"),
        ("GET", "/dashboard/static/x"),
    }


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (f"Bearer {ADMIN}", 200),
        (f"bearer  {ADMIN} ", 200),
        (f"Basic {ADMIN}", 401),
        (ADMIN, 401),
        ("Bearer", 401),
        ("", 401),
        ("Bearer \xff\xfe", 401),
        (f"Bearer {ADMIN}, Bearer {ADMIN}", 401),
    ],
)
def test_the_token_comes_as_a_bearer_token_only(doors: Doors, header: str, status: int) -> None:
    answer = doors.client.get("/webhook/conversations", headers={"Authorization": header})
    assert answer.status_code == status
    assert (answer.headers.get("WWW-Authenticate") == "Bearer") == (status == 401)


def test_a_token_in_the_address_is_none(doors: Doors) -> None:
    """Addresses end up in logs and histories."""
    assert doors.ask("/webhook/conversations", token=None, query={"token": ADMIN, "access_token": ADMIN}).status_code == 401


def test_an_empty_admin_token_opens_nothing(new_doors: NewDoors) -> None:
    doors = new_doors(admin_token="")
    for header in ("Bearer ", "Bearer", ""):
        answer = doors.client.get("/webhook/conversations", headers={"Authorization": header})
        assert answer.status_code == 401


def test_a_token_may_have_any_letters(new_doors: NewDoors) -> None:
    doors = new_doors(admin_token="contraseña")
    header = "Bearer contraseña".encode().decode("latin-1")  # as WSGI hands it over
    assert doors.client.get("/webhook/conversations", headers={"Authorization": header}).status_code == 200


# --- HTTP ---------------------------------------------------------------------------------------------------------------


def test_a_wrong_method_says_the_right_ones(doors: Doors) -> None:
    answer = doors.ask(PATH, method="PUT")
    assert answer.status_code == 405
    assert {"GET", "DELETE"} <= set(answer.headers["Allow"].split(", "))
    assert_error(answer.json, "method_not_allowed")


@pytest.mark.parametrize("path", ["/webhook", "/webhook/conversation/", "/webhook/whatsapp/", "/webhook/../etc/passwd", "/%00"])
def test_what_is_not_there_is_a_404_in_the_same_shape(doors: Doors, path: str) -> None:
    answer = doors.ask(path)
    assert answer.status_code == 404
    assert_error(answer.json)


def test_head_and_options_are_answered_like_get_without_a_body(doors: Doors) -> None:
    assert doors.ask("/healthz", method="HEAD").status_code == 200
    assert doors.ask("/healthz", method="HEAD").data == b""
    assert doors.ask("/webhook/conversations", method="HEAD", token=None).status_code == 401
    assert "GET" in doors.ask("/webhook/conversations", method="OPTIONS", token=None).headers["Allow"]


def test_nothing_is_cached_or_guessed_at(doors: Doors) -> None:
    for path in ("/healthz", "/webhook/conversations", "/nowhere"):
        answer = doors.ask(path)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.mimetype == "application/json"


def test_a_bug_is_a_500_that_tells_nothing(doors: Doors, monkeypatch: pytest.MonkeyPatch, log_file: Any) -> None:
    def fail(_contact: str) -> None:
        raise RuntimeError("+34600111222 said hola with EAAtokenofthetests")

    monkeypatch.setattr(doors.desk, "conversation", fail)
    doors.receive(text("hola"))
    answer = doors.ask(PATH)
    assert answer.status_code == 500
    assert_error(answer.json, "internal_error", private=["34600111222", "EAAtoken", "RuntimeError"])
    logged = log_file.read_text()
    assert "RuntimeError" in logged
    assert "34600111222" not in logged
    assert "EAAtoken" not in logged


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
    from src.integrations.redis_store import connect  # noqa: PLC0415

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
    assert [worker["id"] for worker in shown["workers"]] == ["host.1"]
    assert shown["lanes"]["turns"]["depth"] == 1
    assert shown["conversations"]["by_stage"]["COTIZACION"] == 1


def test_the_diagnosis_shows_no_secret(new_doors: NewDoors) -> None:
    secrets = {**WHATSAPP, "ADMIN_TOKEN": "secret-admin", "REDIS_URL": "redis://user:secret-password@host"}
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
    assert "conversation.erased" in log_file.read_text()


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
