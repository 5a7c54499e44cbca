"""A person's mirror in Chatwoot: found or made, written to, described, handed over, erased. Implements `desk.crm.Crm`.

A person has one conversation in our inbox for as long as Chatwoot keeps it, as there is one thread on WhatsApp: what is not
resolved before what is, the newest first; a new one is made only when there is none. A resolved conversation is opened by the
person's next message, by Chatwoot itself. What the bot, the system and operators say is said there as the agent bot.

Chatwoot has no conditional write: labels and conversation attributes are replaced as a whole. Each is read immediately
before it is written and again afterwards, so that only an edit of the same few milliseconds can be lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from src.desk.crm import AgentSaid, File, Lead, Mirrored, Note, Owner, Place, Status, Whose
from src.desk.lead import WRITTEN, is_as_written, written
from src.desk.words import HANDED_OVER
from src.errors import AccessDenied, Rejected, TemporaryFailure
from src.integrations.chatwoot.api import VENDOR, VERSIONS_READ, ChatwootApi, NotThere, version_numbers
from src.integrations.chatwoot.events import NotForUs, said_in
from src.integrations.chatwoot.messages import (
    FILES_LIMIT,
    MARKER,
    NAME_LIMIT,
    OURS_PREFIX,
    escaped,
    quote_of,
    request_of,
    source_id_of,
    storable,
    text_of,
)
from src.integrations.chatwoot.said import Said
from src.integrations.identity import ways_to_write
from src.messages import Contact

_SURE_FOR_S = 300.0
"""A place that was seen is taken to be there for this long; whatever finds it gone before is told so (NotThere)."""
_REMEMBERED_PLACES = 10_000
_ROUNDS = 6
"""Readings before a conversation is left as it is: four things may be to write, and people may write at the same time."""
_GONE_CHECK_S = 5.0
_OURS_PRIORITY = "iagente_priority"
"""An attribute of the conversation that says which priority we set last: another one was set by people, and stays."""
_LONGEST_ERROR = 500
_NO_API_INBOX = "only allowed for API inboxes"


class ChatwootClient:
    """The inbox `inbox_id` of one account; it must be an API channel. Shared by threads."""

    def __init__(self, api: ChatwootApi, *, inbox_id: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._api, self._inbox_id, self._clock = api, inbox_id, clock
        self._said = Said(api)
        self._seen: dict[Place, float] = {}
        self._kept: dict[str, tuple[float, Any]] = {}

    # -- where people are ---------------------------------------------------------------------------------------------

    def place(self, contact: Contact, name: str, known: Place | None) -> Place:
        """See the port. `known` is looked up once in five minutes: a merged person or a deleted conversation is found anew."""
        if known and self._clock() - self._seen.get(known, float("-inf")) < _SURE_FOR_S:
            return known
        place = (known and self._as_it_is_now(known)) or self._found_or_made(contact, name)
        self._remember(place)
        return place

    def _as_it_is_now(self, known: Place) -> Place | None:
        try:
            conversation = self._conversation(known)
        except NotThere:
            return None
        person = _object(_object(conversation.get("meta")).get("sender"))
        if conversation.get("inbox_id") != self._inbox_id or not person:
            return None
        return Place(person_id=_id(person), conversation_id=known.conversation_id)

    def _found_or_made(self, contact: Contact, name: str) -> Place:
        try:
            return self._settled(contact, name)
        except (Rejected, TemporaryFailure) as error:
            # Somebody made or removed the same meanwhile: 422 says so, and so does 500 where Chatwoot notices late.
            if error.status not in (404, 422, 500):
                raise
        try:
            return self._settled(contact, name)
        except NotThere:
            # Then it is the inbox that is gone, and everything has to wait until there is one.
            raise AccessDenied(VENDOR, "place", detail="the inbox is not there") from None

    def _settled(self, contact: Contact, name: str) -> Place:
        person = self._by_source(contact) or self._by_phone(contact) or self._made(contact, name)
        if contact.phone and not person.get("phone_number"):
            # It may belong to somebody else there, with whom people can merge this one.
            with suppress(Rejected):
                self._api.call("person", "PATCH", f"contacts/{_id(person)}", json={"phone_number": contact.phone})
        ours = [one for one in self._conversations_of(_id(person)) if one.get("inbox_id") == self._inbox_id]
        ours.sort(key=lambda conversation: (conversation.get("status") != "resolved", int(_id(conversation))))
        if ours:
            return Place(person_id=_id(person), conversation_id=_id(ours[-1]))
        made = self._api.call(
            "conversation",
            "POST",
            "conversations",
            json={"inbox_id": self._inbox_id, "contact_id": int(_id(person)), "source_id": source_id_of(contact)},
        )
        return Place(person_id=_id(person), conversation_id=_id(made))

    def _by_source(self, contact: Contact) -> dict[str, Any] | None:
        wanted = {"inbox_id": self._inbox_id, "source_id": source_id_of(contact)}
        try:
            return _object(self._api.call("find_by_source", "POST", "contact_inboxes/filter", json=wanted))
        except NotThere:
            return None

    def _by_phone(self, contact: Contact) -> dict[str, Any] | None:
        """A person who is there by another way, now in our inbox too; the way the number is written here comes first."""
        found = self._with_phone(contact)
        if not found:
            return None
        person = min(found, key=lambda person: (person.get("phone_number") != contact.phone, int(_id(person))))
        wanted = {"inbox_id": self._inbox_id, "source_id": source_id_of(contact)}
        self._api.call("person_inbox", "POST", f"contacts/{_id(person)}/contact_inboxes", json=wanted)
        return person

    def _with_phone(self, contact: Contact) -> list[dict[str, Any]]:
        if not contact.phone:
            return []
        # The filter reads the first value only, so every way to write the number is a condition of its own.
        ways: list[dict[str, Any]] = [
            {"attribute_key": "phone_number", "filter_operator": "equal_to", "values": [way[1:]], "query_operator": "OR"}
            for way in ways_to_write(contact.phone)
        ]
        ways[-1] |= {"query_operator": None}
        return _payload(self._api.call("find_by_phone", "POST", "contacts/filter", json={"payload": ways}))

    def _made(self, contact: Contact, name: str) -> dict[str, Any]:
        shown = storable(name or contact.name or contact.phone or source_id_of(contact))[:NAME_LIMIT]
        fields: dict[str, Any] = {"name": shown, "inbox_id": self._inbox_id, "source_id": source_id_of(contact)}
        # Chatwoot lists nobody who has neither a phone, an e-mail nor an identifier.
        fields |= {"phone_number": contact.phone} if contact.phone else {"identifier": source_id_of(contact)}
        fields["custom_attributes"] = written({"name": shown})
        made = _object(self._api.call("make_person", "POST", "contacts", json=fields))
        return _object(_object(made.get("payload")).get("contact"))

    def _remember(self, place: Place) -> None:
        if len(self._seen) >= _REMEMBERED_PLACES:
            self._seen.clear()
        self._seen[place] = self._clock()

    # -- what is said -------------------------------------------------------------------------------------------------

    def post(self, place: Place, message: Mirrored, files: Sequence[File], *, again: bool = False) -> str:
        """See the port. More files than one message takes become more messages; a file that is refused is named instead."""
        text = text_of(message, files)
        fields: dict[str, Any] = {"external_created_at": int(message.at.timestamp())}
        if message.reply_to:
            fields["content_attributes"] = quote_of(message.reply_to)
        if message.speaker == "prospect":
            fields |= {"content": storable(text), "message_type": "incoming", "source_id": message.id}
        else:
            text = f"📱 Desde el móvil: {text}" if message.by_phone else text
            fields |= {"content": storable(escaped(text)), "message_type": "outgoing", "source_id": OURS_PREFIX + message.id}
        return self._say("post", place, message.id, fields, files, since=message.at, again=again, as_person=message.by_phone)

    def note(self, place: Place, note: Note, files: Sequence[File], *, again: bool = False) -> str:
        """See the port."""
        fields = {"content": storable(escaped(note.text)), "message_type": "outgoing", "private": True}
        return self._say("note", place, note.id, fields, files, since=None, again=again)

    def _say(
        self,
        action: str,
        place: Place,
        marker: str,
        fields: dict[str, Any],
        files: Sequence[File],
        *,
        since: datetime | None,
        again: bool,
        as_person: bool = False,
    ) -> str:
        parts = [files[start : start + FILES_LIMIT] for start in range(0, len(files), FILES_LIMIT)] or [()]
        ids = []
        for number, part in enumerate(parts, 1):
            part_marker = marker if number == 1 else f"{marker}#{number}"
            there = self._said.find(place.conversation_id, part_marker, since) if again else None
            part_fields = fields if number == 1 else fields | {"content": ""}
            ids.append(there or self._write(action, place, part_marker, part_fields, part, as_person=as_person))
        return ids[0]

    def _write(
        self, action: str, place: Place, marker: str, fields: dict[str, Any], files: Sequence[File], *, as_person: bool
    ) -> str:
        """Writes one message: a person's words as the user whose token this is, everything else that goes out as the bot."""
        marked = fields | {"content_attributes": {**fields.get("content_attributes", {}), MARKER: marker}}
        from_us = fields["message_type"] == "outgoing" and not as_person
        as_bot = from_us and self._api.has_bot
        if from_us and not as_bot and (bot_id := self._bot_id()):
            marked |= {"sender_type": "AgentBot", "sender_id": bot_id}
        path = f"conversations/{place.conversation_id}/messages"
        try:
            return _id(self._api.call(action, "POST", path, as_bot=as_bot, **request_of(marked, files)))
        except NotThere:
            raise
        except Rejected:
            if not files:
                raise
            names = "\n".join(f"📎 {file.filename or 'archivo'} (no se ha podido adjuntar)" for file in files)
            words = storable(escaped("\n".join(part for part in (fields["content"], names) if part)))
            return _id(self._api.call(action, "POST", path, as_bot=as_bot, json=marked | {"content": words}))

    def settle(self, place: Place, message_id: str, status: Status) -> None:
        """See the port. A message is "sent" from the start; inboxes of other types and messages that are gone show nothing."""
        if status.status not in ("delivered", "read", "failed"):
            return
        fields = {"status": status.status}
        if status.status == "failed":
            fields["external_error"] = storable(status.detail)[:_LONGEST_ERROR]
        try:
            self._api.call("settle", "PATCH", f"conversations/{place.conversation_id}/messages/{message_id}", json=fields)
        except NotThere:
            pass
        except AccessDenied as error:
            if _NO_API_INBOX not in error.detail:  # whatever else is refused, somebody has to know
                raise

    def retried(self, place: Place, message_id: str) -> AgentSaid | None:
        """See the port. What is shown of it now counts, not what a webhook said of some earlier moment."""
        asked = {"after": message_id, "before": str(int(message_id) + 1)}
        rows = _payload(self._api.call("message", "GET", f"conversations/{place.conversation_id}/messages", params=asked))
        row = next((one for one in rows if str(one.get("id")) == message_id), {})
        if row.get("status") == "failed" or "external_error" in _object(row.get("content_attributes")):
            return None
        try:
            return said_in(row, Whose(conversation_id=place.conversation_id))
        except NotForUs:
            return None

    # -- what is shown of the lead ------------------------------------------------------------------------------------

    def describe(self, place: Place, lead: Lead) -> None:
        """See the port. The team is set when the conversation waits for humans and has none: Chatwoot may assign a member."""
        for _ in range(_ROUNDS):
            if not self._describe_conversation(place, lead):
                break
        self._describe_person(place, lead)

    def _describe_conversation(self, place: Place, lead: Lead) -> bool:
        """Reads, and writes the first thing that is not as it should be; whether there was one."""
        conversation = self._conversation(place)
        shown, attributes = _texts(conversation.get("labels")), _object(conversation.get("custom_attributes"))
        kept = [label for label in shown if label not in lead.ours or label in lead.labels]
        labels = kept + [label for label in lead.labels if label not in kept]
        if labels != shown:
            return self._change(place, "labels", {"labels": labels})

        priority = conversation.get("priority")
        ours = bool(lead.priority) and priority in (None, lead.priority, attributes.get(_OURS_PRIORITY))
        if ours and priority != lead.priority:
            return self._change(place, "toggle_priority", {"priority": lead.priority})

        told = {**attributes, **lead.conversation, **({_OURS_PRIORITY: lead.priority} if ours else {})}
        told = {key: value for key, value in told.items() if value is not None or key not in lead.conversation}
        if told != attributes:
            return self._change(place, "custom_attributes", {"custom_attributes": told})

        waits = conversation.get("status") == "open" or HANDED_OVER.title in lead.labels
        has_team = bool(_object(conversation.get("meta")).get("team"))
        if lead.team and waits and not has_team and (team_id := self._team_id(lead.team)):
            return self._change(place, "assignments", {"team_id": team_id})
        return False

    def _change(self, place: Place, what: str, fields: Mapping[str, Any]) -> bool:
        self._api.call(what, "POST", f"conversations/{place.conversation_id}/{what}", json=fields)
        return True

    def _describe_person(self, place: Place, lead: Lead) -> None:
        path = f"contacts/{place.person_id}"
        answer = self._api.call("person", "GET", path, params={"include_contact_inboxes": "false"})
        person = _object(_object(answer).get("payload"))
        there = _object(person.get("custom_attributes"))
        # What people wrote there is on its way to us, or we could not read it: either way it is not ours to replace.
        described = WRITTEN in there
        ours = {
            key
            for key, value in lead.person.items()
            if key == WRITTEN or is_as_written(key, there) or (not described and value is not None)
        }
        if gone := [key for key, value in lead.person.items() if value is None and key in there and key in ours]:
            self._api.call("take_away", "POST", f"{path}/destroy_custom_attributes", json={"custom_attributes": gone})
        new = {
            key: value for key, value in lead.person.items() if value is not None and key in ours and there.get(key) != value
        }
        fields: dict[str, Any] = {"custom_attributes": new} if new else {}
        for key, value in (("name", lead.name[:NAME_LIMIT]), ("email", lead.email)):
            now = str(person.get(key) or "")
            if value and value != now and (_is_made_up(now) or is_as_written(key, {**there, key: now})):
                fields[key] = value
        if not fields:
            return
        try:
            self._api.call("person", "PATCH", path, json=fields)
        except NotThere:
            raise
        except Rejected:
            # Somebody else there has that e-mail, or Chatwoot does not take it for one.
            if fields.pop("email", None) is None:
                raise
            if fields:
                self._api.call("person", "PATCH", path, json=fields)

    def _team_id(self, name: str) -> int | None:
        """Of the team with that name; None when there is none, as where nothing was provisioned."""
        teams = self._once_in_a_while("teams", lambda: _payload(self._api.call("teams", "GET", "teams")))
        return next((int(_id(team)) for team in teams if str(team.get("name")).casefold() == name.casefold()), None)

    # -- whose it is --------------------------------------------------------------------------------------------------

    def move(self, place: Place, owner: Owner) -> None:
        """See the port. Whoever was assigned on the other side no longer is."""
        conversation = self._conversation(place)
        if owner == "human":
            if conversation.get("status") != "open":
                # With the bot's token this is the hand-off that Chatwoot counts in its reports.
                self._toggle(place, "open", as_bot=self._api.has_bot)
                conversation = self._conversation(place)
            if _assignee(conversation) == "AgentBot":
                self._change(place, "assignments", {"assignee_id": None})
        elif conversation.get("status") not in ("pending", "resolved"):
            if _assignee(conversation) == "User" and (bot_id := self._bot_id()):
                self._change(place, "assignments", {"assignee_id": bot_id, "assignee_type": "AgentBot"})
            self._toggle(place, "pending", as_bot=self._api.has_bot)

    def _toggle(self, place: Place, status: str, *, as_bot: bool) -> None:
        path = f"conversations/{place.conversation_id}/toggle_status"
        self._api.call("toggle_status", "POST", path, as_bot=as_bot, json={"status": status})

    # -- away with them -----------------------------------------------------------------------------------------------

    def erase(self, contact: Contact, place: Place | None) -> None:
        """See the port. Chatwoot deletes some time after it says so: TemporaryFailure until it can be seen that all is gone.

        Conversations go first: once the person is gone, nothing leads to those that were left behind.
        """
        people = [person for person in (self._by_source(contact), *self._with_phone(contact)) if person]
        ids = {_id(person) for person in people} | ({place.person_id} if place else set())
        if place:
            self._deleted([f"conversations/{place.conversation_id}"])
            self._seen.pop(place, None)
        for person_id in sorted(ids):
            while left := self._conversations_of(person_id):
                self._deleted([f"conversations/{_id(conversation)}" for conversation in left])
        self._deleted([f"contacts/{person_id}" for person_id in sorted(ids)])

    def _conversations_of(self, person_id: str) -> list[dict[str, Any]]:
        """The latest twenty, in every inbox; none when the person is gone."""
        try:
            return _payload(self._api.call("conversations", "GET", f"contacts/{person_id}/conversations"))
        except NotThere:
            return []

    def _deleted(self, paths: Sequence[str]) -> None:
        for path in paths:
            try:
                self._api.call("erase", "DELETE", path)
            except NotThere:
                pass
            except Rejected:
                # Chatwoot deletes nobody who is online just now, and says so with their name.
                raise TemporaryFailure(VENDOR, "erase", status=422, detail="refused for now") from None
        for path in paths:
            with suppress(NotThere):
                self._api.call("erased", "GET", path)
                raise TemporaryFailure(VENDOR, "erase", detail="not gone yet", retry_after_s=_GONE_CHECK_S)

    # -- the rest -----------------------------------------------------------------------------------------------------

    def check(self) -> dict[str, str]:
        """See the port: version, role of the user, the inbox, its bot. Raises Rejected for an inbox that is no API channel."""
        facts = {"version": _object(self._api.call("check", "GET", "/api")).get("version")}
        profile = _object(self._api.call("check", "GET", "/api/v1/profile"))
        accounts = [one for one in _objects(profile.get("accounts")) if one.get("id") == self._api.account_id]
        facts |= {"account": accounts[0].get("name"), "role": accounts[0].get("role")} if accounts else {}
        inbox = _object(self._api.call("check", "GET", f"inboxes/{self._inbox_id}"))
        if inbox.get("channel_type") != "Channel::Api":
            raise Rejected(VENDOR, "check", detail="the inbox is no API channel")
        facts |= {"inbox": inbox.get("name"), "channel": inbox.get("channel_type")}
        bot = self._bot()
        if version_numbers(str(facts["version"])) > VERSIONS_READ[1]:
            facts["attention"] = f"nobody read what changed after {'.'.join(map(str, VERSIONS_READ[1]))}"
        if owned := self._owned_by_another_ai():
            facts["another_ai"] = f"Captain has {owned} conversations of this inbox: take its assistant out of the inbox"
        facts["bot"] = bot.get("name") if bot else "none: connect one, or new conversations are open from the start"
        if self._api.has_bot:
            # The bot's token may see conversations only; none has this number.
            with suppress(NotThere):
                self._api.call("check", "GET", "conversations/0", as_bot=True)
            facts["writes_as"] = "bot"
        return {key: value for key, value in facts.items() if isinstance(value, str)}

    def _owned_by_another_ai(self) -> int:
        """How many of the latest conversations of our inbox Chatwoot's own AI has (since 4.17): two would answer there."""
        asked = {"inbox_id": self._inbox_id, "status": "all", "assignee_type": "all"}
        answer = _object(self._api.call("check", "GET", "conversations", params=asked))
        latest = _payload(answer.get("data"))
        return sum(_assignee(one).startswith("Captain") for one in latest)

    def _bot(self) -> dict[str, Any]:
        answer = _object(self._api.call("bot", "GET", f"inboxes/{self._inbox_id}/agent_bot"))
        return _object(answer.get("agent_bot"))

    def _bot_id(self) -> int | None:
        """Of the agent bot that is connected to our inbox."""
        bot = self._once_in_a_while("bot", self._bot)
        return int(_id(bot)) if bot else None

    def _conversation(self, place: Place) -> dict[str, Any]:
        return _object(self._api.call("conversation", "GET", f"conversations/{place.conversation_id}"))

    def _once_in_a_while(self, name: str, ask: Callable[[], Any]) -> Any:
        """What rarely changes, asked once in five minutes."""
        asked_s, answer = self._kept.get(name, (float("-inf"), None))
        if self._clock() - asked_s >= _SURE_FOR_S:
            answer = ask()
            self._kept[name] = (self._clock(), answer)
        return answer


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _payload(answer: Any) -> list[dict[str, Any]]:
    """The rows of a list, with or without the wrapper that most lists of Chatwoot have."""
    return _objects(answer.get("payload") if isinstance(answer, dict) else answer)


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _id(row: Any) -> str:
    number = _object(row).get("id")
    if type(number) is not int or number < 1:
        raise TemporaryFailure(VENDOR, "read", detail="the answer has no id", maybe_done=True)
    return str(number)


def _assignee(conversation: Mapping[str, Any]) -> str:
    """User, AgentBot or nothing. Before 4.16 some answers name no type."""
    meta = _object(conversation.get("meta"))
    return str(meta.get("assignee_type") or ("User" if meta.get("assignee") else ""))


def _is_made_up(name: str) -> bool:
    """No name that a human gave: none at all, or a number."""
    return not any(character.isalpha() for character in name)
