"""The graph as a whole: its drawing, its purity, bursts, kinds of messages, timers."""

from __future__ import annotations

import copy
from datetime import timedelta
from pathlib import Path

import pytest

from src.agent.agenda import KINDS
from src.agent.graph import NODES, WAYS
from src.agent.stages.falling_due import FALLING_DUE
from src.agent.state import STAGES, decode, encode
from src.messages import Media
from tests.agent.talk import Talk, agent_of, at_proposal

DRAWING = Path(__file__).resolve().parents[2] / "docs" / "graph.md"


def test_the_drawing_in_the_docs_is_the_compiled_graph() -> None:
    assert agent_of().draw().strip() in DRAWING.read_text(encoding="utf-8")


def test_the_five_stages_are_nodes_and_every_way_leads_to_a_node() -> None:
    assert set(STAGES) < set(NODES)
    assert all(set(ways) <= set(NODES) for ways in WAYS.values())


def test_advancing_leaves_its_argument_alone_and_repeats_itself() -> None:
    talk = at_proposal()
    before = encode(talk.conversation)
    inbound = talk._inbound("text", text="es muy caro")
    first = talk.agent.advance(talk.conversation, [inbound], talk.now)
    second = talk.agent.advance(talk.conversation, [inbound], talk.now)
    assert encode(talk.conversation) == before
    assert first == second


def test_the_state_survives_its_stored_form_at_every_stage() -> None:
    talk = Talk()
    for step in ("hola", "sí", "Marta", "35"):
        talk.say(step)
        assert decode(encode(talk.conversation)) == talk.conversation


def test_the_straight_way_in_the_order_of_the_questions() -> None:
    talk = Talk()
    asked = []
    for answer in ("hola", "vale", "Marta", "35", "no", "2", "1900 al mes", "sí, me quedan 120.000", "administrativa"):
        talk.say(answer)
        asked.append(talk.awaiting)
    order = ["consent", "name", "age", "smoker", "dependents", "monthly_income", "mortgage_balance", "occupation", "choice"]
    assert asked == order
    assert talk.stage == "PRESENTACION_PROPUESTA"
    assert [quote.tier for quote in talk.conversation.quotes] == ["esencial", "equilibrada", "completa"]
    talk.say("la de en medio")
    assert (talk.stage, talk.awaiting) == ("PRESENTACION_PROPUESTA", "accept")
    talk.say("sí, me interesa")
    assert (talk.stage, talk.awaiting, talk.conversation.outcome) == ("FINALIZADO", None, "accepted")
    assert talk.step.handoff is not None
    assert talk.step.handoff.reason == "accepted"
    assert talk.conversation.owner == "bot"


def test_a_burst_is_one_turn_with_one_reply() -> None:
    talk = Talk().agree()
    talk.say("me llamo Marta", "tengo 35 años", "no fumo")
    assert len(talk.replies) == 1
    assert talk.profile == {"name": "Marta", "age": 35, "smoker": False}
    assert talk.awaiting == "dependents"


def test_a_button_counts_among_the_texts_of_a_burst() -> None:
    talk = Talk()
    talk.say("hola")
    press = talk._inbound("button", text="Sí, de acuerdo", reply_id="consent:yes")
    talk.send(press, talk._inbound("text", text='§name="Marta"'))
    assert talk.conversation.consents["quote"].given
    assert talk.profile["name"] == "Marta"


@pytest.mark.parametrize(
    "kind", ["image", "audio", "video", "document", "sticker", "location", "contacts", "order", "unsupported", "unknown"]
)
def test_what_cannot_be_read_is_acknowledged_and_the_open_question_comes_again(kind: str) -> None:
    talk = Talk().agree()
    talk.show(kind, media=Media(id="1"))
    assert talk.awaiting == "name"
    assert len(talk.replies) == 1
    assert "nombre" in talk.text or "llamas" in talk.text
    assert talk.conversation.memory.misses == 0


@pytest.mark.parametrize("kind", ["reaction", "revoke", "system"])
def test_what_says_nothing_gets_nothing(kind: str) -> None:
    talk = Talk().agree()
    before = talk.conversation.awaiting, talk.conversation.asked
    talk.show(kind, emoji="👍", target="wamid.1")
    assert talk.replies == ()
    assert (talk.conversation.awaiting, talk.conversation.asked) == before


def test_an_edited_message_is_read_as_what_it_says_now() -> None:
    talk = Talk().agree().answer_until("age")
    talk.say("54")
    talk.show("edit", text="tengo 45 años", target="wamid.3")
    assert talk.profile["age"] == 45


def test_a_caption_is_read() -> None:
    talk = Talk().agree().answer_until("smoker")
    talk.show("image", text="no fumo", media=Media(id="1"))
    assert talk.profile["smoker"] is False


def test_a_person_who_owns_the_conversation_is_not_interrupted_and_only_how_to_reach_somebody_is_kept() -> None:
    talk = Talk().agree()
    talk.mean("human")
    assert talk.conversation.owner == "human"
    talk.mean('details.callback="mañana tarde"', "age=35")
    assert talk.replies == ()
    assert talk.conversation.details["callback"] == "mañana tarde"
    assert "age" not in talk.profile


def test_danger_erasure_and_baja_do_not_wait_for_a_person() -> None:
    for meaning, part in (("self_harm", "024"), ("data_erase", "borrado"), ("opt_out", "no te volveremos")):
        talk = Talk().agree()
        talk.mean("human")
        talk.mean(meaning)
        assert part in talk.text
        assert talk.step.erase is (meaning == "data_erase")


def test_after_the_hand_back_the_open_question_is_taken_up() -> None:
    talk = Talk().agree().answer_until("smoker")
    talk.mean("human")
    assert (talk.conversation.outcome, talk.awaiting) == ("handed_over", "smoker")
    talk.conversation.owner = "bot"
    talk.mean("greeting")
    assert talk.conversation.outcome is None
    assert talk.awaiting == "smoker"


def test_a_proposal_that_runs_out_is_marked_without_a_word() -> None:
    talk = at_proposal()
    entry = talk.conversation.agenda.get("expire")
    assert entry is not None
    early = talk.agent.fall_due(talk.conversation, entry, entry.due - timedelta(seconds=1))
    assert early.conversation.outcome is None
    late = talk.agent.fall_due(talk.conversation, entry, entry.due)
    assert late.conversation.outcome == "expired"
    assert late.replies == ()
    assert late.conversation.agenda.get("expire") is None
    assert late.conversation.turns == talk.conversation.turns


def test_the_sale_handles_its_own_kinds_and_no_others() -> None:
    assert set(FALLING_DUE) == {name for name, kind in KINDS.items() if kind.owner == "sale"}


def test_messages_have_whatsapp_s_measures() -> None:
    talk = Talk()
    for answer in ("hola", "vale", "Marta", "35", "no", "2", "1900", "120000", "administrativa", "la segunda", "sí"):
        talk.say(answer)
        for reply in talk.replies:
            assert len(reply.text) <= (1024 if reply.options else 4096)
            assert reply.kind == ("text" if not reply.options else "buttons")
            assert all(len(option.title) <= 20 for option in reply.options)


def test_more_than_three_options_are_a_list() -> None:
    talk = Talk().agree().answer_until("occupation")
    talk.press('set:occupation:"domador de pulgas"')
    talk.conversation.profile.pop("occupation_class", None)
    talk.mean("unclear")
    assert talk.awaiting == "occupation_class"
    reply = talk.replies[0]
    assert (reply.kind, len(reply.options)) == ("list", 4)
    assert 0 < len(reply.action) <= 20
    assert all(len(option.title) <= 24 for option in reply.options)


def test_the_title_of_an_option_typed_is_as_good_as_the_press() -> None:
    talk, compared = Talk(), set()
    for answer in ("hola", "vale", "Marta", "35", "no", "2", "1900", "120000", "coach ontológico", "2", "la segunda", "sí"):
        talk.say(answer)
        for option in [option for reply in talk.replies for option in reply.options]:
            pressed, typed = copy.copy(talk), copy.copy(talk)
            pressed.press(option.id, title=option.title)
            typed.say(option.title)
            assert typed.text == pressed.text, option
            seen = [(one.stage, one.awaiting, one.profile, one.conversation.outcome) for one in (typed, pressed)]
            assert seen[0] == seen[1], option
            compared.add(option.id.partition(":")[0])
    assert {"consent", "set", "skip", "choose", "accept", "more", "decline"} <= compared


def test_a_title_of_earlier_options_is_only_words() -> None:
    talk = Talk().agree().answer_until("smoker")
    talk.say("Sí, de acuerdo")
    assert talk.profile["smoker"] is True


def test_what_the_work_resembles_may_be_said_in_words() -> None:
    talk = Talk().agree().answer_until("occupation")
    talk.say("zurrupista de almendrucos")
    assert talk.awaiting == "occupation_class"
    talk.say("me interesa la dos")
    assert talk.profile["occupation"] == "zurrupista de almendrucos"
    talk.say("más bien de calle")
    assert talk.profile["occupation_class"] == 2
