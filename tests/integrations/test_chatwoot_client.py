"""The mirror in Chatwoot over HTTP, against the simulator: people, conversations, messages, leads, owners, erasure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from src.desk.crm import File, Lead, Mirrored, Note, Place, Status
from src.desk.lead import written
from src.errors import AccessDenied, PermanentFailure, Rejected, TemporaryFailure
from src.integrations.chatwoot.api import ChatwootApi
from src.integrations.chatwoot.client import ChatwootClient
from src.integrations.chatwoot.messages import MARKER, TEXT_LIMIT
from src.messages import Contact, Speaker
from tests.kit.product import eventually
from tests.kit.rig import Rig

MARTA = Contact(key="whatsapp:34600111222", channel="whatsapp", phone="+34600111222", name="Marta")
SOURCE = "wa:34600111222"
BSUID = "US.13491208655302741918"
NOW = datetime.now(UTC)
PDF = File(data=b"%PDF-1.7 una propuesta", filename="propuesta.pdf", mime_type="application/pdf")


@pytest.fixture(scope="module")
def started() -> Iterator[Rig]:
    with Rig() as rig:
        yield rig


@pytest.fixture
def rig(started: Rig) -> Iterator[Rig]:
    started.reset()
    yield started
    assert started.counters()["rig_errors"] == {}


class Meddled(ChatwootApi):
    """The API, with people who do something there just after one of our calls."""

    def __init__(self, *, after: str, meddle: Callable[[], Any], **given: Any) -> None:
        super().__init__(**given)
        self._after, self._meddle = after, meddle

    def call(self, action: str, method: str, path: str, *, as_bot: bool = False, **content: Any) -> Any:
        answer = super().call(action, method, path, as_bot=as_bot, **content)
        if action == self._after:
            self._after = ""
            self._meddle()
        return answer


def access(rig: Rig) -> dict[str, Any]:
    env = rig.env("chatwoot")
    return {
        "base_url": env["CHATWOOT_BASE_URL"],
        "account_id": int(env["CHATWOOT_ACCOUNT_ID"]),
        "user_token": env["CHATWOOT_USER_TOKEN"],
        "bot_token": env["CHATWOOT_BOT_TOKEN"],
    }


def api_of(rig: Rig, **changes: Any) -> ChatwootApi:
    return ChatwootApi(**{**access(rig), **changes})


@pytest.fixture
def crm(rig: Rig) -> ChatwootClient:
    return client(rig)


def client(rig: Rig, **changes: Any) -> ChatwootClient:
    return ChatwootClient(api_of(rig, **changes), inbox_id=1)


def settled(crm: ChatwootClient, contact: Contact = MARTA) -> Place:
    return crm.place(contact, contact.name or "", None)


def said(text: str = "hola", speaker: Speaker = "prospect", *, marker: str = "wamid.1", kind: str = "text") -> Mirrored:
    return Mirrored(id=marker, speaker=speaker, text=text, at=NOW, kind=kind)


def people(rig: Rig) -> list[dict[str, Any]]:
    return list(rig.chatwoot.state()["contacts"])


def conversations(rig: Rig) -> list[dict[str, Any]]:
    return list(rig.chatwoot.state()["conversations"])


def messages(rig: Rig) -> list[dict[str, Any]]:
    """What was said there, without the lines by which Chatwoot tells of changes."""
    return [message for message in rig.chatwoot.ledger()["messages"] if message["message_type"] != 2]


def requests_made(rig: Rig, method: str = "", path: str = "") -> int:
    made = rig.chatwoot.ledger()["requests"]
    return sum(1 for one in made if type(one["status"]) is int and method in one["method"] and path in one["path"])


class TestPlace:
    def test_a_new_person_is_made_in_one_call_and_gets_a_pending_conversation(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        (person,), (conversation,) = people(rig), conversations(rig)
        assert (person["phone_number"], person["name"]) == ("+34600111222", "Marta")
        assert [one["source_id"] for one in person["contact_inboxes"]] == [SOURCE]
        assert place == Place(person_id=str(person["id"]), conversation_id=str(conversation["id"]))
        assert conversation["status"] == "pending"

    def test_the_same_person_is_found_again_by_anybody(self, rig: Rig, crm: ChatwootClient) -> None:
        assert settled(crm) == settled(client(rig))
        assert (len(people(rig)), len(conversations(rig))) == (1, 1)

    def test_what_is_known_costs_one_look_in_five_minutes(self, rig: Rig) -> None:
        now_s = 0.0
        crm = ChatwootClient(api_of(rig), inbox_id=1, clock=lambda: now_s)
        place = settled(crm)
        before = requests_made(rig)
        assert [crm.place(MARTA, "", place) for _ in range(5)] == [place] * 5
        assert requests_made(rig) == before
        now_s = 301.0
        assert [crm.place(MARTA, "", place) for _ in range(5)] == [place] * 5
        assert requests_made(rig) == before + 1

    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [
            ("+5511987654321", "+551187654321"),
            ("+551187654321", "+5511987654321"),
            ("+5215512345678", "+525512345678"),
            ("+525512345678", "+5215512345678"),
            ("+5491112345678", "+541112345678"),
            ("+541112345678", "+5491112345678"),
            ("+34600111222", "+34600111222"),
        ],
    )
    def test_a_person_who_is_there_by_phone_is_taken_however_it_is_written(
        self, rig: Rig, crm: ChatwootClient, ours: str, theirs: str
    ) -> None:
        made = api_of(rig).call("t", "POST", "contacts", json={"name": "De antes", "phone_number": theirs})
        place = settled(crm, Contact(key=f"whatsapp:{ours[1:]}", channel="whatsapp", phone=ours))
        assert place.person_id == str(made["payload"]["contact"]["id"])
        (person,) = people(rig)
        assert [one["source_id"] for one in person["contact_inboxes"]] == [f"wa:{ours[1:]}"]
        assert (person["name"], person["phone_number"]) == ("De antes", theirs)

    def test_of_several_ways_to_write_a_number_ours_comes_first(self, rig: Rig, crm: ChatwootClient) -> None:
        api = api_of(rig)
        api.call("t", "POST", "contacts", json={"phone_number": "+551187654321"})
        exact = api.call("t", "POST", "contacts", json={"phone_number": "+5511987654321"})
        place = settled(crm, Contact(key="whatsapp:5511987654321", channel="whatsapp", phone="+5511987654321"))
        assert place.person_id == str(exact["payload"]["contact"]["id"])

    def test_another_number_that_looks_alike_is_somebody_else(self, rig: Rig, crm: ChatwootClient) -> None:
        api_of(rig).call("t", "POST", "contacts", json={"name": "Otra", "phone_number": "+346001112223"})
        settled(crm)
        assert len(people(rig)) == 2

    def test_a_person_without_a_phone_is_listed_and_gets_it_later(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm, Contact(key=f"whatsapp:{BSUID}", channel="whatsapp", bsuid=BSUID))
        (person,) = people(rig)
        assert (person["identifier"], person["phone_number"]) == (f"wa:{BSUID}", None)
        known_by_now = Contact(key=f"whatsapp:{BSUID}", channel="whatsapp", bsuid=BSUID, phone="+14155550100")
        assert settled(crm, known_by_now) == place
        assert people(rig)[0]["phone_number"] == "+14155550100"

    def test_a_phone_that_is_another_persons_there_stops_nothing(self, rig: Rig, crm: ChatwootClient) -> None:
        settled(crm)
        no_phone = Contact(key=f"whatsapp:{BSUID}", channel="whatsapp", bsuid=BSUID)
        place = settled(crm, no_phone)
        assert settled(crm, Contact(key=no_phone.key, channel="whatsapp", bsuid=BSUID, phone=MARTA.phone)) == place

    def test_many_at_once_make_one_person(self, rig: Rig) -> None:
        rig.chatwoot.config(latency=0.05)
        with ThreadPoolExecutor(6) as pool:
            places = list(pool.map(lambda _: settled(client(rig)), range(6)))
        assert len({place.person_id for place in places}) == 1
        assert len(people(rig)) == 1

    def test_a_phone_doubled_by_a_race_leads_to_one_of_the_two_for_ever(self, rig: Rig, crm: ChatwootClient) -> None:
        api = api_of(rig)
        rig.chatwoot.faults({"kind": "race_duplicate_phone", "times": 2})
        for _ in range(2):
            api.call("t", "POST", "contacts", json={"phone_number": MARTA.phone})
        assert settled(crm) == settled(client(rig))
        assert sum(len(person["contact_inboxes"]) for person in people(rig)) == 1

    @pytest.mark.parametrize("path", ["/contacts", "/conversations"])
    def test_an_answer_that_was_lost_makes_no_second_one(self, rig: Rig, crm: ChatwootClient, path: str) -> None:
        rig.chatwoot.faults(
            {"kind": "error_after_commit", "status": 500, "match": f"POST /api/v1/accounts/1{path}", "times": 1}
        )
        settled(crm)
        assert (len(people(rig)), len(conversations(rig))) == (1, 1)

    def test_taken_meanwhile_is_looked_up(self, rig: Rig) -> None:
        rival = client(rig)
        crm = ChatwootClient(
            Meddled(after="find_by_phone", meddle=lambda: settled(rival), **access(rig)),
            inbox_id=1,
        )
        assert settled(crm) == settled(rival)
        assert (len(people(rig)), len(conversations(rig))) == (1, 1)

    def test_the_newest_that_is_not_resolved_is_taken(self, rig: Rig, crm: ChatwootClient) -> None:
        first = settled(crm)
        api = api_of(rig)
        more = {"inbox_id": 1, "contact_id": int(first.person_id), "source_id": SOURCE}
        second, third = (api.call("t", "POST", "conversations", json=more)["id"] for _ in range(2))
        rig.chatwoot.agent("resolve", conversation_id=third)
        assert settled(client(rig)).conversation_id == str(second)
        rig.chatwoot.agent("resolve", conversation_id=second)
        rig.chatwoot.agent("resolve", conversation_id=int(first.conversation_id))
        assert settled(client(rig)).conversation_id == str(third)

    def test_a_conversation_in_another_inbox_is_not_ours(self, rig: Rig, crm: ChatwootClient) -> None:
        api = api_of(rig)
        made = api.call("t", "POST", "contacts", json={"phone_number": MARTA.phone})["payload"]["contact"]
        other = api.call("t", "POST", "conversations", json={"inbox_id": 2, "contact_id": made["id"]})
        place = settled(crm)
        assert place.person_id == str(made["id"])
        assert place.conversation_id != str(other["id"])

    def test_the_conversation_that_an_agent_began_with_the_person_is_taken(self, rig: Rig, crm: ChatwootClient) -> None:
        api_of(rig).call("t", "POST", "contacts", json={"phone_number": MARTA.phone})
        begun = rig.chatwoot.agent("new_conversation", phone=MARTA.phone, content="Hola")
        assert settled(crm).conversation_id == str(begun["conversation_id"])

    def test_a_deleted_conversation_is_found_to_be_gone_and_made_anew(self, rig: Rig, crm: ChatwootClient) -> None:
        gone = settled(crm)
        api_of(rig).call("t", "DELETE", f"conversations/{gone.conversation_id}")
        assert crm.place(MARTA, "", gone) == gone, "seen a moment ago"
        with pytest.raises(PermanentFailure) as failure:
            crm.post(gone, said(), ())
        assert failure.value.status == 404
        place = crm.place(MARTA, "", None)
        assert client(rig).place(MARTA, "", gone) == place
        assert place.person_id == gone.person_id
        assert place.conversation_id != gone.conversation_id
        crm.post(place, said(), ())
        assert [message["content"] for message in messages(rig)] == ["hola"]

    def test_a_person_merged_by_people_is_followed(self, rig: Rig, crm: ChatwootClient) -> None:
        old = settled(crm)
        api = api_of(rig)
        base = api.call("t", "POST", "contacts", json={"name": "La de siempre", "email": "marta@example.com"})
        base_id = base["payload"]["contact"]["id"]
        merge = {"base_contact_id": base_id, "mergee_contact_id": int(old.person_id)}
        api.call("t", "POST", "actions/contact_merge", json=merge)
        moved = Place(person_id=str(base_id), conversation_id=old.conversation_id)
        assert client(rig).place(MARTA, "", old) == moved
        with pytest.raises(PermanentFailure) as failure:
            crm.describe(old, Lead(person={"age": 41}))
        assert failure.value.status == 404
        assert crm.place(MARTA, "", None) == moved

    def test_an_inbox_that_is_gone_is_everybodys_trouble_not_this_persons(self, rig: Rig) -> None:
        with pytest.raises(AccessDenied):
            settled(ChatwootClient(api_of(rig), inbox_id=99))
        assert people(rig) == []

    def test_hostile_names_are_cut_and_cleaned(self, rig: Rig, crm: ChatwootClient) -> None:
        crm.place(MARTA, "\x00{{contact.email}}\ud800" + "ñ" * 500, None)
        (person,) = people(rig)
        assert person["name"] == ("{{contact.email}}" + "ñ" * 500)[:255]


class TestPost:
    def test_a_person_speaks_as_a_contact_and_the_bot_as_the_bot(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        speakers: tuple[Speaker, ...] = ("prospect", "bot", "human", "system")
        ids = [crm.post(place, said(f"dice {who}", who, marker=f"m.{who}"), ()) for who in speakers]
        shown = messages(rig)
        assert [str(message["id"]) for message in shown] == ids
        assert [message["message_type"] for message in shown] == [0, 1, 1, 1]
        assert [message["sender_type"] for message in shown] == ["Contact", "AgentBot", "AgentBot", "AgentBot"]
        assert [message["content_attributes"][MARKER] for message in shown] == [f"m.{who}" for who in speakers]
        assert {message["content_attributes"]["external_created_at"] for message in shown} == {int(NOW.timestamp())}
        assert not any(message["private"] for message in shown)

    def test_without_a_bot_token_the_user_speaks_as_the_inboxs_bot(self, rig: Rig) -> None:
        crm = client(rig, bot_token="")
        place = settled(crm)
        for number in range(3):
            crm.post(place, said(speaker="bot", marker=f"7.{number}"), ())
        assert [message["sender_type"] for message in messages(rig)] == ["AgentBot"] * 3
        assert requests_made(rig, "GET", "/agent_bot") == 1

    def test_what_is_there_is_not_written_again(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        for number in range(45):
            crm.post(place, said(f"n.º {number}", marker=f"wamid.{number}"), ())
        first = str(messages(rig)[0]["id"])
        assert crm.post(place, said("n.º 0", marker="wamid.0"), (), again=True) == first
        new = crm.post(place, said("nuevo", marker="wamid.nuevo"), (), again=True)
        assert [str(message["id"]) for message in messages(rig)][45:] == [new]

    def test_long_messages_are_looked_through_like_short_ones(self, rig: Rig, crm: ChatwootClient) -> None:
        """Twenty of them are several mebibytes in one answer."""
        place = settled(crm)
        long = [said(f"{number} " + "a" * (TEXT_LIMIT - 10), marker=f"wamid.{number}") for number in range(12)]
        ids = [crm.post(place, message, ()) for message in long]
        assert [client(rig).post(place, message, (), again=True) for message in long[:2]] == ids[:2]
        assert len(messages(rig)) == len(long)

    def test_the_search_ends_where_the_message_cannot_be(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        for number in range(45):
            crm.post(place, said(marker=f"wamid.{number}"), ())
        before = requests_made(rig, "GET", "/messages")
        late = Mirrored(id="wamid.x", speaker="prospect", text="x", at=datetime(2125, 1, 1, tzinfo=UTC))
        crm.post(place, late, (), again=True)
        assert requests_made(rig, "GET", "/messages") == before + 1

    def test_a_long_conversation_written_anew_is_read_once_and_nothing_is_doubled(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        old = [
            Mirrored(id=f"wamid.{number}", speaker="prospect", text=f"n.º {number}", at=datetime(2024, 1, 1, tzinfo=UTC))
            for number in range(110)
        ]
        for message in old[::2]:
            crm.post(place, message, ())
        before = requests_made(rig, "GET", "/messages")
        for _ in range(2):
            for message in old:
                crm.post(place, message, (), again=True)
        # Another process, which has read nothing yet.
        for message in old[-5:]:
            client(rig).post(place, message, (), again=True)
        markers = [message["content_attributes"][MARKER] for message in messages(rig)]
        assert sorted(markers) == sorted(message.id for message in old)
        assert requests_made(rig, "GET", "/messages") - before < 2 * len(old) + 50

    @pytest.mark.parametrize("kind", ["error_after_commit", "drop_after"])
    def test_an_answer_that_was_lost_makes_no_second_message(self, rig: Rig, crm: ChatwootClient, kind: str) -> None:
        place = settled(crm)
        rig.chatwoot.faults({"kind": kind, "status": 500, "match": "/messages", "times": 1})
        with pytest.raises(TemporaryFailure) as failure:
            crm.post(place, said(), ())
        assert failure.value.maybe_done
        there = crm.post(place, said(), (), again=True)
        assert [str(message["id"]) for message in messages(rig)] == [there]

    def test_files_are_uploaded(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        photo = File(data=b"\x89PNG\r\n\x1a\n" + bytes(range(256)), filename="dni.png", mime_type="image/png")
        crm.post(place, said("mi documento", kind="image"), [photo])
        (message,) = messages(rig)
        assert (message["content"], message["content_attributes"][MARKER]) == ("mi documento", "wamid.1")
        (file,) = message["attachments"]
        assert (file["file_type"], file["content_type"], file["file_size"]) == ("image", "image/png", len(photo.data))
        path = file["data_url"].removeprefix(access(rig)["base_url"])
        with pytest.raises(TemporaryFailure, match="not JSON"):
            api_of(rig).call("t", "GET", path)

    def test_more_files_than_fit_become_more_messages_none_twice(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        files = [File(data=b"x", filename=f"{number}.txt", mime_type="text/plain") for number in range(34)]
        rig.chatwoot.faults({"kind": "error_after_commit", "status": 502, "match": "/messages", "skip": 1, "times": 1})
        with pytest.raises(TemporaryFailure):
            crm.post(place, said("todo", kind="document"), files)
        first = crm.post(place, said("todo", kind="document"), files, again=True)
        assert [len(message["attachments"]) for message in messages(rig)] == [15, 15, 4]
        assert [message["content"] for message in messages(rig)] == ["todo", "", ""]
        assert str(messages(rig)[0]["id"]) == first

    @pytest.mark.parametrize("status", [413, 422])
    def test_a_file_that_is_refused_is_named_and_its_words_stay(self, rig: Rig, crm: ChatwootClient, status: int) -> None:
        place = settled(crm)
        rig.chatwoot.faults({"kind": "error", "status": status, "body": {"error": "File is too big"}, "match": "/messages"})
        crm.post(place, said("mi propuesta", "bot", kind="document"), [PDF])
        (message,) = messages(rig)
        assert message["content"] == "mi propuesta\n📎 propuesta.pdf (no se ha podido adjuntar)"

    def test_hostile_file_names_and_types(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        for number, name in enumerate(('../../etc/passwd"\r\nX-Evil: 1', "", "." * 300, "añ\x00o.pdf")):
            hostile = File(data=b"", filename=name, mime_type="text/html\r\nX-Evil: 1")
            crm.post(place, said("", marker=f"m.{number}", kind="document"), [hostile])
        sent = [message["attachments"][0] for message in messages(rig)]
        assert {file["content_type"] for file in sent} == {"application/octet-stream"}

    @pytest.mark.parametrize(
        ("kind", "text", "shown"),
        [
            ("location", "Calle Mayor 1, Madrid", "📍 Ubicación: Calle Mayor 1, Madrid"),
            ("location", "", "📍 Ubicación"),
            ("contacts", "Ana +34600111333", "👤 Contacto: Ana +34600111333"),
            ("sticker", "", "Sticker"),
            ("reaction", "👍", "Reacción: 👍"),
            ("audio", "", "🎤 Audio"),
            ("image", "mi DNI", "🖼️ Imagen: mi DNI"),
            ("revoke", "", "🗑️ Mensaje eliminado"),
            ("button", "Sí", "Sí"),
            ("text", "  ", "(mensaje vacío)"),
            ("something_new", "", "(mensaje vacío)"),
        ],
    )
    def test_what_is_no_text_is_told_in_words(self, rig: Rig, crm: ChatwootClient, kind: str, text: str, shown: str) -> None:
        crm.post(settled(crm), said(text, kind=kind), ())
        assert [message["content"] for message in messages(rig)] == [shown]

    @pytest.mark.parametrize(
        "text",
        [
            "{{contact.email}}",
            "{{ contact.name | upcase }} y {% if contact %}algo{% endif %}",
            "{{{{{%{{",
            "`{{contact.name}}` y {{contact.name}}",
            "`{% endraw %}{{contact.email}}`",
            "{{",
            "{%",
            "}} %} { { solo llaves }",
            "{% raw %}",
            "una ` sola comilla {{contact.phone_number}}",
        ],
    )
    def test_liquid_is_shown_and_not_rendered(self, rig: Rig, crm: ChatwootClient, text: str) -> None:
        place = settled(crm)
        crm.post(place, said(text, "bot", marker="7.0"), ())
        crm.post(place, said(text, "prospect"), ())
        crm.note(place, Note(id="n.1", text=text), ())
        assert [message["content"].replace("\u2060", "") for message in messages(rig)] == [text] * 3

    def test_hostile_texts_are_stored(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        long = "á{{" * 60_000
        for number, text in enumerate(("a\x00b\x1f", "\ud83d\ud83d roto", long, "\u202e derecha", "<script>alert(1)</script>")):
            crm.post(place, said(text, "bot", marker=f"m.{number}"), ())
        shown = [message["content"] for message in messages(rig)]
        assert shown[0] == "ab"
        assert shown[1] == " roto"
        assert len(shown[2]) == TEXT_LIMIT
        assert shown[2].endswith("…")
        assert shown[4] == "<script>alert(1)</script>"

    def test_too_many_messages_in_a_minute_come_later(self, rig: Rig, crm: ChatwootClient) -> None:
        rig.chatwoot.config(messages_per_minute=2)
        place = settled(crm)
        crm.post(place, said(marker="1"), ())
        crm.post(place, said(marker="2"), ())
        with pytest.raises(TemporaryFailure) as failure:
            crm.post(place, said(marker="3"), ())
        assert failure.value.retry_after_s
        assert not failure.value.maybe_done
        rig.clock.advance(61)
        crm.post(place, said(marker="3"), (), again=True)
        assert [message["content_attributes"][MARKER] for message in messages(rig)] == ["1", "2", "3"]

    def test_notes_are_private_marked_and_not_written_twice(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        note_id = crm.note(place, Note(id="n.1", text="Resumen", file="p"), [PDF])
        assert crm.note(place, Note(id="n.1", text="Resumen", file="p"), [PDF], again=True) == note_id
        (note,) = messages(rig)
        assert (note["private"], note["message_type"], note["sender_type"]) == (True, 1, "AgentBot")
        assert note["content_attributes"] == {MARKER: "n.1"}
        assert len(note["attachments"]) == 1

    def test_a_message_of_the_person_opens_what_was_resolved_for_the_bot(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        rig.chatwoot.agent("resolve", conversation_id=int(place.conversation_id))
        crm.post(place, said(), ())
        assert [conversation["status"] for conversation in conversations(rig)] == ["pending"]


class TestFailures:
    def test_a_full_minute_is_respected_by_every_call_of_its_kind(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        rig.chatwoot.faults({"kind": "error", "status": 429, "retry_after": 7, "times": 1})
        with pytest.raises(TemporaryFailure) as failure:
            crm.post(place, said(), ())
        assert (failure.value.status, failure.value.retry_after_s, failure.value.maybe_done) == (429, 7.0, False)
        before = requests_made(rig)
        with pytest.raises(TemporaryFailure) as failure:
            crm.post(place, said(), ())
        assert 0 < (failure.value.retry_after_s or 0) <= 7
        assert requests_made(rig) == before

    @pytest.mark.parametrize("token", ["user_token", "bot_token"])
    def test_a_bad_token_is_a_denial_that_shows_nothing(self, rig: Rig, crm: ChatwootClient, token: str) -> None:
        place = settled(crm)
        denied = client(rig, **{token: "no-such-token"})
        with pytest.raises(AccessDenied) as failure:
            denied.post(place, said("secreto", "bot"), (), again=True)
        assert not re.search(r"no-such-token|secreto|34600", str(failure.value))

    def test_a_right_that_is_missing_is_a_denial(self, rig: Rig, crm: ChatwootClient) -> None:
        with pytest.raises(AccessDenied):
            client(rig, user_token="rig-cw-agent").erase(MARTA, settled(crm))
        assert len(people(rig)) == 1

    @pytest.mark.parametrize(
        ("fault", "maybe_done"),
        [
            ({"kind": "error", "status": 500}, True),
            ({"kind": "error", "status": 503}, True),
            ({"kind": "drop_before"}, True),
            ({"kind": "hang", "seconds": 2}, True),
        ],
    )
    def test_what_may_pass_is_tried_again(self, rig: Rig, crm: ChatwootClient, fault: dict[str, Any], maybe_done: bool) -> None:
        place = settled(crm)
        impatient = client(rig, timeout_s=0.5)
        rig.chatwoot.faults(fault | {"times": 1})
        with pytest.raises(TemporaryFailure) as failure:
            impatient.post(place, said(), ())
        assert failure.value.maybe_done is maybe_done

    def test_nobody_there_is_no_attempt_at_all(self, rig: Rig) -> None:
        with pytest.raises(TemporaryFailure) as failure:
            settled(client(rig, base_url="http://127.0.0.1:9"))
        assert not failure.value.maybe_done

    def test_no_error_tells_who_or_what(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        leak = {"error": "no: +34600111222 marta@example.com", "message": "Marta is online"}
        rig.chatwoot.faults({"kind": "error", "status": 422, "body": leak, "times": -1})
        for attempt in (lambda: crm.post(place, said(), ()), lambda: crm.erase(MARTA, place)):
            with pytest.raises((PermanentFailure, TemporaryFailure)) as failure:
                attempt()
            assert not re.search(r"34600|Marta", str(failure.value))


class TestSettle:
    def test_statuses_are_shown_and_never_go_back(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        message_id = crm.post(place, said(speaker="bot", marker="7.0"), ())
        for status in ("delivered", "read", "delivered", "sent", "queued"):
            crm.settle(place, message_id, Status(id="7.0", status=status))
        assert messages(rig)[0]["status"] == "read"

    def test_a_failure_says_why(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        message_id = crm.post(place, said(speaker="bot", marker="7.0"), ())
        crm.settle(place, message_id, Status(id="7.0", status="failed", detail="Han pasado más de 24 horas\x00"))
        (message,) = messages(rig)
        assert (message["status"], message["content_attributes"]["external_error"]) == ("failed", "Han pasado más de 24 horas")
        assert message["content_attributes"][MARKER] == "7.0"

    def test_other_inboxes_and_messages_that_are_gone_show_nothing(self, rig: Rig, crm: ChatwootClient) -> None:
        api = api_of(rig)
        person = api.call("t", "POST", "contacts", json={"phone_number": "+34600111333"})["payload"]["contact"]
        elsewhere = api.call("t", "POST", "conversations", json={"inbox_id": 2, "contact_id": person["id"]})
        place = Place(person_id=str(person["id"]), conversation_id=str(elsewhere["id"]))
        message_id = str(api.call("t", "POST", f"conversations/{elsewhere['id']}/messages", json={"content": "x"})["id"])
        for gone in (message_id, "999999"):
            crm.settle(place, gone, Status(id="7.0", status="read"))
        crm.settle(Place(person_id="1", conversation_id="999999"), "1", Status(id="7.0", status="read"))
        assert messages(rig)[0]["status"] == "sent"


OURS = ("inicio", "cotizacion", "lead-caliente", "lead-frio", "derivar")


def described(**person: Any) -> dict[str, Any]:
    return person | written(person)


class TestDescribe:
    def test_all_of_it_is_shown(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        lead = Lead(
            labels=("cotizacion", "lead-caliente"),
            ours=OURS,
            person=described(age=41, smoker=False, occupation="o" * 1500),
            conversation={"stage": "cotizacion", "price_esencial": 25.5, "phone": "34600111222", "outcome": None},
            name="Marta Ruiz",
            email="marta@example.com",
            priority="high",
        )
        crm.describe(place, lead)
        (person,), (conversation,) = people(rig), conversations(rig)
        assert conversation["labels"] == ["cotizacion", "lead-caliente"]
        assert conversation["priority"] == "high"
        assert {"stage": "cotizacion", "price_esencial": 25.5, "phone": "34600111222"}.items() <= conversation[
            "custom_attributes"
        ].items()
        assert "outcome" not in conversation["custom_attributes"]
        assert {"age": 41, "smoker": False}.items() <= person["custom_attributes"].items()
        assert (person["name"], person["email"]) == ("Marta Ruiz", "marta@example.com")
        writes = requests_made(rig, "POST") + requests_made(rig, "PATCH")
        crm.describe(place, lead)
        assert requests_made(rig, "POST") + requests_made(rig, "PATCH") == writes, "nothing new, nothing written"

    def test_labels_of_people_stay_and_only_ours_go(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        number = int(place.conversation_id)
        rig.chatwoot.agent("labels", conversation_id=number, labels=["vip", "inicio", "lead-frio", "campaña otoño"])
        crm.describe(place, Lead(labels=("cotizacion", "lead-frio"), ours=OURS))
        assert conversations(rig)[0]["labels"] == ["vip", "lead-frio", "campaña otoño", "cotizacion"]
        crm.describe(place, Lead(labels=(), ours=OURS))
        assert conversations(rig)[0]["labels"] == ["vip", "campaña otoño"]

    @pytest.mark.parametrize("after", ["labels", "toggle_priority", "custom_attributes"])
    def test_a_person_who_wrote_over_ours_at_once_loses_nothing_and_neither_do_we(self, rig: Rig, after: str) -> None:
        place = settled(client(rig))
        number = int(place.conversation_id)

        def meddle() -> None:
            # As a browser does that has not heard of our write yet: the whole set, without ours.
            rig.chatwoot.agent("labels", conversation_id=number, labels=["vip"])
            rig.chatwoot.agent("attributes", conversation_id=number, attributes={"poliza": "A-1"})

        crm = ChatwootClient(Meddled(after=after, meddle=meddle, **access(rig)), inbox_id=1)
        crm.describe(place, Lead(labels=("cotizacion",), ours=OURS, conversation={"stage": "cotizacion"}, priority="high"))
        (conversation,) = conversations(rig)
        assert set(conversation["labels"]) == {"vip", "cotizacion"}
        assert {"poliza": "A-1", "stage": "cotizacion"}.items() <= conversation["custom_attributes"].items()

    def test_labels_set_by_people_all_the_time_are_never_lost(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        number = int(place.conversation_id)
        theirs = [f"equipo-{turn}" for turn in range(12)]
        for turn, label in enumerate(theirs):
            rig.chatwoot.agent("add_label", conversation_id=number, label=label)
            crm.describe(place, Lead(labels=(OURS[turn % 4],), ours=OURS))
        assert set(conversations(rig)[0]["labels"]) == {*theirs, OURS[11 % 4]}

    def test_attributes_of_people_stay(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        number = int(place.conversation_id)
        rig.chatwoot.agent("attributes", conversation_id=number, attributes={"poliza": "A-1", "nota": None, "stage": "x"})
        rig.chatwoot.agent("contact", conversation_id=number, custom_attributes={"vip": True})
        crm.describe(place, Lead(person=described(age=41), conversation={"stage": "inicio", "outcome": None}))
        (person,), (conversation,) = people(rig), conversations(rig)
        assert conversation["custom_attributes"] == {"poliza": "A-1", "nota": None, "stage": "inicio"}
        assert {"vip": True, "age": 41}.items() <= person["custom_attributes"].items()

    def test_what_holds_no_longer_is_taken_away(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        crm.describe(place, Lead(person=described(age=41, term_years=20), conversation={"outcome": "rechazado"}))
        crm.describe(
            place, Lead(person={"age": 41, "term_years": None, **written({"age": 41})}, conversation={"outcome": None})
        )
        (person,), (conversation,) = people(rig), conversations(rig)
        assert set(person["custom_attributes"]) == {"age", "iagente_written"}
        assert conversation["custom_attributes"] == {}

    def test_what_a_human_edited_is_not_written_over(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        crm.describe(place, Lead(person=described(age=41, dependents=1), name="Marta"))
        edits = {"custom_attributes": {"age": 45}, "name": "Marta Ruiz", "email": "m@example.com"}
        rig.chatwoot.agent("contact", conversation_id=int(place.conversation_id), **edits)
        lead = Lead(person=described(age=42, dependents=2), name="Martita", email="otra@example.com")
        crm.describe(place, lead)
        (person,) = people(rig)
        assert (person["custom_attributes"]["age"], person["custom_attributes"]["dependents"]) == (45, 2)
        assert (person["name"], person["email"]) == ("Marta Ruiz", "m@example.com")

    def test_a_name_that_we_or_a_number_gave_is_bettered(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        crm.describe(place, Lead(person=written({"name": "Marta R."}), name="Marta R."))
        crm.describe(place, Lead(person=written({"name": "Marta Ruiz"}), name="Marta Ruiz"))
        assert people(rig)[0]["name"] == "Marta Ruiz"
        api = api_of(rig)
        api.call("t", "POST", "contacts", json={"phone_number": "+34600111333", "name": "+34 600 111 333"})
        other = settled(crm, Contact(key="whatsapp:34600111333", channel="whatsapp", phone="+34600111333"))
        crm.describe(other, Lead(person=written({"name": "Luis"}), name="Luis"))
        assert people(rig)[1]["name"] == "Luis"

    @pytest.mark.parametrize("email", ["ocupado@example.com", "esto no es un correo"])
    def test_an_email_that_is_refused_keeps_nothing_else_out(self, rig: Rig, crm: ChatwootClient, email: str) -> None:
        api_of(rig).call("t", "POST", "contacts", json={"email": "ocupado@example.com"})
        place = settled(crm)
        crm.describe(place, Lead(person=described(age=41), email=email, name="Marta Ruiz"))
        person = next(one for one in people(rig) if one["phone_number"] == MARTA.phone)
        assert (person["custom_attributes"]["age"], person["email"], person["name"]) == (41, None, "Marta Ruiz")

    def test_a_priority_that_people_set_stays(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        for priority in ("urgent", "low", ""):
            crm.describe(place, Lead(priority=priority))  # type: ignore[arg-type]
        assert conversations(rig)[0]["priority"] == "low"
        rig.chatwoot.agent("priority", conversation_id=int(place.conversation_id), priority="medium")
        crm.describe(place, Lead(priority="urgent"))
        assert conversations(rig)[0]["priority"] == "medium"

    def test_a_team_is_set_when_humans_are_waited_for_and_people_chose_none(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        crm.describe(place, Lead(team="ventas"))
        assert "team" not in conversations(rig)[0]["meta"], "assigning could take the conversation from the bot"
        crm.describe(place, Lead(team="no existe", labels=("derivar",), ours=OURS))
        crm.describe(place, Lead(team="Ventas", labels=("derivar",), ours=OURS))
        assert conversations(rig)[0]["meta"]["team"]["name"] == "ventas"
        other = api_of(rig).call("t", "POST", "teams", json={"name": "siniestros"})
        rig.chatwoot.agent("team", conversation_id=int(place.conversation_id), team_id=other["id"])
        crm.describe(place, Lead(team="ventas", labels=("derivar",), ours=OURS))
        assert conversations(rig)[0]["meta"]["team"]["name"] == "siniestros"

    def test_attributes_that_cannot_be_stored_are_refused_once_and_for_all(self, rig: Rig, crm: ChatwootClient) -> None:
        with pytest.raises(Rejected):
            crm.describe(settled(crm), Lead(conversation={"stage": "x" * 1501}))


@pytest.fixture(params=["4.15.1", "4.16.2"])
def owned(rig: Rig, request: pytest.FixtureRequest) -> Rig:
    rig.chatwoot.config(version=request.param, auto_assign_online=False)
    return rig


class TestMove:
    def assignee(self, rig: Rig) -> str | None:
        kind = conversations(rig)[0]["meta"].get("assignee_type")
        return str(kind) if kind else None

    @pytest.mark.parametrize("bot_token", [True, False])
    def test_to_humans_and_back(self, owned: Rig, bot_token: bool) -> None:
        crm = client(owned) if bot_token else client(owned, bot_token="")
        place = settled(crm)
        crm.move(place, "human")
        assert (conversations(owned)[0]["status"], self.assignee(owned)) == ("open", None)
        owned.chatwoot.agent("assign", conversation_id=int(place.conversation_id), assignee_id=2)
        crm.move(place, "bot")
        assert (conversations(owned)[0]["status"], self.assignee(owned)) == ("pending", "AgentBot")
        crm.move(place, "human")
        assert (conversations(owned)[0]["status"], self.assignee(owned)) == ("open", None), "nobody would look at the bot's"

    def test_nothing_happens_when_it_is_so_already(self, owned: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        before = requests_made(owned, "POST")
        crm.move(place, "bot")
        assert requests_made(owned, "POST") == before
        owned.chatwoot.agent("open", conversation_id=int(place.conversation_id))
        crm.move(place, "human")
        assert requests_made(owned, "POST") == before
        assert self.assignee(owned) == "User", "who is on it stays on it"

    def test_what_is_resolved_stays_so_for_the_bot_and_opens_for_humans(self, owned: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        owned.chatwoot.agent("resolve", conversation_id=int(place.conversation_id))
        crm.move(place, "bot")
        assert conversations(owned)[0]["status"] == "resolved"
        crm.move(place, "human")
        assert conversations(owned)[0]["status"] == "open"

    def test_snoozed_is_not_the_bots(self, owned: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        owned.chatwoot.agent("snooze", conversation_id=int(place.conversation_id))
        crm.move(place, "bot")
        assert conversations(owned)[0]["status"] == "pending"

    def test_a_repeated_hand_off_is_one(self, owned: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        owned.chatwoot.faults({"kind": "error_after_commit", "status": 500, "match": "toggle_status", "times": 1})
        with pytest.raises(TemporaryFailure):
            crm.move(place, "human")
        crm.move(place, "human")
        assert (conversations(owned)[0]["status"], requests_made(owned, "POST", "toggle_status")) == ("open", 1)


class TestErase:
    def test_the_person_and_everything_said_are_gone(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        crm.post(place, said(), ())
        other = settled(crm, Contact(key="whatsapp:34600111333", channel="whatsapp", phone="+34600111333"))
        api = api_of(rig)
        for inbox in (1, 2):
            api.call("t", "POST", "conversations", json={"inbox_id": inbox, "contact_id": int(place.person_id)})
        crm.erase(MARTA, place)
        assert [str(person["id"]) for person in people(rig)] == [other.person_id]
        assert [str(conversation["id"]) for conversation in conversations(rig)] == [other.conversation_id]
        assert messages(rig) == []
        crm.erase(MARTA, place)
        crm.erase(MARTA, None)

    def test_nobody_ever_there_is_fine(self, rig: Rig, crm: ChatwootClient) -> None:
        crm.erase(MARTA, None)
        crm.erase(MARTA, Place(person_id="999", conversation_id="999"))
        crm.erase(Contact(key=f"whatsapp:{BSUID}", channel="whatsapp", bsuid=BSUID), None)

    def test_doubles_and_other_ways_to_write_the_number_go_too(self, rig: Rig, crm: ChatwootClient) -> None:
        api = api_of(rig)
        for phone in ("+5511987654321", "+551187654321"):
            api.call("t", "POST", "contacts", json={"phone_number": phone})
        rig.chatwoot.faults({"kind": "race_duplicate_phone", "times": 1})
        api.call("t", "POST", "contacts", json={"phone_number": "+5511987654321"})
        crm.erase(Contact(key="whatsapp:5511987654321", channel="whatsapp", phone="+5511987654321"), None)
        assert people(rig) == []

    def test_more_conversations_than_one_list_shows(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        for _ in range(45):
            api_of(rig).call("t", "POST", "conversations", json={"inbox_id": 1, "contact_id": int(place.person_id)})
        crm.erase(MARTA, place)
        assert (people(rig), conversations(rig)) == ([], [])
        assert requests_made(rig, "DELETE", "/conversations/") == 46, (
            "what is not asked for by name goes whenever a job comes to it"
        )

    def test_it_is_not_done_before_it_is_seen_to_be_done(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        rig.chatwoot.config(deletion_delay_s=0.3)
        with pytest.raises(TemporaryFailure) as failure:
            crm.erase(MARTA, place)
        assert failure.value.retry_after_s
        assert len(people(rig)) == 1, "while conversations are left, the person leads to them"
        eventually(lambda: not conversations(rig))
        crm.erase(MARTA, place)
        assert people(rig) == []

    @pytest.mark.parametrize("skip", range(5))
    def test_whatever_fails_another_time_finishes_it(self, rig: Rig, crm: ChatwootClient, skip: int) -> None:
        place = settled(crm)
        crm.post(place, said(), ())
        rig.chatwoot.faults({"kind": "error_after_commit", "status": 500, "skip": skip, "times": 1})
        with pytest.raises(TemporaryFailure):
            crm.erase(MARTA, place)
        crm.erase(MARTA, place)
        assert (people(rig), conversations(rig)) == ([], [])


class TestCheck:
    def test_it_says_where_it_is_and_as_whom(self, crm: ChatwootClient) -> None:
        assert crm.check() == {
            "version": "4.16.2",
            "account": "Acme",
            "role": "administrator",
            "inbox": "WhatsApp",
            "channel": "Channel::Api",
            "bot": "Rig Bot",
            "writes_as": "bot",
        }

    @pytest.mark.parametrize("token", ["user_token", "bot_token"])
    def test_a_bad_token_is_found(self, rig: Rig, token: str) -> None:
        with pytest.raises(AccessDenied):
            client(rig, **{token: "no-such-token"}).check()

    def test_an_inbox_of_another_type_is_found(self, rig: Rig) -> None:
        with pytest.raises(Rejected, match="API channel"):
            ChatwootClient(api_of(rig), inbox_id=2).check()
        with pytest.raises(Rejected):
            ChatwootClient(api_of(rig), inbox_id=99).check()

    def test_a_page_that_is_no_api_is_found(self, rig: Rig) -> None:
        with pytest.raises((AccessDenied, Rejected, TemporaryFailure)):
            client(rig, base_url=rig.env("meta")["WHATSAPP_API_BASE_URL"]).check()


class Nonsense(ChatwootApi):
    """A server that answers 200 with whatever JSON."""

    def __init__(self, answers: list[Any]) -> None:
        super().__init__(base_url="http://127.0.0.1:9", account_id=1, user_token="x", bot_token="y")
        self._answers = answers
        self._calls = 0

    def call(self, action: str, method: str, path: str, *, as_bot: bool = False, **content: Any) -> Any:
        self._calls += 1
        assert self._calls < 500, "no end"
        return self._answers[self._calls % len(self._answers)]


KEYS = st.sampled_from(
    ("id", "payload", "contact", "meta", "sender", "inbox_id", "labels", "custom_attributes", "status", "priority", "team")
) | st.sampled_from(
    ("email", "name", "phone_number", "content_attributes", "created_at", "iagente_id", "iagente_written", "age")
)
SCALARS = (
    st.none() | st.booleans() | st.integers(-2, 9) | st.floats() | st.text(max_size=5) | st.sampled_from(["open", "v1 age=00"])
)


def holding(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return inner | st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6)


JSON = holding(holding(holding(SCALARS)))


@given(st.lists(JSON | st.dictionaries(KEYS, JSON, min_size=3), min_size=1, max_size=5), st.integers(0, 6))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nonsense_from_the_server_is_a_failure_of_the_server(answers: list[Any], method: int) -> None:
    crm = ChatwootClient(Nonsense(answers), inbox_id=1)
    there = Place(person_id="1", conversation_id="1")
    lead = Lead(
        labels=("derivar",),
        ours=OURS,
        person=described(age=41) | {"smoker": None},
        name="M",
        email="m@x.es",
        team="ventas",
        priority="low",
    )
    attempts: list[Callable[[], Any]] = [
        lambda: crm.place(MARTA, "", None),
        lambda: crm.place(MARTA, "", there),
        lambda: crm.post(there, said(), (), again=True),
        lambda: crm.describe(there, lead),
        lambda: crm.move(there, "bot"),
        lambda: crm.erase(MARTA, there),
        crm.check,
    ]
    with suppress(TemporaryFailure, PermanentFailure):
        attempts[method]()


class TestRefusals:
    def test_only_that_the_inbox_takes_no_statuses_is_passed_over(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        message_id = crm.post(place, said(), ())
        told = {"error": "Message status update is only allowed for API inboxes"}
        rig.chatwoot.faults({"kind": "error", "status": 403, "body": told, "match": "PATCH", "times": 1})
        crm.settle(place, message_id, Status(id="x", status="read"))
        rig.chatwoot.config(free_plan=True)
        with pytest.raises(AccessDenied):
            crm.settle(place, message_id, Status(id="x", status="read"))
        with pytest.raises(AccessDenied):
            crm.check()

    def test_a_version_that_nobody_read_and_another_ai_are_said(self, rig: Rig, crm: ChatwootClient) -> None:
        place = settled(crm)
        assert not {"attention", "another_ai"} & crm.check().keys()
        rig.chatwoot.config(version="4.18.0")
        rig.chatwoot.agent("assign_captain", conversation_id=int(place.conversation_id))
        found = crm.check()
        assert "4.17" in found["attention"]
        assert "Captain has 1" in found["another_ai"]
