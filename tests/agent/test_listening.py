"""Voice notes: heard only where that is allowed, made safe, and never believed about a figure without a question."""

from __future__ import annotations

from typing import Any

import pytest

from src.messages import Media
from tests.agent.fake_model import FakeModel
from tests.agent.talk import Talk


def hearing(said: Any, awaiting: str = "mortgage_balance", **changes: Any) -> tuple[Talk, FakeModel]:
    """Somebody who is asked for that, by a bot that hears exactly this in every voice note."""
    model = FakeModel(listen={"text": said} if isinstance(said, str) else said)
    return Talk().agree().answer_until(awaiting).with_model(model, **changes), model


def test_what_is_said_counts_as_what_is_typed() -> None:
    talk, _ = hearing("no, no fumo", "smoker")
    talk.voice()
    assert talk.profile["smoker"] is False
    assert list(talk.step.heard.values()) == ["no, no fumo"]
    assert any(line.text == "no, no fumo" for line in talk.conversation.history)


def test_a_figure_is_asked_about_before_it_counts() -> None:
    talk, _ = hearing("me quedan unos 150.000 euros de hipoteca")
    talk.voice()
    assert talk.awaiting == "confirm:mortgage_balance"
    assert "150.000 €" in talk.text
    assert "mortgage_balance" not in talk.profile
    talk.press("confirm:yes", "Sí, es correcto")
    assert talk.profile["mortgage_balance"] == 150_000


def test_the_same_words_typed_need_no_question() -> None:
    talk, _ = hearing("")
    talk.say("me quedan 150.000 euros de hipoteca")
    assert talk.profile["mortgage_balance"] == 150_000


def test_a_yes_by_voice_confirms_what_was_asked() -> None:
    talk, _ = hearing("me quedan unos 150.000 euros de hipoteca")
    talk.voice()
    talk.with_model(FakeModel(listen={"text": "sí, 150.000"}))
    talk.voice()
    assert talk.profile["mortgage_balance"] == 150_000


@pytest.mark.parametrize(
    ("said", "never"),
    [
        ("mi DNI es el 12345678Z y no fumo", "12345678"),
        ("tengo diabetes desde hace años y me pincho insulina", "diabetes"),
        ("apunta la cuenta ES91 2100 0418 4502 0005 1332", "2100"),
    ],
)
def test_what_must_not_be_kept_is_taken_out_first(said: str, never: str) -> None:
    talk, model = hearing(said, "smoker")
    talk.voice()
    (heard,) = talk.step.heard.values()
    assert never not in heard
    assert never not in str(talk.conversation) + talk.text
    assert never not in str([prompt.facts for prompt in model.prompts])


def test_danger_in_a_voice_note_is_danger() -> None:
    talk, _ = hearing("es que me quiero morir, no aguanto más", "smoker")
    talk.voice()
    assert talk.step.handoff is not None
    assert (talk.step.handoff.reason, talk.step.handoff.urgent) == ("self_harm", True)


def test_nobody_listens_before_the_prospect_agreed() -> None:
    model = FakeModel(listen={"text": "sí, acepto"})
    talk = Talk().with_model(model)
    talk.say("hola")
    talk.voice()
    assert model.listened == []
    assert not talk.conversation.consents
    assert "escrib" in talk.text.lower() or "escrito" in talk.text.lower()


def test_nobody_is_bound_by_what_was_heard() -> None:
    talk, model = hearing("sí, la acepto", "")
    talk.choose(1)
    assert talk.awaiting == "accept"
    talk.voice()
    assert model.listened == []
    assert talk.conversation.outcome is None


def test_what_is_forwarded_was_said_by_somebody_else() -> None:
    talk, model = hearing("tengo 40 años", "smoker")
    talk.show("audio", media=Media(id="1", voice=True), forwarded=True)
    assert model.listened == []


def test_a_daily_limit_holds_for_voice_notes() -> None:
    talk, model = hearing("no fumo", "smoker", daily_tokens=0)
    talk.voice()
    assert model.listened == []


def test_no_more_than_a_few_of_a_burst_are_heard() -> None:
    talk, model = hearing("no fumo", "smoker")
    talk.send(*(talk._inbound("audio", media=Media(id=str(n), voice=True)) for n in range(8)))
    assert len(model.listened) == 3


@pytest.mark.parametrize("content", [None, {}, {"text": None}, {"text": 5}, {"text": "   "}, {"text": ["no fumo"]}])
def test_what_cannot_be_heard_is_asked_for_in_writing(content: Any) -> None:
    talk, _ = hearing(content, "smoker")
    talk.voice()
    assert talk.step.heard == {}
    assert "smoker" not in talk.profile
    assert "audio" in talk.text.lower() or "voz" in talk.text.lower()
    assert "model.failed" in talk.events()


@pytest.mark.parametrize("kind", ["image", "document", "video", "sticker"])
def test_pictures_and_papers_are_never_looked_at(kind: str) -> None:
    talk, model = hearing("no fumo", "smoker")
    talk.show(kind, media=Media(id="1", mime_type="image/jpeg"))
    assert (model.listened, model.prompts, talk.step.heard) == ([], [], {})
    assert talk.text
