"""What the composition root picks."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from src.agent.state import Consent, new_conversation
from src.bootstrap import _ears, make_channels, make_lanes, make_lead_rules, make_ledger, make_metrics
from src.desk.lead_rules import Rules
from src.errors import DamagedCatalogue
from src.integrations.simulator_channel import SimulatorChannel
from src.messages import Contact, Inbound, Media
from src.quoting.products import PACKAGE
from src.settings import load
from tests.webhooks.hostile_kit import ENVIRONMENT
from tests.webhooks.log_kit import logging_to, written_to

OWN_ANSWER = """+++
id = "aparcamiento"
language = "es"
topic = "office"
questions = ["¿Tenéis aparcamiento en la oficina?", "¿Dónde aparco?"]
keywords = "aparcamiento parking aparcar"
+++

Hay aparcamiento gratuito en el patio de la oficina.
"""


def test_an_operators_own_answers_are_used_and_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "aparcamiento.md").write_text(OWN_ANSWER, encoding="utf-8")
    (tmp_path / "answers" / "roto.md").write_text("sin cabecera", encoding="utf-8")
    settings = load({"KNOWLEDGE_DIR": str(tmp_path / "answers"), "DATA_DIR": str(tmp_path)}, dotenv=None)
    log_file = tmp_path / "webhook.log"
    with logging_to(log_file):
        lanes = make_lanes(settings, make_ledger(settings))
        assert "roto.md" in written_to(log_file)
    now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    contact = Contact(key="whatsapp:34600000001", channel="whatsapp")
    question = Inbound(id="1", contact=contact, kind="text", at=now, text="¿Tenéis aparcamiento en la oficina?")
    step = lanes.turns.now()._agent.advance(new_conversation(contact, now), [question], now)
    assert "patio de la oficina" in "\n".join(reply.text for reply in step.replies)


@pytest.mark.parametrize("keys", [{}, {"KNOWLEDGE_DIR": ""}])
def test_without_a_folder_our_own_answers_serve(tmp_path: Path, keys: dict[str, str]) -> None:
    settings = load({"DATA_DIR": str(tmp_path), **keys}, dotenv=None)
    assert make_lanes(settings, make_ledger(settings)).turns


def test_workers_sell_by_the_tariff_of_the_house(tmp_path: Path) -> None:
    """A folder with another version of the tariff in it; the one that comes with the program is only the default."""
    for part in ("catalogue", "mortality"):
        shutil.copytree(PACKAGE / part, tmp_path / "sold" / part)
    index = tmp_path / "sold" / "catalogue" / "current.toml"
    index.write_text(index.read_text(encoding="utf-8") + "# Ours\n", encoding="utf-8")
    for tariff_dir, package in ((str(tmp_path / "sold"), tmp_path / "sold"), ("", PACKAGE)):
        settings = load({"TARIFF_DIR": tariff_dir, "DATA_DIR": str(tmp_path)}, dotenv=None)
        lanes = make_lanes(settings, make_ledger(settings))
        assert lanes.turns.now()._agent._catalogue.package == package
        assert lanes.turns.now()._notes._catalogue.package == package
    broken = load({"TARIFF_DIR": str(tmp_path / "nowhere"), "DATA_DIR": str(tmp_path)}, dotenv=None)
    with pytest.raises(DamagedCatalogue, match=r"current\.toml cannot be read"):
        make_lanes(broken, make_ledger(broken))


VENDORS = {
    name: {key: value for key, value in ENVIRONMENT.items() if key.startswith((f"{name.upper()}_", "PUBLIC_"))}
    for name in ("whatsapp", "twilio", "chatwoot")
}


@pytest.mark.parametrize(
    ("on", "mode", "real"),
    [
        ((), "api-inbox", set()),
        (("whatsapp",), "api-inbox", {"whatsapp"}),
        (("twilio",), "api-inbox", {"whatsapp", "twilio"}),
        (("whatsapp", "twilio", "chatwoot"), "api-inbox", {"whatsapp", "twilio"}),
        (("chatwoot",), "agent-bot", {"whatsapp"}),
        (("chatwoot",), "api-inbox", set()),  # shows conversations, and nobody can have any
    ],
)
def test_the_simulator_speaks_for_nobody_once_a_channel_is_there(
    tmp_path: Path, on: tuple[str, ...], mode: str, real: set[str]
) -> None:
    given = {key: value for name in on for key, value in VENDORS[name].items()}
    settings = load({"DATA_DIR": str(tmp_path), "CHATWOOT_MODE": mode, **given}, dotenv=None)
    channels = make_channels(settings, make_metrics(settings))
    simulated = {name for name, channel in channels.items() if isinstance(channel, SimulatorChannel)}
    assert channels.keys() - simulated == real
    assert simulated == ({"simulator"} if on else {"simulator", "whatsapp", "twilio"})


OWN_RULES = """
[[rule]]
name = "whoever agreed is hot here"
when.consented = true
temperature = "caliente"
"""


def judged(rules: Rules) -> str:
    now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    conversation = new_conversation(Contact(key="whatsapp:34600000001", channel="whatsapp"), now)
    conversation.consents["quote"] = Consent(given=True, at=now, text_version="1")
    return rules.judge(conversation).temperature


def test_a_brokerages_own_lead_rules_are_used(tmp_path: Path) -> None:
    (tmp_path / "lead.toml").write_text(OWN_RULES, encoding="utf-8")
    ours = load({"DATA_DIR": str(tmp_path)}, dotenv=None)
    theirs = load({"LEAD_RULES": str(tmp_path / "lead.toml"), "DATA_DIR": str(tmp_path)}, dotenv=None)
    assert (judged(make_lead_rules(ours)), judged(make_lead_rules(theirs))) == ("frio", "caliente")


def test_lead_rules_that_are_stored_are_used_and_a_file_goes_before_them(tmp_path: Path) -> None:
    bare = load({"DATA_DIR": str(tmp_path)}, dotenv=None)
    assert judged(make_lead_rules(bare, OWN_RULES)) == "caliente"
    assert judged(make_lead_rules(bare, "[[rule]]\nname = 3")) == "frio"
    (tmp_path / "lead.toml").write_text(OWN_RULES.replace("caliente", "templado"), encoding="utf-8")
    with_file = load({"LEAD_RULES": str(tmp_path / "lead.toml"), "DATA_DIR": str(tmp_path)}, dotenv=None)
    assert judged(make_lead_rules(with_file, OWN_RULES)) == "templado"
    assert "lead_rules" in with_file.given


def test_broken_lead_rules_are_named_and_ours_serve(tmp_path: Path) -> None:
    (tmp_path / "lead.toml").write_text("[[rule]]\nname = 'a'\nwhen.stag = 3", encoding="utf-8")
    settings = load({"LEAD_RULES": str(tmp_path / "lead.toml"), "DATA_DIR": str(tmp_path)}, dotenv=None)
    log_file = tmp_path / "webhook.log"
    with logging_to(log_file):
        assert judged(make_lead_rules(settings)) == "frio"
        assert "lead.toml" in written_to(log_file)
        assert "rule[0].when" in written_to(log_file)


def test_a_voice_note_of_a_channel_that_is_gone_is_no_recording_and_no_fault() -> None:
    settings = load({"OPENAI_API_KEY": "k"}, dotenv=None)
    assert settings.llm is not None
    ears = _ears(settings.llm, {})
    assert ears is not None
    contact = Contact(key="whatsapp:34600000001", channel="twilio")
    voice = Inbound(id="1", contact=contact, kind="audio", at=datetime(2026, 11, 20, tzinfo=UTC), media=Media(id="M1"))
    assert ears(voice, 1.0).failure == "no_recording"
