"""A provider's second look for danger makes the bot more careful, never less."""

from __future__ import annotations

from tests.agent.fake_model import FakeModel
from tests.agent.talk import Talk

WORDS = "uf, hoy todo me pesa demasiado, ya no le veo la gracia a nada de esto"


def looked_at(answer: dict[str, bool] | None, *, moderation: bool = True) -> tuple[Talk, FakeModel]:
    model = FakeModel(moderate=answer)
    return Talk().agree().answer_until("smoker").with_model(model, moderation=moderation), model


def test_danger_that_only_the_provider_sees_calls_a_person() -> None:
    talk, model = looked_at({"self_harm": True})
    talk.say(WORDS)
    assert model.moderated
    assert talk.step.handoff is not None
    assert (talk.step.handoff.reason, talk.step.handoff.urgent) == ("self_harm", True)
    assert "024" in talk.text


def test_no_danger_changes_nothing() -> None:
    talk, _ = looked_at({"self_harm": False})
    talk.say(WORDS)
    assert talk.step.handoff is None


def test_what_the_rules_find_stands_whatever_the_provider_says() -> None:
    talk, model = looked_at({"self_harm": False})
    talk.say("me quiero morir")
    assert talk.step.handoff is not None
    assert talk.step.handoff.reason == "self_harm"
    assert model.moderated == [], "nobody needs to be asked"


def test_a_failure_changes_nothing_and_is_counted() -> None:
    talk, _ = looked_at(None)
    talk.say(WORDS)
    assert talk.step.handoff is None
    assert any(event.name == "model.failed" and event.data["task"] == "moderate" for event in talk.step.events)


def test_it_is_asked_only_where_that_is_switched_on() -> None:
    talk, model = looked_at({"self_harm": True}, moderation=False)
    talk.say(WORDS)
    assert model.moderated == []


def test_nothing_goes_out_before_consent() -> None:
    model = FakeModel(moderate={"self_harm": True})
    Talk().with_model(model, moderation=True).say(WORDS)
    assert model.moderated == []


def test_names_and_addresses_are_masked() -> None:
    talk, model = looked_at({"self_harm": False})
    talk.say("soy marta.lopez@correo.es y mi teléfono es el 600 111 222, ¿me explicas otra vez lo de antes, por favor?")
    assert "marta.lopez" not in model.moderated[0]
    assert "600 111 222" not in model.moderated[0]
