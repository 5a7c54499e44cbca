"""The CRM's copy of what happens: in order, nothing lost, nothing twice, and never in anybody's way.

An attempt that may have arrived is looked for before it is made again. What the CRM refuses for good is given up, and what
follows goes on; so is a file that its vendor does not hand out, and a job that the CRM fails on while it takes others. While it
cannot be reached everything waits; only an erasure is tried for as long as it takes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from src.agent.state import Conversation
from src.desk import jobs
from src.desk.crm import (
    AgentSaid,
    Anew,
    Crm,
    Described,
    Erased,
    File,
    Lead,
    Mirrored,
    MirrorJob,
    Moved,
    Note,
    Place,
    Retried,
    Status,
)
from src.desk.delivery import backoff_s
from src.desk.failures import reason_of
from src.desk.human_words import contents_of
from src.desk.loading import readable_conversation
from src.desk.ports import Channel, Claim, Job, Ledger, Settlement
from src.errors import AccessDenied, IntegrationError, PermanentFailure, Rejected, TemporaryFailure
from src.messages import Event, Outbound, is_played

MOST_CRASHES = 3
"""Attempts that ended their worker: failures of the CRM are no such thing and do not count."""
MOST_FILE_TRIES = 7
"""Tries for a file within a minute or so: whoever the conversation is handed over to waits behind it."""
MOST_REFUSALS = 20
"""Times, over an hour, that the CRM answers 500 to one job while it takes others: then it is that job, and not the CRM."""
TAKES_OTHERS_S = 600.0
REST_S = 60.0
"""How long the CRM is left alone after it refused our credentials."""
ERASURE_AGAIN_S = 300.0
LARGEST_FILE = 40 * 1024 * 1024
"""What Chatwoot takes by default."""
_NOT_FOUND, _SERVER_ERROR = 404, 500
_OF_THE_HEAD = ("maybe", "failures", "file_tries", "refusals")
"""What the lane keeps of the job at its head, until that is done or given up."""


class Mirror:
    """Works on claims of the mirror lane. `crm` gives the CRM for a contact's key, by its line; it raises PermanentFailure
    while it is not set up."""

    def __init__(
        self,
        ledger: Ledger,
        crm: Callable[[str], Crm],
        *,
        lead_of: Callable[[Conversation], Lead],
        channels: Mapping[str, Channel],
        monotonic: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._crm = crm
        self._lead_of = lead_of
        self._channels = channels
        self._monotonic = monotonic
        self._rests_until_s = 0.0
        self._took_s = float("-inf")

    def work(self, claim: Claim) -> str:
        """Does what the claim's jobs ask for, as far as the CRM lets us; returns a word for what was done."""
        if is_played(claim.contact):
            self._ledger.commit(claim, Settlement(done=[job.id for job in claim.jobs]))
            return "played"
        rest_s = self._rests_until_s - self._monotonic()
        if rest_s > 0:
            self._ledger.retry(claim, after_s=rest_s, uncount=True)
            return "rests"
        told = _Told(claim)
        head = claim.jobs[0]
        if head.attempts > MOST_CRASHES and not isinstance(told.jobs[0], Erased):
            return self._bury(claim, told, head, "it ended its worker three times")
        for position, (job, what) in enumerate(zip(claim.jobs, told.jobs, strict=True)):
            if what is None:
                return self._bury(claim, told, job, "the job cannot be read")
            if position:
                self._ledger.renew(claim)  # nothing is written there any more once somebody else has the lane
            try:
                self._tell(told, what, again=job.attempts > 1 or claim.crm.get("maybe") == job.id)
            except TemporaryFailure as failure:
                if self._fails_on_this_alone(told, failure) and not isinstance(what, Erased):
                    return self._bury(claim, told, job, str(failure))
                return self._put_off(claim, told, job, failure)
            except AccessDenied as refusal:
                self._rests_until_s = self._monotonic() + REST_S
                return self._put_off(claim, told, job, refusal, after_s=REST_S)
            except PermanentFailure as refusal:
                if isinstance(what, Erased):
                    return self._put_off(claim, told, job, refusal, after_s=ERASURE_AGAIN_S)
                return self._bury(claim, told, job, str(refusal))
            told.finished(job.id)
        self._ledger.commit(claim, told.settlement())
        return "mirrored"

    def _fails_on_this_alone(self, told: _Told, failure: TemporaryFailure) -> bool:
        if told.waits_for_file or failure.status != _SERVER_ERROR:
            return False
        return told.count("refusals") >= MOST_REFUSALS and self._monotonic() - self._took_s < TAKES_OTHERS_S

    def _tell(self, told: _Told, what: MirrorJob, *, again: bool) -> None:
        try:
            self._write(told, what, again=again)
        except PermanentFailure as refusal:
            if refusal.status != _NOT_FOUND or isinstance(what, Erased):
                raise
            # People deleted the conversation there, or merged the person into another: a place is found anew.
            told.place = None
            self._write(told, what, again=again)

    def _write(self, told: _Told, what: MirrorJob, *, again: bool) -> None:
        crm = self._crm(told.contact.key)
        if isinstance(what, Erased):
            crm.erase(what.contact, what.place)
            told.place = None
            return
        if isinstance(what, Anew):
            told.forget_place()
            return
        if isinstance(what, Status) and not told.is_worth_telling(what):
            return
        place = self._place(crm, told)
        if isinstance(what, Mirrored):
            files, message = self._files(told, what)
            if message.reply_to and (ours := self._ledger.outbox_id_of(message.reply_to)):
                message = msgspec.structs.replace(message, reply_to=ours)
            message_id = crm.post(place, message, files, again=again or what.again)
            told.remember(what.id, message_id, ours=what.speaker != "prospect")
            self._took_s = self._monotonic()
        elif isinstance(what, Note):
            crm.note(place, what, [], again=again or what.again)
        elif isinstance(what, Retried):
            self._say_again(crm.retried(place, what.message_id), told, what)
        elif isinstance(what, Status):
            if told.has_another_part_that_failed(what):
                return
            crm.settle(place, told.message_id(what.id), msgspec.structs.replace(what, detail=reason_of(what.detail)))
            told.settled(what)
        elif isinstance(what, Moved):
            crm.move(place, what.owner)
        else:
            self._describe(crm, place, told)

    def _place(self, crm: Crm, told: _Told) -> Place:
        place = crm.place(told.contact, told.name, told.place)
        told.found(place)
        return place

    def _say_again(self, said: AgentSaid | None, told: _Told, retried: Retried) -> None:
        """Each part that failed goes out under a new id; one that was tried anew already, by the same press, does not."""
        channel = self._channels.get(told.contact.channel)
        if said is None or channel is None:
            return
        parts = [part for content in contents_of(said) for part in channel.parts(content)]
        messages = []
        for name in retried.parts:
            first = jobs.attempt_of(name)[0]
            place = int(first.removeprefix(f"{jobs.FROM_CRM}{retried.message_id}").removeprefix(".") or 0)
            if place < len(parts):
                anew = jobs.another_attempt(name)
                outbound = Outbound(id=anew, contact=told.contact, content=parts[place], speaker="human", at=told.now)
                messages.append((outbound.id, msgspec.json.encode(outbound), jobs.outbound_row(outbound)))
        self._ledger.speak(told.contact.key, messages, owner="human")

    def _describe(self, crm: Crm, place: Place, told: _Told) -> None:
        if told.conversation is None:
            return
        lead = self._lead_of(told.conversation)
        digest = f"{place.conversation_id}.{zlib.crc32(msgspec.json.encode(lead)):08x}"
        if told.crm("lead") != digest:
            crm.describe(place, lead)
            told.changed["lead"] = digest

    def _files(self, told: _Told, message: Mirrored) -> tuple[list[File], Mirrored]:
        """The message's file. One that cannot be had is said to be missing: the words are worth more than the file, and so is
        whatever waits behind them. Raises TemporaryFailure when it is to be tried again soon."""
        if message.media is None:
            return [], message
        try:
            channel = self._channels.get(told.contact.channel)
            if channel is None:
                raise Rejected("crm", "file", detail="no channel is configured that it could come from")
            return [channel.download(message.media, max_bytes=LARGEST_FILE)], message
        except IntegrationError as failure:
            if isinstance(failure, TemporaryFailure) and told.count("file_tries") < MOST_FILE_TRIES:
                told.waits_for_file = True
                raise
            missing = "\n".join(part for part in (message.text, "(no se ha podido traer el archivo)") if part)
            return [], msgspec.structs.replace(message, text=missing)

    def _put_off(self, claim: Claim, told: _Told, job: Job, failure: IntegrationError, *, after_s: float | None = None) -> str:
        failures = told.count("failures")
        asked_s = (failure.retry_after_s or 0.0) if isinstance(failure, TemporaryFailure) else 0.0
        if told.waits_for_file:  # it is not the CRM that asks us to wait
            failures, asked_s = int(told.crm("file_tries")), 0.0
        maybe = isinstance(failure, TemporaryFailure) and failure.maybe_done
        settlement = told.settlement()
        settlement.hold_s = after_s or max(asked_s, backoff_s(failures, claim.turn_id))
        settlement.uncounted = [one.id for one in claim.jobs if one.id not in told.done]
        if maybe or claim.crm.get("maybe") == job.id or job.attempts > 1:
            settlement.crm = {**settlement.crm, "maybe": job.id}
        settlement.counts = {"mirror_put_off": 1}
        self._ledger.commit(claim, settlement)
        return "put_off" if isinstance(failure, TemporaryFailure) else "refused"

    def _bury(self, claim: Claim, told: _Told, job: Job, reason: str) -> str:
        told.leave_behind()
        settlement = told.settlement()
        settlement.buried, settlement.reason = [job.id], reason
        settlement.uncounted = [one.id for one in claim.jobs if one.id not in told.done and one.id != job.id]
        settlement.events = [jobs.event(Event("mirror.buried"), claim.now, claim.turn_id)]
        settlement.counts = {"errors": 1}
        self._ledger.commit(claim, settlement)
        return "buried"


class _Told:
    """What a claim's work has come to so far, and what is known of the person in the CRM."""

    def __init__(self, claim: Claim) -> None:
        self.jobs = [_read(job) for job in claim.jobs]
        self.done: list[str] = []
        self.changed: dict[str, str] = {}
        self.waits_for_file = False
        self.now = claim.now
        self._kept = claim.crm
        self._at_head = True
        self.conversation = readable_conversation(claim)
        self.contact = jobs.contact_of(claim.contact)
        if self.conversation is not None:
            self.contact = msgspec.structs.replace(self.conversation.contact, key=claim.contact)
        person, conversation = claim.crm.get("person"), claim.crm.get("conversation")
        self.place = Place(person_id=person, conversation_id=conversation) if person and conversation else None
        last = {what.id: what for what in self.jobs if isinstance(what, Status)}
        self._last_statuses = list(last.values())

    @property
    def name(self) -> str:
        """What the person is called, as far as is known."""
        profile: dict[str, Any] = self.conversation.profile if self.conversation else {}
        return str(profile.get("name") or self.contact.name or "")

    def crm(self, name: str) -> str:
        """What the mirror lane keeps under that name."""
        return self.changed.get(name, self._kept.get(name, ""))

    def count(self, name: str) -> int:
        """One more of what is counted of the job at the head of the lane: how often so far."""
        times = int(self.crm(name) or 0) + 1 if self._at_head else 1
        self.changed[name] = str(times)
        return times

    def finished(self, job_id: str) -> None:
        """The next job is at the head of the lane."""
        self.done.append(job_id)
        self.leave_behind()

    def leave_behind(self) -> None:
        """What was counted was about a job that is gone."""
        self._at_head = False
        for name in _OF_THE_HEAD:
            self.changed.pop(name, None)

    def found(self, place: Place) -> None:
        """The person is there."""
        if place != self.place:
            self.changed |= {"person": place.person_id, "conversation": place.conversation_id}
            self.place = place

    def forget_place(self) -> None:
        """They may be somewhere else by now, or nowhere."""
        self.place = None
        self.changed |= {"person": "", "conversation": "", "lead": ""}

    def remember(self, marker: str, message_id: str, *, ours: bool) -> None:
        """Statuses follow what we send: then the message is to be found."""
        if ours:
            self.changed[f"m:{marker}"] = message_id

    def message_id(self, marker: str) -> str:
        """The CRM's own id of a message, or nothing. What a human wrote there bears it in its name here."""
        return jobs.crm_message_id(marker) or self.crm(f"m:{marker}")

    def is_worth_telling(self, status: Status) -> bool:
        """Whether the message is known there and nothing newer is told of it anyway."""
        return bool(self.message_id(status.id)) and any(status is last for last in self._last_statuses)

    def has_another_part_that_failed(self, status: Status) -> bool:
        """Whether another part of the same message did not arrive: that has to stand, whatever becomes of this one."""
        if not (message_id := jobs.crm_message_id(status.id)):
            return False
        part, key = jobs.attempt_of(status.id)[0], f"f:{message_id}"
        failed = {name for name in self.crm(key).split(",") if name and name != part}
        is_bad = status.status == "failed"
        if self.crm(key) or is_bad:
            self.changed[key] = ",".join(sorted(failed | {part} if is_bad else failed))
        return bool(failed) and not is_bad

    def settled(self, status: Status) -> None:
        """After the last status there is nothing to find the message for."""
        if status.status == "read" and self.crm(f"m:{status.id}"):
            self.changed[f"m:{status.id}"] = ""

    def settlement(self) -> Settlement:
        """All of it, as far as it came."""
        cleared = {name: "" for name in _OF_THE_HEAD if name in self._kept and not self._at_head}
        return Settlement(done=self.done, crm={**cleared, **self.changed})


def _read(job: Job) -> MirrorJob | None:
    with suppress(msgspec.MsgspecError):
        told: MirrorJob = msgspec.json.decode(job.body, type=MirrorJob)
        return told
    return None


def jobs_of_lead(name: str, moved: Sequence[Moved | Note] = ()) -> list[tuple[str, bytes]]:
    """What tells the CRM that a lead changed, after what else happened to it. `name` is unique to this change."""
    told: list[MirrorJob] = [*moved, Described(id=f"{name}.lead")]
    return [(what.id, msgspec.json.encode(what)) for what in told]
