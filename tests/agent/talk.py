"""A conversation with the sales agent in a test: one line per message, time as a value, the doors' redaction applied."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from src.agent import understanding
from src.agent.graph import SalesAgent
from src.agent.health_disclosure import redact_health
from src.agent.model import Assistance, Model
from src.agent.redaction import clean, redact
from src.agent.state import Conversation, House, Step, new_conversation
from src.agent.understanding import Context, Found, Intent, Reading
from src.agent.understanding.reading import Whole
from src.messages import Contact, Content, Inbound, Media
from src.quoting import load_catalogue

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
CONTACT = Contact(key="whatsapp:34600000000", channel="whatsapp", phone="+34600000000")
HOUSE = House(
    company_name="Correduría Ejemplo",
    legal_notice="Correduría inscrita en el registro de la DGSFP.",
    privacy_url="https://ejemplo.test/privacidad",
    contact_per_minute=1000,
    contact_per_day=1000,
)
ANSWERS: dict[str, Any] = {
    "name": "Ana",
    "age": 35,
    "birth_date": "1991-05-03",
    "smoker": False,
    "dependents": 2,
    "monthly_income": 1900,
    "mortgage_balance": 50_000,
    "occupation": "administrativa",
    "occupation_class": 1,
    "sum_assured": 150_000,
}


def reader(text: str, context: Context, reply_id: str = "") -> Reading:
    """The real reader; except that "§" starts a message whose meaning is written out, as `Talk.mean` sends it."""
    if reply_id or not text.startswith("§"):
        return understanding.read(text, context, reply_id)
    intents: list[Intent] = []
    values: list[Found] = []
    language = context.language
    for word in text.removeprefix("§").split("|"):
        key, sign, value = word.partition("=")
        if key == "language":
            language = value
        elif sign:
            unsure, corrects = key.endswith("?"), key.endswith("!")
            values.append(Found(key.rstrip("?!"), json.loads(value), value, 0.5 if unsure else 1.0, corrects))
        elif word:
            name, _, topic = word.partition(":")
            topic, _, covers = topic.partition(":") if name == "rider" else (topic, "", "")
            intents.append(Intent(name, topic, evidence=word, covers=tuple(filter(None, covers.split("+")))))  # type: ignore[arg-type]
    names = {intent.name for intent in intents}
    whole: Whole = (
        "" if values or not names else "yes" if names <= {"affirm", "accept"} else "no" if names <= {"deny", "decline"} else ""
    )
    return Reading(tuple(intents or ([] if values else [Intent("unclear")])), tuple(values), language, "§", whole)


@cache
def agent_of(house: House = HOUSE) -> SalesAgent:
    return SalesAgent(house, load_catalogue(), reader=reader)


class Talk:
    """A person talking to the agent. `pause` is the time between two messages."""

    def __init__(
        self,
        house: House = HOUSE,
        *,
        search: Any = None,
        pause: timedelta = timedelta(seconds=20),
    ) -> None:
        self.agent = agent_of(house) if search is None else SalesAgent(house, load_catalogue(), reader=reader, search=search)
        self.now = START
        self.pause = pause
        self.conversation: Conversation = new_conversation(CONTACT, START)
        self.step = Step(conversation=self.conversation)
        self.said: list[str] = []
        self._count = 0

    def with_model(self, model: Model, **changes: Any) -> Talk:
        """The same conversation, from here on with a language model at hand."""
        self.agent = SalesAgent(HOUSE, load_catalogue(), reader=reader, assistance=Assistance(model, **changes))
        return self

    # --- what the person does

    def say(self, *texts: str) -> Step:
        """Text messages; several are one burst."""
        return self.send(*(self._inbound("text", text=text) for text in texts))

    def mean(self, *meanings: str) -> Step:
        """A message that means exactly this: "affirm", "question:price", "age=45", "age?=45" (unsure), "age!=45" (corrects).

        A rider may name its covers: "rider:add", "rider:drop:accidental_death+critical_illness".
        """
        return self.send(self._inbound("text", text="§" + "|".join(meanings)))

    def press(self, reply_id: str, title: str = "") -> Step:
        return self.send(self._inbound("button", text=title or "·", reply_id=reply_id))

    def show(self, kind: str, **more: Any) -> Step:
        """A message of another kind."""
        return self.send(self._inbound(kind, **more))

    def choose(self, place: int) -> Step:
        return self.press(f"choose:{self.conversation.quotes[place].id}")

    def accept(self) -> Step:
        return self.press(f"accept:{self.conversation.selected_quote}")

    def wait(self, **time: float) -> None:
        self.now += timedelta(**time)

    def send(self, *inbounds: Inbound) -> Step:
        self.now += self.pause
        self.step = self.agent.advance(self.conversation, inbounds, self.now)
        self.conversation = self.step.conversation
        self.said += [reply.text for reply in self.step.replies]
        return self.step

    def _inbound(self, kind: Any, *, text: str = "", **more: Any) -> Inbound:
        self._count += 1
        safe = redact_health(redact(clean(text)).text)
        return Inbound(id=f"wamid.{self._count}", contact=CONTACT, kind=kind, at=self.now, text=safe, **more)

    def voice(self) -> Step:
        return self.show("audio", media=Media(id="1", voice=True))

    # --- ways to get somewhere

    def agree(self) -> Talk:
        """Greeted, and the consent given."""
        self.say("hola")
        self.press("consent:yes")
        return self

    def answer_until(self, awaiting: str = "", **answers: Any) -> Talk:
        """Presses an answer to each question until that one is asked; without one until the proposal is there."""
        known = {**ANSWERS, **answers}
        for _ in range(20):
            asked = self.awaiting or ""
            if asked == "monthly_budget" != awaiting and asked not in answers:
                self.press("skip:monthly_budget")  # asked before a price that might be too much
                continue
            if asked == awaiting or (not awaiting and asked not in known):
                return self
            if asked == "occupation":
                self.mean(f"occupation={json.dumps(known[asked])}", f"occupation_class={known['occupation_class']}")
            else:
                self.press(f"set:{asked}:{json.dumps(known[asked])}")
        raise AssertionError(f"never asked for {awaiting}")

    # --- what came of it

    @property
    def awaiting(self) -> str | None:
        return self.conversation.awaiting

    @property
    def stage(self) -> str:
        return self.conversation.stage

    @property
    def profile(self) -> dict[str, Any]:
        return self.conversation.profile

    @property
    def replies(self) -> tuple[Content, ...]:
        return self.step.replies

    @property
    def text(self) -> str:
        """Everything that was answered to the last message."""
        return "\n\n".join(reply.text for reply in self.step.replies)

    @property
    def options(self) -> list[str]:
        """The ids that can be pressed now."""
        return [option.id for reply in self.step.replies for option in reply.options]

    @property
    def candidate(self) -> Any:
        """The value that a `confirm:` question is about."""
        waiting = self.conversation.memory.doubts
        return waiting[0].value if waiting and (self.awaiting or "").startswith("confirm:") else None

    def events(self) -> list[str]:
        return [event.name for event in self.step.events]


def at_proposal(**answers: Any) -> Talk:
    """Somebody who has three offers in front of them."""
    talk = Talk().agree().answer_until(**answers)
    assert talk.awaiting == "choice", talk.text
    return talk
