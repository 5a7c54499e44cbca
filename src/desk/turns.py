"""One turn: what a person sent becomes what the sale decided, in one commit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from src.agent import state as states
from src.agent.agenda import KINDS, NOBODY_CAME, RETENTION, UNANSWERED, Entry, Kind
from src.agent.state import Conversation, Handoff, Step
from src.desk import jobs
from src.desk.agenda import SENT_WITHIN, UNKNOWN_LOOK, Done, Handler, Opens, dropped, failed, fate_of, no_way, told, waiting
from src.desk.crm import Moved, Note
from src.desk.failures import first_code, reason_of
from src.desk.finding import listed_under
from src.desk.handoff import BOT_FAILED, Handoffs, answered, unanswered
from src.desk.loading import reply_window, stored_conversation
from src.desk.mirror import jobs_of_lead
from src.desk.person import Person
from src.desk.ports import REMEMBERED, Agent, Alert, Channel, Claim, Ledger, Settlement
from src.errors import DamagedState, IntegrationError, LedgerUnavailable, StaleCommit, UnreadableState
from src.messages import Contact, Content, Event, Inbound, Outbound, Template

if TYPE_CHECKING:  # the notes know the tariff, which web processes have no use for
    from src.desk.notes import Notes

MOST_ATTEMPTS = 3
UPGRADE_PAUSE_S = 5.0
RESUMED_LOOK = timedelta(seconds=20)
"""So often who wrote during a pause is looked at: at the latest then they are answered when it ends."""
MOST_UNANSWERED = 50
CLOCK_PAUSE_S = 600.0
WITHOUT_STATE = (
    "⚠️ Lo que el asistente tenía guardado de esta conversación no se puede leer. Lo que se ha dicho está aquí arriba: siga "
    "usted. Si quiere que el asistente vuelva a empezar desde el principio, restablezca la conversación en el panel."
)
"""What humans read in the CRM when nothing is known of a lead any more."""


class Turns:
    """Works on claims of the turns lane.

    `apology` is what a person hears once when a turn had to be given up. After `retention_days` of silence everything
    about somebody without a contract goes, unless they agreed to a follow-up (Ley 20/2015, art. 99). `courtesy` runs
    something that may fail or be dropped, without anybody waiting for it. `notes` are what humans read in the CRM. `person`
    knows the conversations on other lines.

    `kinds` are the kinds of agenda entries there are, `handlers` who does those that are neither the sale's nor ours, and
    `opens` when the house is open. `templates` say, by kind, what the sale says first outside the reply window.
    """

    def __init__(
        self,
        ledger: Ledger,
        agent: Agent,
        channels: Mapping[str, Channel],
        *,
        apology: Content,
        retention_days: int,
        courtesy: Callable[[Callable[[], None]], None],
        handoffs: Handoffs | None = None,
        notes: Notes | None = None,
        person: Person | None = None,
        kinds: Mapping[str, Kind] = KINDS,
        handlers: Mapping[str, Handler] | None = None,
        opens: Opens = lambda at: at,
        templates: Mapping[str, Template] | None = None,
    ) -> None:
        self._ledger = ledger
        self._agent = agent
        self._channels = channels
        self._apology = apology
        self._retention = timedelta(days=retention_days)
        self._courtesy = courtesy
        self._handoffs = handoffs or Handoffs()
        self._notes = notes
        self._person = person
        self._kinds = kinds
        self._handlers: Mapping[str, Handler] = {NOBODY_CAME: self._handoffs.nobody_came, **(handlers or {})}
        self._opens = opens
        self._templates = templates or {}
        others = {name for name, kind in kinds.items() if kind.owner not in ("sale", "retention", "pause")}
        if others != self._handlers.keys():
            raise ValueError(f"each kind of entry has one handler: {sorted(others ^ self._handlers.keys())}")

    def work(self, claim: Claim) -> str:
        """Takes one turn; returns a word for what was done.

        Raises what the agent raises: the caller gives the claim back, to be tried again later.
        """
        if any(job.attempts > MOST_ATTEMPTS for job in claim.jobs):
            self.give_up(claim, "it ended its worker three times")
            return "given_up"
        inbounds, left_over, unreadable = _read(claim)
        if unreadable:
            self._ledger.commit(claim, Settlement(buried=unreadable, reason="the job cannot be read", counts={"errors": 1}))
            return "unreadable"
        try:
            conversation = _conversation(claim, inbounds)
        except DamagedState:
            return self._with_damaged_state(claim, inbounds)
        except UnreadableState:
            # A newer version of this program wrote it and is about to take over: the message is left to it.
            self._ledger.retry(claim, after_s=UPGRADE_PAUSE_S, uncount=True)
            raise
        if conversation is None:
            return self._forget_leftovers(claim)
        for other in left_over:
            conversation.agenda = conversation.agenda.joined(other.agenda, self._kinds)
        if not inbounds and (undelivered := _undelivered(claim)):  # who has written since gets an answer to that
            return self._tell_undelivered(claim, conversation, undelivered)
        return self._hear(claim, conversation, inbounds) if claim.jobs else self._fall_due(claim, conversation)

    def _hear(self, claim: Claim, conversation: Conversation, inbounds: list[Inbound]) -> str:
        if not (inbounds := [one for one in inbounds if not _is_from_long_ago(one, claim)]):
            self._ledger.commit(claim, self._listened(claim, conversation, []))
            return "recorded"
        self._follow_new_addresses(claim, inbounds)
        newly = inbounds
        conversation, inbounds = _with_unanswered(conversation, inbounds)
        if claim.owner == "human":
            return self._stay_silent(claim, conversation, inbounds)
        self._show_attention(newly)
        step = self._agent.advance(conversation, inbounds, claim.now)
        if step.erase:
            return self._erase(claim, step)
        if self._ledger.paused() and not _is_duty(conversation, step):
            self._ledger.commit(claim, self._listened(claim, _unanswered(conversation, inbounds, claim.now), newly))
            return "paused"
        return self._answer(claim, step, inbounds)

    def _answer(self, claim: Claim, step: Step, inbounds: Sequence[Inbound]) -> str:
        if self._person and step.conversation.outcome == "opted_out":
            # Before the commit: a turn that is taken again does it again, and none is forgotten.
            self._person.opt_out_elsewhere(step.conversation.contact)
        self._ledger.commit(claim, self._decided(claim, step, inbounds))
        if step.handoff:
            self._handoffs.call(claim.contact, step.handoff.reason, urgent=step.handoff.urgent)
        return "answered"

    def _fall_due(self, claim: Claim, conversation: Conversation) -> str:
        """Something is due without a message: the earliest entry, alone, in a commit of its own. The next is due at once."""
        human, paused, opens_at = claim.owner == "human", self._ledger.paused(), self._opens(claim.now)
        entry = conversation.agenda.due(claim.now, human=human, kinds=self._kinds)
        if entry is None:  # it waits for a hand-back, or was cancelled and nobody looked since
            return self._finish(claim, Done(word="nothing_due", conversation=conversation))
        kind = self._kinds.get(entry.kind)
        if kind is None:
            return self._finish(claim, waiting(conversation, entry, claim.now + UNKNOWN_LOOK))
        fate, until = fate_of(kind, claim.now, human=human, paused=paused, opens_at=opens_at)
        if fate == "wait":
            if kind.owner == "pause":
                until = min(until, claim.now + RESUMED_LOOK)
            return self._finish(claim, waiting(conversation, entry, until))
        if fate == "drop":
            return self._finish(claim, dropped(conversation, entry, claim.now))
        try:
            if fate == "tell":
                return self._finish(claim, told(conversation, entry, claim.now, self._kinds))
            return self._do(claim, conversation, entry, kind)
        except (StaleCommit, LedgerUnavailable):
            raise
        except Exception:
            self._finish(claim, failed(conversation, entry, claim.now))
            raise  # the worker writes down why

    def _do(self, claim: Claim, conversation: Conversation, entry: Entry, kind: Kind) -> str:
        if kind.owner == "retention":
            return self._forget(claim)
        if kind.owner == "pause":
            return self._answer_late(claim, conversation)
        if kind.owner == "sale":
            step = self._agent.fall_due(conversation, entry, claim.now)
            after = step.conversation
            finished = msgspec.structs.replace(after, agenda=after.agenda.finished(entry, claim.now))
            step = msgspec.structs.replace(step, conversation=finished)
            if step.replies and self._window(claim, conversation) == "closed":
                template = self._templates.get(entry.kind)
                if template is None:
                    return self._finish(claim, no_way(conversation, entry, step.replies, claim.now, self._kinds))
                step = msgspec.structs.replace(step, replies=(Content(kind="template", template=template),))
            self._answer(claim, step, [])
            return entry.kind
        done = self._handlers[entry.kind](conversation, entry, claim.now)
        after = done.conversation
        finished = msgspec.structs.replace(after, agenda=after.agenda.finished(entry, claim.now))
        return self._finish(claim, msgspec.structs.replace(done, conversation=finished))

    def _window(self, claim: Claim, conversation: Conversation) -> str:
        """Whether a text gets there, and in time for being sent."""
        channel = self._channels.get(conversation.contact.channel)
        return reply_window(channel, claim.heard_at, claim.now + SENT_WITHIN) if channel else "unknown"

    def _answer_late(self, claim: Claim, conversation: Conversation) -> str:
        """The pause is over: what came during it is answered as if it came now, all together."""
        conversation, inbounds = _with_unanswered(conversation, ())
        step = self._agent.advance(conversation, inbounds, claim.now)
        return self._erase(claim, step) if step.erase else self._answer(claim, step, inbounds)

    def _finish(self, claim: Claim, done: Done) -> str:
        """Writes down what an entry came to, and tells whom it concerns."""
        settlement = Settlement(
            events=[jobs.event(event, claim.now, claim.turn_id) for event in done.events], counts=dict(done.counts)
        )
        if self._ledger.mirrors:
            notes = [Note(id=f"{claim.turn_id}.note.{place}", text=text) for place, text in enumerate(done.notes)]
            settlement.mirrors = [(note.id, msgspec.json.encode(note)) for note in notes]
        self._keep(settlement, done.conversation, claim)
        if not self._ledger.paused():
            self._say(settlement, self._outbounds(claim, done.conversation.contact, done.says, last_words=True))
        self._ledger.commit(claim, settlement)
        if done.alert:
            self._handoffs.raise_alarm(done.alert)
        return done.word

    def _tell_undelivered(self, claim: Claim, conversation: Conversation, codes: str) -> str:
        """What we said has not arrived, and will not: the person waits for an answer, and people have to know."""
        reason = reason_of(codes)
        told = unanswered(conversation, codes)
        settlement = Settlement(
            done=[job.id for job in claim.jobs],
            events=[jobs.event(Event("message.undelivered", {"code": first_code(codes)}), claim.now, claim.turn_id)],
            counts={"undelivered": 1},
        )
        if self._ledger.mirrors:
            text = f"⚠️ El último mensaje no le ha llegado. {reason} Está sin respuesta: sigue tú."
            note = Note(id=f"{claim.turn_id}.note", text=text)
            settlement.mirrors = [(note.id, msgspec.json.encode(note))]
        self._keep(settlement, told, claim)
        self._ledger.commit(claim, settlement)
        self._handoffs.raise_alarm(Alert("conversation.undelivered", claim.contact, first_code(codes), urgent=False))
        return "undelivered"

    def _erase(self, claim: Claim, step: Step) -> str:
        if self._person:
            self._person.erase_elsewhere(step.conversation.contact)
        self._ledger.forget(claim.contact, erase=True, claim=claim, farewell=self._farewell(claim, step))
        return "erased"

    def _forget_leftovers(self, claim: Claim) -> str:
        """Somebody whose state was reset and who stayed silent: their transcript goes when its time has come."""
        goes_at = (claim.heard_at or claim.now) + self._retention
        if goes_at <= claim.now:
            return self._forget(claim)
        self._ledger.commit(claim, Settlement(done=[job.id for job in claim.jobs], timer=goes_at))
        return "nobody"

    def _forget(self, claim: Claim) -> str:
        """Their time has come, by two clocks: what is erased by one that is wrong does not come back."""
        if not claim.clock_agrees:
            later = claim.now + timedelta(seconds=CLOCK_PAUSE_S)
            self._ledger.commit(claim, Settlement(timer=later, counts={"clock_disagreed": 1}))
            return "clock_disagrees"
        self._ledger.forget(claim.contact, erase=True, claim=claim)
        return "forgotten"

    def _with_damaged_state(self, claim: Claim, inbounds: Sequence[Inbound]) -> str:
        """Nobody can say where the sale was: a human is called, who finds the transcript, and what came can be replayed after a
        reset. What stands above every switch works all the same. Whether the person is to be forgotten, a human decides:
        there may be a contract."""
        unknown = _conversation(msgspec.structs.replace(claim, state=None), inbounds)
        step = self._agent.advance(unknown, inbounds, claim.now) if unknown else None
        if step and step.erase:
            return self._erase(claim, step)
        duty = step if step and unknown and _is_duty(unknown, step) else None
        if claim.owner == "human" and duty is None:
            timer: Literal["none"] | None = None if inbounds else "none"
            done = [job.id for job in claim.jobs]
            self._ledger.commit(claim, Settlement(done=done, timer=timer, counts={"heard_in_silence": len(inbounds)}))
            return "listened"
        self.give_up(claim, "what is stored of the conversation is damaged", duty)
        return "damaged"

    def give_up(self, claim: Claim, reason: str, duty: Step | None = None) -> None:
        """What could not be answered is buried; the person gets one apology, or the words of a `duty`, and a human is called.

        This depends on nothing that can fail: what would be good to have with it is left out when it cannot be had.
        """
        most = max((job.attempts for job in claim.jobs), default=0)
        newly = claim.owner != "human"
        called = duty.handoff if duty and duty.handoff else Handoff(BOT_FAILED) if newly else None
        settlement = Settlement(
            buried=[job.id for job in claim.jobs if job.attempts == most],
            reason=reason,
            owner="human",
            timer=None if claim.jobs else "none",
            events=[jobs.event(Event("turn.buried", {"attempts": most}), claim.now, claim.turn_id)],
            counts={"errors": 1},
        )
        if called:
            settlement.counts = {**settlement.counts, "handed_over": 1}
            settlement.events = [*settlement.events, _handed_over(claim, called.reason, urgent=called.urgent)]
        if newly and self._ledger.mirrors:
            moved = Moved(id=f"{claim.turn_id}.owner", owner="human", reason=BOT_FAILED)
            settlement.mirrors = [(moved.id, msgspec.json.encode(moved))]
        for add in (self._add_note, self._add_state, self._add_last_words):
            more = msgspec.structs.replace(settlement)
            try:
                add(more, claim, duty)
                settlement = more
            except Exception as fault:  # noqa: BLE001 - see above
                left_out = Event("turn.left_out", {"what": add.__name__, "error": type(fault).__name__})
                settlement.events = [*settlement.events, jobs.event(left_out, claim.now, claim.turn_id)]
        self._ledger.commit(claim, settlement)
        if called:
            self._handoffs.call(claim.contact, called.reason, urgent=called.urgent)

    def _add_note(self, settlement: Settlement, claim: Claim, _duty: Step | None) -> None:
        if claim.owner == "human" or self._notes is None or not self._ledger.mirrors:
            return
        conversation = _readable(claim)
        text = self._notes.about(conversation, BOT_FAILED, claim.now) if conversation else WITHOUT_STATE
        note = Note(id=f"{claim.turn_id}.note", text=text)
        settlement.mirrors = [*settlement.mirrors, (note.id, msgspec.json.encode(note))]

    def _add_state(self, settlement: Settlement, claim: Claim, _duty: Step | None) -> None:
        conversation = _readable(claim)
        if conversation is None:  # it stays as it is, and the human finds the transcript
            return
        handed_over = msgspec.structs.replace(
            conversation, owner="human", outcome=conversation.outcome or "handed_over", awaiting=None, updated_at=claim.now
        )
        newly = claim.owner != "human"
        self._keep(settlement, self._handoffs.begin(handed_over, BOT_FAILED, claim.now) if newly else handed_over, claim)

    def _add_last_words(self, settlement: Settlement, claim: Claim, duty: Step | None) -> None:
        words = duty.replies if duty else [self._apology] if claim.owner != "human" else []
        conversation, inbounds = _readable(claim), _read(claim)[0]
        who = conversation.contact if conversation else inbounds[-1].contact if inbounds else jobs.contact_of(claim.contact)
        who = msgspec.structs.replace(who, key=claim.contact)
        self._say(settlement, self._outbounds(claim, who, words, last_words=True))

    def _decided(self, claim: Claim, step: Step, inbounds: Sequence[Inbound]) -> Settlement:
        conversation, handoff = step.conversation, step.handoff
        settlement = Settlement(
            done=[job.id for job in claim.jobs],
            owner="human" if conversation.owner == "human" else "",
            events=[jobs.event(event, claim.now, claim.turn_id) for event in step.events],
            counts={
                "turns": int(bool(claim.jobs)),
                "replies": len(step.replies),
                **_waiting_time(claim, inbounds),
                **_thinking(step.events),
            },
        )
        if handoff:
            if conversation.owner == "human":  # somebody may be called without the bot falling silent: a lead was won
                conversation = self._handoffs.begin(conversation, handoff.reason, claim.now, urgent=handoff.urgent)
            settlement.events = [*settlement.events, _handed_over(claim, handoff.reason, urgent=handoff.urgent)]
            settlement.counts = {**settlement.counts, "handed_over": 1}
            self._tell_humans(settlement, conversation, handoff.reason, claim, urgent=handoff.urgent)
        self._keep(settlement, conversation, claim)
        # While the bot is paused only what stands above every switch comes this far.
        last_words = settlement.owner == "human" or self._ledger.paused()
        self._say(settlement, self._outbounds(claim, conversation.contact, step.replies, last_words=last_words))
        self._write_down(settlement, step.heard, claim.now)
        return settlement

    def _stay_silent(self, claim: Claim, before: Conversation, inbounds: Sequence[Inbound]) -> str:
        """A human has the conversation: what is told is kept for them and for later, and the bot says nothing.

        Danger, erasure and BAJA do not wait for anybody. The lines of the talk stay as they were: at the hand-back they come
        from the transcript.
        """
        step = self._agent.advance(before, inbounds, claim.now)
        if step.erase:
            return self._erase(claim, step)
        if _is_duty(before, step):
            return self._answer(claim, step, inbounds)
        # "ok Marta" is said to Marta: to the bot it is no consent, and accepts nothing.
        heard = before if _binds(before, step) else step.conversation
        noted = msgspec.structs.replace(heard, owner="human", history=before.history, turns=before.turns)
        self._ledger.commit(claim, self._listened(claim, noted, inbounds))
        return "listened"

    def _listened(self, claim: Claim, conversation: Conversation, inbounds: Sequence[Inbound]) -> Settlement:
        """A human has the conversation, or the bot is paused: what came is in the transcript, and the bot says nothing."""
        settlement = Settlement(done=[job.id for job in claim.jobs], counts={"heard_in_silence": len(inbounds)})
        self._keep(settlement, msgspec.structs.replace(conversation, updated_at=claim.now), claim)
        return settlement

    def _keep(self, settlement: Settlement, conversation: Conversation, claim: Claim) -> None:
        """Writes the state down, and when it needs attention next without a message."""
        agenda, follow_up = conversation.agenda.without(RETENTION), conversation.consents.get("follow_up")
        if conversation.outcome != "accepted" and not (follow_up and follow_up.given):
            silent_since = claim.now if claim.jobs else claim.heard_at or claim.now
            last_needed = max(silent_since, agenda.kept_until(self._kinds) or silent_since)
            agenda = agenda.with_entry(Entry(kind=RETENTION, due=last_needed + self._retention))
        settlement.state = states.encode(msgspec.structs.replace(conversation, agenda=agenda))
        settlement.stage = conversation.stage
        settlement.name = listed_under(conversation)
        human = conversation.owner == "human"
        settlement.timer = agenda.wakes_at(human=human, kinds=self._kinds) or "none"
        if self._ledger.mirrors:
            settlement.mirrors = [*settlement.mirrors, *jobs_of_lead(claim.turn_id)]

    def _tell_humans(
        self, settlement: Settlement, conversation: Conversation, reason: str, claim: Claim, *, urgent: bool = False
    ) -> None:
        """In the CRM the conversation waits for humans, with a note that says why; the bot goes on when it still has it."""
        if not self._ledger.mirrors:
            return
        told: list[Moved | Note] = []
        if conversation.owner == "human":
            told.append(Moved(id=f"{claim.turn_id}.owner", owner="human", reason=reason))
        if self._notes is not None:
            told.append(
                Note(id=f"{claim.turn_id}.note", text=self._notes.about(conversation, reason, claim.now, urgent=urgent))
            )
        settlement.mirrors = [*settlement.mirrors, *((one.id, msgspec.json.encode(one)) for one in told)]

    def _write_down(self, settlement: Settlement, heard: Mapping[str, str], at: datetime) -> None:
        """What voice notes said, before what was answered. A turn that is repeated listens again: it is written only here."""
        told = [jobs.heard(voice_id, text, at) for voice_id, text in heard.items()]
        settlement.rows = [*(row for row, _ in told), *settlement.rows]
        if self._ledger.mirrors:
            settlement.mirrors = [*(note for _, note in told), *settlement.mirrors]

    def _say(self, settlement: Settlement, outbounds: Sequence[Outbound]) -> None:
        settlement.deliveries = [(outbound.id, msgspec.json.encode(outbound)) for outbound in outbounds]
        settlement.rows = [jobs.outbound_row(outbound) for outbound in outbounds]
        if self._ledger.mirrors:
            settlement.mirrors = [*map(jobs.mirrored, outbounds), *settlement.mirrors]

    def _outbounds(self, claim: Claim, contact: Contact, contents: Sequence[Content], *, last_words: bool) -> list[Outbound]:
        """The replies as messages. The bot's last words go out although it must be silent from now on."""
        channel = self._channels.get(contact.channel)
        # Where the channel was taken out of the settings, the delivery lane finds so and shows it.
        parts = [part for content in contents for part in (channel.parts(content) if channel else [content])]
        return [
            Outbound(
                id=f"{claim.turn_id}.{position}",
                contact=contact,
                content=part,
                speaker="system" if last_words else "bot",
                at=claim.now,
            )
            for position, part in enumerate(parts)
        ]

    def _farewell(self, claim: Claim, step: Step) -> tuple[str, bytes] | None:
        last = self._outbounds(claim, step.conversation.contact, step.replies[:1], last_words=True)
        return (last[0].id, msgspec.json.encode(last[0])) if last else None

    def _show_attention(self, inbounds: Sequence[Inbound]) -> None:
        seen = [inbound for inbound in inbounds if inbound.kind not in ("reaction", "system", "revoke")]
        channel = self._channels.get(seen[-1].contact.channel) if seen else None
        if channel is not None:
            self._courtesy(lambda: _mark_read(channel, seen[-1].id))

    def _follow_new_addresses(self, claim: Claim, inbounds: Sequence[Inbound]) -> None:
        """A person changed number or user id: the new one means the same conversation."""
        for inbound in inbounds:
            for key in inbound.extra.get("new_keys", ()) if inbound.kind == "system" else ():
                self._ledger.alias(claim.contact, key)


def _handed_over(claim: Claim, reason: str, *, urgent: bool) -> bytes:
    return jobs.event(Event("conversation.handed_over", {"reason": reason, "urgent": urgent}), claim.now, claim.turn_id)


def _with_unanswered(conversation: Conversation, inbounds: Sequence[Inbound]) -> tuple[Conversation, list[Inbound]]:
    """What came during a pause and was not answered, before what comes now."""
    entry = conversation.agenda.get(UNANSWERED)
    if entry is None:
        return conversation, list(inbounds)
    earlier = msgspec.convert(entry.data["messages"], list[Inbound])
    return msgspec.structs.replace(conversation, agenda=conversation.agenda.without(UNANSWERED)), [*earlier, *inbounds]


def _unanswered(conversation: Conversation, inbounds: Sequence[Inbound], now: datetime) -> Conversation:
    """The same with these kept until the bot may answer them."""
    kept = msgspec.to_builtins(inbounds[-MOST_UNANSWERED:])
    entry = Entry(kind=UNANSWERED, due=now + RESUMED_LOOK, data={"messages": kept})
    return msgspec.structs.replace(conversation, agenda=conversation.agenda.with_entry(entry))


def _is_duty(before: Conversation, step: Step) -> bool:
    """Whether the turn is one that works above every switch: somebody in danger, who wants a person, or wants out."""
    called = step.handoff is not None and step.handoff.reason in ("self_harm", "asked")
    return called or (step.conversation.outcome == "opted_out" and before.outcome != "opted_out")


def _binds(before: Conversation, step: Step) -> bool:
    """Whether somebody would be bound by that turn: by a consent, or by an offer that they took or refused."""
    after = step.conversation
    return (after.consents, after.outcome, after.selected_quote) != (before.consents, before.outcome, before.selected_quote)


def _mark_read(channel: Channel, message_id: str) -> None:
    with suppress(IntegrationError):  # blue ticks are a courtesy
        channel.mark_read(message_id, typing=True)


def _read(claim: Claim) -> tuple[list[Inbound], list[Conversation], list[str]]:
    """The claim's messages, in the order in which they were written; conversations that became part of this one; and the ids of
    jobs that cannot be read."""
    inbounds: list[Inbound] = []
    left_over: list[Conversation] = []
    unreadable: list[str] = []
    for job in claim.jobs:
        try:
            if job.id.startswith(jobs.UNDELIVERED):
                continue
            if job.id.startswith(jobs.LEFT_OVER):
                left_over.append(states.decode(job.body))
            else:
                inbounds.append(jobs.inbound_of(job.body))
        except (msgspec.MsgspecError, DamagedState):
            unreadable.append(job.id)
    return sorted(inbounds, key=lambda inbound: inbound.at), left_over, unreadable


def _is_from_long_ago(inbound: Inbound, claim: Claim) -> bool:
    """Whether its id would not be known any more if it had come before, by the clock that is behind."""
    now = claim.now - max(claim.clock_off, timedelta())
    return now - inbound.at > REMEMBERED


def _conversation(claim: Claim, inbounds: Sequence[Inbound]) -> Conversation | None:
    """The stored conversation with what is newly known of the contact, or a new one. None when nobody is there."""
    conversation = stored_conversation(claim)
    if conversation is None and inbounds:
        conversation = states.new_conversation(inbounds[0].contact, claim.now)
    if conversation is None:
        return None
    if inbounds:
        conversation = answered(conversation)
    known: dict[str, Any] = {"key": claim.contact}
    for inbound in inbounds:
        fresh = inbound.contact
        moved = inbound.extra.get("new", {}) if inbound.kind == "system" else {}
        addresses = {"phone": moved.get("phone") or fresh.phone, "bsuid": moved.get("bsuid") or fresh.bsuid, "name": fresh.name}
        known.update({field: value for field, value in addresses.items() if value})
        if inbound.kind != "system":
            known["channel"] = fresh.channel  # answered the way they wrote last
    contact = msgspec.structs.replace(conversation.contact, **known)
    return msgspec.structs.replace(conversation, contact=contact, owner="human" if claim.owner == "human" else "bot")


def _undelivered(claim: Claim) -> str:
    """The codes of the last message of ours that the claim says did not arrive; "" when it says of none."""
    told = [job for job in claim.jobs if job.id.startswith(jobs.UNDELIVERED)]
    with suppress(msgspec.MsgspecError):
        return str(msgspec.json.decode(told[-1].body, type=dict[str, str]).get("codes", "")) or "unknown" if told else ""
    return "unknown"


def _readable(claim: Claim) -> Conversation | None:
    """The same for who can do without: None also when what is stored cannot be read."""
    with suppress(UnreadableState):
        return _conversation(claim, _read(claim)[0])
    return None


def _waiting_time(claim: Claim, inbounds: Sequence[Inbound]) -> dict[str, int]:
    if not inbounds:
        return {}
    waited_ms = round((claim.now - min(inbound.at for inbound in inbounds)).total_seconds() * 1000)
    return {"waited_ms": max(0, waited_ms), "waited_turns": 1}


def _thinking(events: Sequence[Event]) -> dict[str, int]:
    """What the turn asked of a language model, and what that cost: counts of the ledger, by hour and for ever."""
    counts: Counter[str] = Counter()
    for event in events:
        if event.name == "model.used":
            spent = {name: event.data.get(name) or 0 for name in ("input_tokens", "cached_tokens", "output_tokens")}
            counts.update({f"model_{name}": tokens for name, tokens in spent.items()})
            counts["model_calls"] += event.data["calls"]
            counts["model_cost_usd_millionths"] += event.data.get("cost_usd_millionths") or 0
        elif event.name.startswith("model."):
            counts[event.name.replace(".", "_")] += 1
    return dict(counts)
