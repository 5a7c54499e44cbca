"""The sale as a graph: where a turn goes, and nothing else.

Read it as a table of contents: each node is a function of the file that bears its name in `stages`. A node says where the
turn goes on; `WAYS` lists where it may. No language model decides any of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Command

from src.agent import knowledge, understanding
from src.agent.agenda import Entry
from src.agent.model import Assistance
from src.agent.stages.cotizacion import cotizacion
from src.agent.stages.duties import duties
from src.agent.stages.falling_due import FALLING_DUE
from src.agent.stages.finalizado import finalizado
from src.agent.stages.guarding import guarding_in, guarding_out
from src.agent.stages.inicio import inicio
from src.agent.stages.needs_analysis import needs_analysis
from src.agent.stages.presentacion_propuesta import presentacion_propuesta
from src.agent.stages.reading import reading
from src.agent.state import Conversation, House, Step, decode, encode
from src.agent.turn import Reader, Search, Turn
from src.agent.ways import WAYS
from src.messages import Inbound
from src.quoting import Catalogue

Node = Callable[[Turn], str]

NODES: dict[str, Node] = {
    "guarding_in": guarding_in,
    "reading": reading,
    "duties": duties,
    "INICIO": inicio,
    "NEEDS_ANALYSIS": needs_analysis,
    "COTIZACION": cotizacion,
    "PRESENTACION_PROPUESTA": presentacion_propuesta,
    "FINALIZADO": finalizado,
    "guarding_out": guarding_out,
}


class Flow(TypedDict):
    """What travels through the graph."""

    turn: Turn


class SalesAgent:
    """The sale of one house. Knows nothing between turns: all it needs is in the conversation."""

    def __init__(
        self,
        house: House,
        catalogue: Catalogue,
        *,
        reader: Reader = understanding.read,
        search: Search = knowledge.search,
        assistance: Assistance | None = None,
    ) -> None:
        self._house, self._catalogue, self._reader, self._search = house, catalogue, reader, search
        self._assistance = assistance
        self.graph = graph

    def advance(self, conversation: Conversation, inbounds: Sequence[Inbound], now: datetime) -> Step:
        """What one turn comes to: the messages of a burst. `now` is aware, in UTC.

        The same input gives the same output; the arguments are left as they are. No replies: nothing is to be said.
        """
        flow = self.flow_of(conversation, inbounds, now)
        self.graph.invoke(flow)
        return _step(flow["turn"])

    def fall_due(self, conversation: Conversation, entry: Entry, now: datetime) -> Step:
        """What comes of an entry of the sale that is due, as `advance` does of messages. Nothing is read, so no stage is asked.

        Raises KeyError for a kind that is not the sale's.
        """
        turn = self.flow_of(conversation, [], now)["turn"]
        FALLING_DUE[entry.kind](turn, entry)
        guarding_out(turn)
        return _step(turn)

    def flow_of(self, conversation: Conversation, inbounds: Sequence[Inbound], now: datetime) -> Flow:
        """A turn at the entrance of the graph, on its own copy of the conversation."""
        turn = Turn(
            house=self._house,
            catalogue=self._catalogue,
            reader=self._reader,
            search=self._search,
            now=now,
            inbounds=inbounds,
            conversation=decode(encode(conversation)),
            assistance=self._assistance,
            thinking=self._assistance.model.begin() if self._assistance else None,
        )
        return {"turn": turn}

    def draw(self) -> str:
        """The graph as a Mermaid diagram."""
        drawing: str = self.graph.get_graph().draw_mermaid()
        return drawing


def _step(turn: Turn) -> Step:
    return Step(
        conversation=turn.conversation,
        replies=turn.replies,
        events=tuple(turn.events),
        handoff=turn.handoff,
        erase=turn.erase,
        heard=turn.heard,
    )


def _compiled() -> Any:
    plan = StateGraph(Flow)
    for name, node in NODES.items():
        plan.add_node(name, _going_on(node), destinations=WAYS.get(name, ()))
    plan.add_edge(START, "guarding_in")
    plan.add_edge("guarding_out", END)
    return plan.compile()


def _going_on(node: Node) -> Any:
    def run(flow: Flow) -> Command[str]:
        return Command(goto=node(flow["turn"]) or ())  # the last one names none: there the edge to the end leads on

    return run


graph = _compiled()
"""The same for every house, which the turn brings along. langgraph.json names it."""
