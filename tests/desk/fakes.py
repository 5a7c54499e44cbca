"""A channel and an agent that follow a script, and the desk around them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from src.agent import state as states
from src.agent.agenda import Entry
from src.agent.state import Conversation, Step
from src.desk import jobs
from src.desk.crm import File
from src.desk.delivery import Deliveries
from src.desk.ports import Channel, Claim, Lane, Settlement
from src.desk.turns import Turns
from src.errors import TemporaryFailure
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.views import RedisRecords
from src.messages import Contact, Content, Inbound, Media, Outbound, Receipt, Speaker
from src.worker import Worker
from tests.conftest import Skew
from tests.kit.builders import new_wamid

ANA = "whatsapp:34600000001"
APOLOGY = Content(text="Lo siento, algo ha fallado.")
RETENTION_DAYS = 10
LINE = "106540352242922"


class FakeChannel:
    """Sends nothing. `script` holds what the next sends come to: an error to raise, or something to do before it succeeds."""

    def __init__(self) -> None:
        self.number = LINE
        self.confirms = True
        self.script: list[Exception | Callable[[], object]] = []
        self.sent: list[Outbound] = []
        self.opaque: list[str] = []
        self.timeouts_s: list[float | None] = []
        self.seen: list[str] = []
        self.fail_to_mark = False

    def parts(self, content: Content) -> Sequence[Content]:
        return [msgspec.structs.replace(content, text=part) for part in content.text.split("|")]

    def send(self, outbound: Outbound, *, opaque: str, timeout_s: float | None = None) -> str:
        step = self.script.pop(0) if self.script else None
        if isinstance(step, Exception):
            raise step
        if step is not None:
            step()
        self.sent.append(outbound)
        self.opaque.append(opaque)
        self.timeouts_s.append(timeout_s)
        return f"wamid.sent.{len(self.sent)}"

    def mark_read(self, message_id: str, *, typing: bool) -> None:
        assert typing
        self.seen.append(message_id)
        if self.fail_to_mark:
            raise TemporaryFailure("whatsapp", "mark_read", status=500)

    def check(self) -> dict[str, str]:
        return {}

    def download(self, media: Media, *, max_bytes: int) -> File:
        step = self.script.pop(0) if self.script else None
        if isinstance(step, Exception):
            raise step
        return File(data=media.id.encode()[:max_bytes], filename=media.filename, mime_type=media.mime_type)

    @property
    def texts(self) -> list[str]:
        return [outbound.content.text for outbound in self.sent]


class FakeAgent:
    """Answers "eco: <texts>", or whatever `decide` says. `heard` holds the texts of each turn, `fell_due` the entries."""

    def __init__(self) -> None:
        self.heard: list[list[str]] = []
        self.fell_due: list[str] = []
        self.decide: Callable[[Conversation, Sequence[Inbound], datetime], Step] = self.echo

    def advance(self, conversation: Conversation, inbounds: Sequence[Inbound], now: datetime) -> Step:
        self.heard.append([inbound.text for inbound in inbounds])
        return self.decide(conversation, inbounds, now)

    def fall_due(self, conversation: Conversation, entry: Entry, now: datetime) -> Step:
        self.fell_due.append(entry.name)
        return self.decide(conversation, [], now)

    @staticmethod
    def echo(conversation: Conversation, inbounds: Sequence[Inbound], now: datetime) -> Step:
        replies = (Content(text="eco: " + ", ".join(inbound.text for inbound in inbounds)),) if inbounds else ()
        return Step(conversation=msgspec.structs.replace(conversation, updated_at=now), replies=replies)

    def decides(self, **step: Any) -> None:
        """From now on every turn comes to this; `changes` are those of the conversation."""
        changes = step.pop("changes", {})
        self.decide = lambda conversation, _inbounds, now: Step(
            conversation=msgspec.structs.replace(conversation, updated_at=now, **changes), **step
        )

    def fails(self, error: Exception) -> None:
        def fail(*_: object) -> Step:
            raise error

        self.decide = fail


class Office:
    """A desk, its ledger, and what a worker and a webhook do with them. Nothing runs by itself."""

    def __init__(self, ledger: RedisLedger, skew: Skew) -> None:
        self.ledger, self.skew = ledger, skew
        self.records = RedisRecords(ledger)
        self.channel, self.agent = FakeChannel(), FakeAgent()
        self.frozen_s = 0.0
        channels: dict[str, Channel] = {"whatsapp": self.channel}
        self.deliveries = Deliveries(ledger, channels, monotonic=lambda: time.monotonic() + self.frozen_s)
        self.turns = Turns(
            ledger,
            self.agent,
            channels,
            apology=APOLOGY,
            retention_days=RETENTION_DAYS,
            courtesy=lambda courtesy: courtesy(),
        )
        self.worker = Worker(ledger, self.turns, self.deliveries, threads=1)

    # -- what comes in

    def hears(self, *texts: str, contact: str = ANA, at_s: Sequence[float] = (), **more: Any) -> None:
        """These messages arrive together; `at_s` are the vendor's times, in seconds from now."""
        who = more.pop("who", Contact(key=contact, channel="whatsapp", phone="+" + contact.partition(":")[2]))
        now = self.ledger.server_time()
        offsets = at_s or [0.0] * len(texts)
        self.ledger.accept(
            [
                jobs.arrival(
                    Inbound(
                        id=more.get("id") or new_wamid(),
                        contact=who,
                        at=now + timedelta(seconds=offset),
                        text=text,
                        kind=more.get("kind", "text"),
                        media=more.get("media"),
                        extra=more.get("extra", {}),
                    ),
                    mirrored=self.ledger.mirrors,
                )
                for text, offset in zip(texts, offsets, strict=True)
            ]
        )

    def receipt(self, status: Any, outbox_id: str, *, opaque: bool = True, wamid: str = "wamid.sent.1") -> str:
        return self.ledger.receive_receipt(
            Receipt(
                message_id=wamid,
                status=status,
                at=self.ledger.server_time(),
                opaque=f"{ANA} {outbox_id}" if opaque else "",
            )
        )

    # -- what is done

    def claim(self, lane: Lane, contact: str = ANA) -> Claim:
        claim = self.ledger.claim(lane, contact)
        assert claim is not None, f"nothing to do in {lane}"
        return claim

    def turn(self, contact: str = ANA) -> str:
        return self.turns.work(self.claim("turns", contact))

    def deliver(self, contact: str = ANA) -> str:
        return self.deliveries.work(self.claim("delivery", contact))

    def attend(self, lane: Lane, contact: str = ANA) -> None:
        """What a worker does when the contact is offered to it."""
        self.worker._claim_and_work(lane, contact)

    def queue(
        self, *contents: str | Content, speaker: Speaker = "bot", at: datetime | None = None, bodies: Any = ()
    ) -> list[str]:
        """Puts messages into the delivery lane, by a turn. Returns their outbox ids."""
        self.hears("a turn")
        claim = self.claim("turns")
        outbounds = [
            Outbound(
                id=f"{claim.turn_id}.{position}",
                contact=Contact(key=ANA, channel="whatsapp", phone="+34600000001"),
                content=Content(text=content) if isinstance(content, str) else content,
                speaker=speaker,
                at=at or claim.now,
            )
            for position, content in enumerate(contents)
        ]
        deliveries = [(outbound.id, msgspec.json.encode(outbound)) for outbound in outbounds]
        deliveries += [(f"{claim.turn_id}.raw{position}", body) for position, body in enumerate(bodies)]
        rows = [jobs.outbound_row(outbound) for outbound in outbounds]
        self.ledger.commit(claim, Settlement(done=[job.id for job in claim.jobs], deliveries=deliveries, rows=rows))
        return [outbox_id for outbox_id, _ in deliveries]

    def set_owner(self, owner: str, contact: str = ANA) -> None:
        """Somebody takes the conversation over or hands it back, in a turn of its own."""
        self.hears("somebody comes", contact=contact)
        claim = self.claim("turns", contact)
        self.ledger.commit(claim, Settlement(done=[job.id for job in claim.jobs], owner=owner))

    # -- what is there afterwards

    def waiting(self, lane: Lane, contact: str = ANA) -> list[str]:
        ids: Any = self.ledger.client.zrange(self.ledger.keys.lane(contact, lane)[0], 0, -1)
        return [name.decode() for name in ids]

    def due_in_s(self, lane: Lane, contact: str = ANA) -> float | None:
        score: Any = self.ledger.client.zscore(self.ledger.keys.lane(contact, lane)[2], contact)
        return None if score is None else score / 1000 - self.ledger.server_time().timestamp()

    def status(self, outbox_id: str, contact: str = ANA) -> str:
        """The status and, when there are any, the codes that explain it."""
        out = self.ledger.keys.of_contact(contact, "out")
        stored: Any = self.ledger.client.hmget(out, [f"s:{outbox_id}", f"e:{outbox_id}"])
        return " ".join(part.decode() for part in stored if part)

    def conversation(self, contact: str = ANA) -> Conversation:
        record = self.records.record(contact)
        assert record is not None
        assert record.state is not None
        return states.decode(record.state)

    def owner(self, contact: str = ANA) -> str:
        record = self.records.record(contact)
        assert record is not None
        return record.owner

    def events(self, contact: str = ANA) -> list[str]:
        """The names of what happened in the contact's shard, oldest first."""
        stream: Any = self.ledger.client.xrange(self.ledger.keys.of_shard(self.ledger.keys.shard(contact), "events"))
        return [
            msgspec.json.decode(value)["name"] for _, fields in stream for value in fields.values() if value.startswith(b"{")
        ]
