"""Meta's door: the handshake, the proof of origin, the limits, and 200 only for what is kept."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
import requests

from src.errors import ConfigurationError, LedgerUnavailable
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.store import connect
from src.webhooks.security import MAX_BODY_BYTES
from tests.integrations.ledger_kit import InterposedServer
from tests.kit import builders
from tests.kit.builders import button_reply, raw_message, signed, status, text, webhook
from tests.kit.contracts import assert_error
from tests.webhooks.conftest import Served
from tests.webhooks.door_kit import DOOR, KEY, OLD_SECRET, SECRET, VERIFY, Doors, written_ids
from tests.webhooks.hostile_kit import ENVIRONMENT
from tests.webhooks.hostile_kit import NUMBER as HOSTILE_NUMBER
from tests.webhooks.log_kit import written_to

NewDoors = Callable[..., Doors]
HANDSHAKE = {"hub.mode": "subscribe", "hub.verify_token": VERIFY, "hub.challenge": "1158201444"}


# --- the handshake ------------------------------------------------------------------------------------------------------


def test_the_handshake_answers_with_the_bare_challenge(doors: Doors) -> None:
    answer = doors.client.get(DOOR, query_string=HANDSHAKE)
    assert (answer.status_code, answer.text, answer.mimetype) == (200, "1158201444", "text/plain")


@pytest.mark.parametrize(
    "changed",
    [
        {"hub.verify_token": "wrong"},
        {"hub.verify_token": ""},
        {"hub.verify_token": "contraseña ☂"},
        {"hub.verify_token": VERIFY + " "},
        {"hub.verify_token": VERIFY.upper()},
        {"hub.mode": "unsubscribe"},
        {"hub.mode": ""},
    ],
)
def test_who_does_not_know_the_token_gets_nothing(doors: Doors, changed: dict[str, str]) -> None:
    answer = doors.client.get(DOOR, query_string=HANDSHAKE | changed)
    assert answer.status_code == 403
    assert_error(answer.json, "verification_refused", private=[VERIFY, HANDSHAKE["hub.challenge"]])


@pytest.mark.parametrize("query", ["", "hub.mode=subscribe", "hub.mode=subscribe&hub.verify_token=%ff%fe%00", "%%%=&&&"])
def test_half_a_handshake_is_refused(doors: Doors, query: str) -> None:
    assert doors.client.get(f"{DOOR}?{query}").status_code == 403


def test_a_challenge_is_shown_as_plain_text_and_not_without_end(doors: Doors) -> None:
    challenge = "<script>alert(1)</script>" + 100_000 * "x"
    answer = doors.client.get(DOOR, query_string=HANDSHAKE | {"hub.challenge": challenge})
    assert answer.status_code == 200
    assert answer.mimetype == "text/plain"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert challenge.startswith(answer.text)
    assert len(answer.text) <= 1024


def test_an_empty_verify_token_opens_nothing(new_doors: NewDoors) -> None:
    doors = new_doors(verify_token="")
    assert doors.client.get(DOOR, query_string=HANDSHAKE | {"hub.verify_token": ""}).status_code == 403


# --- who sent it --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
def test_while_secrets_rotate_both_are_taken(doors: Doors, secret: str) -> None:
    assert doors.receive(text("Hola, buenos días"), secret=secret).status_code == 200
    assert doors.texts() == ["Hola, buenos días"]


@pytest.mark.parametrize("secret", ["another", "", f"{SECRET}, {OLD_SECRET}", None])
def test_without_a_right_signature_nothing_is_taken(doors: Doors, secret: str | None) -> None:
    answer = doors.receive(text("hola"), secret=secret)
    assert answer.status_code == 403
    assert_error(answer.json, "bad_signature", private=[SECRET, OLD_SECRET])
    assert written_ids(doors.ledger) == []


@pytest.mark.parametrize("header", ["sha256=" + 64 * "ñ", "sha256=" + 64 * "é", "\xff\xfe", "sha256=" + 64 * "0" + "\x80"])
def test_a_signature_that_is_not_ascii_is_refused_like_any_other(doors: Doors, header: str) -> None:
    answer = doors.receive(text("hola"), headers={"X-Hub-Signature-256": header})
    assert answer.status_code == 403


def test_with_keys_an_unsigned_message_is_never_taken_not_even_from_here(doors: Doors) -> None:
    answer = doors.receive(text("hola"), secret=None, environ_base={"REMOTE_ADDR": "127.0.0.1"})
    assert answer.status_code == 403


def test_a_signature_of_other_bytes_does_not_help(doors: Doors) -> None:
    """Meta signs what it sends; the same JSON in another spelling is something else."""
    raw, headers = signed(webhook(text("mañana")), SECRET)
    respelled = json.dumps(json.loads(raw)).encode()
    assert respelled != raw
    assert doors.client.post(DOOR, data=respelled, headers=headers).status_code == 403
    assert doors.client.post(DOOR, data=raw, headers=headers).status_code == 200


# --- without keys -------------------------------------------------------------------------------------------------------

# As the README's first command has it: no object, no metadata, a timestamp of years ago.
CURL = {
    "entry": [{"changes": [{"value": {
        "messages": [{"id": "test123", "from": "34600000000", "type": "text", "timestamp": "1640995200",
                      "text": {"body": "Hola, quiero información sobre seguros"}}],
        "contacts": [{"profile": {"name": "Cliente Prueba"}}],
    }}]}]
}  # fmt: skip


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_without_keys_a_newcomers_curl_is_taken_from_this_machine(new_doors: NewDoors, address: str) -> None:
    doors = new_doors({})
    answer = doors.post(CURL, secret=None, environ_base={"REMOTE_ADDR": address})
    assert answer.status_code == 200
    assert doors.texts("whatsapp:34600000000") == ["Hola, quiero información sobre seguros"]
    shown = doors.desk.conversation("whatsapp:34600000000")
    assert shown is not None


@pytest.mark.parametrize("address", ["192.168.1.7", "10.0.0.1", "8.8.8.8", "::", "2001:db8::1", "", "127.0.0.1.evil.example"])
def test_without_keys_nobody_else_is_heard(new_doors: NewDoors, address: str) -> None:
    doors = new_doors({})
    answer = doors.post(CURL, secret=None, environ_base={"REMOTE_ADDR": address})
    assert answer.status_code == 403
    assert_error(answer.json, "bad_signature")
    assert written_ids(doors.ledger) == []


HERE = {"REMOTE_ADDR": "127.0.0.1"}


def refused(doors: Doors, **request: Any) -> None:
    """Nothing of the newcomer's curl is taken when it comes so."""
    answer = doors.post(CURL, secret=None, **{"environ_base": HERE, **request})
    assert answer.status_code == 403
    assert_error(answer.json, "bad_signature")
    assert written_ids(doors.ledger) == []


@pytest.mark.parametrize(
    "header",
    ["X-Forwarded-For", "Forwarded", "Via", "X-Real-Ip", "x-forwarded-for", "X-Forwarded-Host", "X-Forwarded-Proto",
     "CF-Connecting-IP", "True-Client-IP", "X-Client-IP", "X-Cluster-Client-IP", "Fly-Client-IP", "Fly-Forwarded-Port",
     "X-Envoy-External-Address", "X-Envoy-Expected-Rq-Timeout-Ms", "X-Original-Forwarded-For", "X-Original-Host",
     "X-Appengine-User-Ip", "X-Azure-ClientIP", "Fastly-Client-IP", "X-Amzn-Trace-Id", "X-Cloud-Trace-Context",
     "X-ProxyUser-Ip", "WL-Proxy-Client-IP", "Proxy-Client-IP", "Ngrok-Trace-Id", "Tailscale-User-Login", "X-Request-Id",
     "Traceparent", "X-Scheme", "X-Remote-Ip", "Client-IP", "CDN-Loop", "X-Nobody-Has-Heard-Of"],
)  # fmt: skip
def test_without_keys_nothing_comes_through_a_proxy_or_tunnel(new_doors: NewDoors, header: str) -> None:
    refused(new_doors({}), headers={header: "127.0.0.1"})


def test_without_keys_an_old_proxys_way_of_speaking_is_no_clients(new_doors: NewDoors) -> None:
    """nginx hands on in HTTP/1.0 unless it is told otherwise, and adds nothing else."""
    refused(new_doors({}), environ_overrides={"SERVER_PROTOCOL": "HTTP/1.0"})


@pytest.mark.parametrize("host", ["localhost", "localhost:5000", "127.0.0.1:5000", "127.8.8.8", "[::1]:5000", "LOCALHOST"])
def test_without_keys_this_machine_may_be_called_by_its_names(new_doors: NewDoors, host: str) -> None:
    doors = new_doors({})
    assert doors.post(CURL, secret=None, environ_base=HERE, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["bot.example.com", "evil.example.com:5000", "localhost.evil.example.com", "127.0.0.1.nip.io", "192.168.1.7:5000",
     "0.0.0.0", "[2001:db8::1]", "web:5000", "user@localhost", "localhost@evil.example.com", "", " ", "[", "[::1",
     "localhost, evil"],
)  # fmt: skip
def test_without_keys_a_name_that_leads_here_by_chance_or_malice_does_not(new_doors: NewDoors, host: str) -> None:
    """A page of somebody else's whose name now leads to this machine (DNS rebinding), or a proxy that keeps the name."""
    refused(new_doors({}), headers={"Host": host})


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example.com"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "http://localhost:5000", "Host": "127.0.0.1:5000"},
        {"Origin": "http://127.0.0.1:5000.evil.example.com", "Host": "127.0.0.1:5000"},
        {"Origin": "chrome-extension://abcdefghijklmnop"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Content-Type": "text/plain"},
        {"Referer": "https://evil.example.com/page"},
        {"Referer": "http://localhost:3000/page"},
    ],
    ids=str,
)
def test_without_keys_no_page_in_a_browser_speaks_for_its_reader(new_doors: NewDoors, headers: dict[str, str]) -> None:
    refused(new_doors({}), headers={"Host": "localhost:5000", **headers})


def test_without_keys_what_clients_say_of_themselves_does_no_harm(new_doors: NewDoors) -> None:
    doors = new_doors({})
    usual = {
        "Host": "localhost:5000", "User-Agent": "PostmanRuntime/7", "Accept": "*/*", "Accept-Encoding": "gzip",
        "Connection": "keep-alive", "Postman-Token": "1", "Cache-Control": "no-cache", "Cookie": "a=b",
        "Expect": "100-continue", "Sec-Fetch-Site": "same-origin", "Sec-Ch-Ua": "x", "Origin": "http://localhost:5000",
        "Referer": "http://localhost:5000/", "X-Hub-Signature-256": "sha256=" + 64 * "0",
    }  # fmt: skip
    assert doors.post(CURL, secret=None, environ_base=HERE, headers=usual).status_code == 200
    form = {"Content-Type": "application/x-www-form-urlencoded"}  # curl -d without -H
    assert doors.post(CURL, secret=None, environ_base=HERE, headers=form).status_code == 200


TWILIO_ON = {name: value for name, value in ENVIRONMENT.items() if name.startswith(("TWILIO_", "PUBLIC_"))}
CHATWOOT_ON = {name: value for name, value in ENVIRONMENT.items() if name.startswith("CHATWOOT_")}


@pytest.mark.parametrize(
    "channel",
    [TWILIO_ON, CHATWOOT_ON, {**CHATWOOT_ON, "CHATWOOT_MODE": "agent-bot"}, {**TWILIO_ON, **CHATWOOT_ON}],
    ids=["Twilio", "Chatwoot's inbox", "Chatwoot's bot", "both"],
)
def test_with_any_channel_nothing_unsigned_is_taken_not_even_from_here(new_doors: NewDoors, channel: dict[str, str]) -> None:
    """A forged "borrad mis datos" erased a real customer."""
    doors = new_doors(channel)
    refused(doors)
    assert doors.receive(text("borrad mis datos"), secret="any", environ_base=HERE).status_code == 403
    assert written_ids(doors.ledger) == []


def test_without_keys_the_same_curl_twice_is_one_message(new_doors: NewDoors) -> None:
    doors = new_doors({})
    for _ in range(2):
        assert doors.post(CURL, secret=None).status_code == 200
    assert written_ids(doors.ledger) == ["test123"]


def test_without_keys_messages_are_in_the_order_of_their_arrival_whatever_their_timestamps(new_doors: NewDoors) -> None:
    doors = new_doors({})
    now = int(doors.ledger.server_time().timestamp())
    for word, at in (("primero", now - 60), ("segundo", now - 3600)):
        assert doors.receive(text(word, timestamp=at), secret=None).status_code == 200
    first, second = doors.transcript()
    assert (first["text"], second["text"]) == ("primero", "segundo")
    assert first["at"] <= second["at"]


# --- limits -------------------------------------------------------------------------------------------------------------


def padded(size: int) -> bytes:
    raw, _ = signed(webhook(text("hola")), SECRET)
    return raw + (size - len(raw)) * b" "


def test_a_body_of_three_mebibytes_is_read_and_one_byte_more_is_not(doors: Doors) -> None:
    assert doors.post(padded(MAX_BODY_BYTES)).status_code == 200
    answer = doors.post(padded(MAX_BODY_BYTES + 1))
    assert answer.status_code == 413
    assert_error(answer.json, "payload_too_large")
    assert len(written_ids(doors.ledger)) == 1


def test_a_body_without_a_length_has_the_same_limit(served: Served, new_ledger: Callable[..., RedisLedger]) -> None:
    ledger = new_ledger()
    body = webhook(text("hola"))
    body["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] = HOSTILE_NUMBER
    raw, headers = signed(body, SECRET)
    assert _post_in_chunks(served.port, raw, headers) == 200
    assert len(written_ids(ledger)) == 1
    assert _post_in_chunks(served.port, padded(MAX_BODY_BYTES + 1), headers) == 413
    assert served.process.poll() is None


def _post_in_chunks(port: int, raw: bytes, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    pieces = [raw[at : at + 65_536] for at in range(0, len(raw), 65_536)]
    try:
        connection.request("POST", DOOR, body=iter(pieces), headers=headers, encode_chunked=True)
        return connection.getresponse().status
    finally:
        connection.close()


class Counting(InterposedServer):
    """Counts what is asked of the server; a pipeline is one trip."""

    trips = 0

    def _count(self) -> None:
        self.trips += 1


def test_a_thousand_messages_are_taken_in_order_in_a_few_round_trips(valkey_url: str, new_doors: NewDoors) -> None:
    client = Counting(unix_socket_path=valkey_url.removeprefix("unix://"))
    doors = new_doors(ledger=RedisLedger(lambda: client))
    client.flushall()
    items = [text(f"mensaje {number}") for number in range(1000)]
    body = webhook(*items)
    body["entry"][0]["changes"][0]["value"]["messages"][500] = {"id": "wamid.broken", "type": "text", "from": ["?"]}
    before = client.trips
    assert doors.post(body).status_code == 200
    assert client.trips - before < 20
    assert doors.texts() == [f"mensaje {number}" for number in range(1000) if number != 500]
    client.close()


# --- kept before it is answered -----------------------------------------------------------------------------------------


def test_a_store_that_is_away_is_a_503_and_what_comes_again_is_taken_once(
    new_doors: NewDoors, valkey_url: str, new_ledger: Callable[..., RedisLedger]
) -> None:
    del new_ledger  # empties the store
    there, away = connect(valkey_url), connect("unix:///nonexistent/store.sock")
    now = away
    doors = new_doors(ledger=RedisLedger(lambda: now))
    message = text("hola")
    answer = doors.receive(message)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert_error(answer.json, "ledger_unavailable", private=["nonexistent", "34600111222", "hola"])
    now = there
    for _ in range(2):
        assert doors.receive(message).status_code == 200
    assert written_ids(doors.ledger) == [message.id]
    there.close()


def test_a_write_whose_answer_was_lost_is_repeated_without_a_second_copy(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    accept = doors.ledger.accept

    def written_but_unknown(arrivals: Any) -> list[str]:
        accept(arrivals)
        raise LedgerUnavailable("TimeoutError: reading from socket")

    messages = [text("uno"), text("dos")]
    monkeypatch.setattr(doors.ledger, "accept", written_but_unknown)
    assert doors.receive(*messages).status_code == 503
    monkeypatch.undo()
    assert doors.receive(*messages, text("tres")).status_code == 200
    assert doors.texts() == ["uno", "dos", "tres"]


def test_what_is_brought_many_times_at_once_is_taken_once(served: Served, new_ledger: Callable[..., RedisLedger]) -> None:
    """Meta repeats a webhook to every application of the account, also while the first is still under way."""
    ledger = new_ledger()
    messages = [text(f"mensaje {number}", f"3460000000{number}") for number in range(10)]
    body = webhook(*messages)
    body["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] = HOSTILE_NUMBER
    raw, headers = signed(body, SECRET)

    def bring(_: int) -> int:
        return requests.post(f"{served.address}{DOOR}", data=raw, headers=headers, timeout=20).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(bring, range(24))) == {200}
    assert sorted(written_ids(ledger)) == sorted(message.id for message in messages)


def test_a_receipt_that_cannot_be_kept_is_a_503_too(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_receipt: Any) -> str:
        raise LedgerUnavailable("ConnectionError")

    monkeypatch.setattr(doors.ledger, "receive_receipt", refuse)
    assert doors.receive(status("wamid.sent", "read")).status_code == 503


def test_a_store_that_is_nearly_full_takes_nothing_new(valkey_url: str, new_doors: NewDoors) -> None:
    admin: redis.Redis = redis.Redis.from_url(valkey_url)
    doors = new_doors()
    doors.ledger.ping()
    admin.config_set("maxmemory", int(admin.info("memory")["used_memory"]) + 100_000)
    try:
        assert doors.receive(text("hola")).status_code == 503
    finally:
        admin.config_set("maxmemory", 0)
        admin.close()
    assert new_doors(ledger=RedisLedger(lambda: doors.ledger.client)).receive(text("hola")).status_code == 200


def test_a_store_made_with_other_settings_is_a_503_and_not_a_bug(
    new_ledger: Callable[..., RedisLedger], new_doors: NewDoors
) -> None:
    new_ledger(shards=4).ping()
    doors = new_doors(ledger=new_ledger(shards=8))
    with pytest.raises(ConfigurationError):
        doors.ledger.ping()
    for answer in (doors.receive(text("hola")), doors.ask("/readyz"), doors.ask("/webhook/conversations")):
        assert answer.status_code == 503
        assert_error(answer.json)


# --- what is in it ------------------------------------------------------------------------------------------------------


def test_messages_for_another_number_of_the_account_are_not_taken(doors: Doors, log_file: Any) -> None:
    foreign = webhook(text("para otro"), text("número"))
    foreign["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] = "999999999999999"
    ours = webhook(text("para nosotros"))
    answer = doors.post({"object": "whatsapp_business_account", "entry": foreign["entry"] + ours["entry"]})
    assert answer.status_code == 200
    assert doors.texts() == ["para nosotros"]
    assert "foreign=2" in written_to(log_file)


def test_receipts_are_applied_and_unknown_ones_are_no_error(doors: Doors, log_file: Any) -> None:
    answer = doors.receive(text("hola"), status("wamid.unknown", "delivered"), status("wamid.unknown", "read"))
    assert answer.status_code == 200
    assert "unknown" in written_to(log_file)
    assert doors.texts() == ["hola"]


def test_what_concerns_the_account_is_logged_and_answered(doors: Doors, log_file: Any) -> None:
    body = builders.other_field(
        "message_template_status_update",
        {"event": "REJECTED", "message_template_name": "seguimiento", "reason": "INVALID_FORMAT", "other_info": {"title": "x"}},
    )
    assert doors.post(body).status_code == 200
    line = next(line for line in written_to(log_file).splitlines() if "account.notice" in line)
    assert "message_template_status_update" in line
    assert "REJECTED" in line
    assert "seguimiento" in line


def test_a_press_of_a_button_is_due_at_once_and_a_text_waits_for_more(doors: Doors) -> None:
    doors.receive(text("hola", "34600000001"), button_reply("si", "Sí", "34600000002"))
    assert doors.ledger.claim("turns", "whatsapp:34600000001") is None
    assert doors.ledger.claim("turns", "whatsapp:34600000002") is not None


def test_somebody_without_a_phone_number_is_a_contact_like_any_other(doors: Doors) -> None:
    assert doors.receive(builders.bsuid_text("hola")).status_code == 200
    assert doors.texts(f"whatsapp:{builders.USER_ID}") == ["hola"]


def test_a_broken_item_does_not_take_its_neighbours_along(doors: Doors, log_file: Any) -> None:
    broken = raw_message(**{"id": "wamid.broken", "from": ["?"], "type": "text", "timestamp": "1", "text": {"body": "x"}})
    assert doors.receive(text("antes"), broken, text("después")).status_code == 200
    assert doors.texts() == ["antes", "después"]
    assert "messages[1]" in written_to(log_file)


@pytest.mark.parametrize(
    "content",
    [
        {"type": "location", "location": {"latitude": "40.416775", "longitude": "-3.70379"}},
        {"type": "text", "text": 7},
        {"type": "interactive", "interactive": {"type": "button_reply"}},
        {"type": ""},
        {},
    ],
    ids=str,
)
def test_what_cannot_be_read_of_somebody_known_is_a_row_that_is_answered(
    doors: Doors, log_file: Any, content: dict[str, Any]
) -> None:
    unreadable = raw_message(**{"id": "wamid.odd", "from": "34600111222", "timestamp": "1790000000", **content})
    for _ in range(2):
        assert doors.receive(text("antes", id="wamid.before"), unreadable).status_code == 200
    assert [row["kind"] for row in doors.transcript()] == ["text", "unsupported"]
    claim = doors.ledger.claim("turns", KEY)
    assert claim is None or len(claim.jobs) == 2
    assert written_to(log_file).count("webhook.item_unreadable") == 2
    assert "40.416775" not in written_to(log_file)


def test_what_is_said_in_a_group_leaves_no_trace_of_who_said_it(doors: Doors, log_file: Any) -> None:
    hers = {"id": "wamid.group", "from": "34600111222", "timestamp": "1790000000", "group_id": "Y2FwaV9ncm91cDoxMjM0NQ=="}
    said = {"type": "text", "text": {"body": "chicos, ¿quién trae la tarta el sábado?"}}
    assert doors.receive(raw_message(**hers, **said)).status_code == 200
    assert doors.records.record(KEY) is None
    assert written_ids(doors.ledger) == []
    assert "group_message" in written_to(log_file)
    assert "Y2Fwa" not in written_to(log_file)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"null", b"\x00", b'{"object": "page", "entry": []}', 100_000 * b"["],
    ids=["empty", "object", "list", "null", "binary", "another product", "deep"],
)
def test_what_is_no_webhook_is_a_400_that_says_nothing_of_it(doors: Doors, body: bytes) -> None:
    answer = doors.post(body)
    assert answer.status_code == 400
    assert_error(answer.json, "malformed_payload")


def test_the_key_is_the_senders_number(doors: Doors) -> None:
    doors.receive(text("hola"))
    assert doors.records.record(KEY) is not None


def test_the_application_of_the_environment_has_the_same_doors() -> None:
    from src.webhooks.whatsapp_webhook import app  # noqa: PLC0415

    assert DOOR in {rule.rule for rule in app.url_map.iter_rules()}
