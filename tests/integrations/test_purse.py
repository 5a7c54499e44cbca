"""What the house spends on language models has a ceiling: reached, nobody is asked, and the rules answer alone."""

from __future__ import annotations

import json

import pytest

from src.agent.model import Answer
from src.errors import ConfigurationError
from src.integrations.ledger import purse as purse_module
from src.integrations.ledger.purse import RedisPurse
from src.integrations.openai.client import OpenAiModel
from src.settings import load
from tests.conftest import Skew
from tests.integrations.ledger_kit import NewLedger
from tests.integrations.test_openai_client import prompt
from tests.kit.rig import Rig, free_port


@pytest.fixture(autouse=True)
def _looked_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purse_module, "LOOK_S", 0.0)


@pytest.mark.parametrize(("daily", "monthly"), [(0.001, 0.0), (0.0, 0.001), (0.001, 0.002), (5.0, 0.001)])
def test_the_first_ceiling_that_is_reached_counts_for_every_process(
    new_ledger: NewLedger, daily: float, monthly: float
) -> None:
    ledger = new_ledger()
    purse = RedisPurse(ledger, daily_usd=daily, monthly_usd=monthly)
    purse.spend(999)
    assert not purse.is_empty()
    purse.spend(1)
    assert purse.is_empty()
    assert RedisPurse(ledger, daily_usd=daily, monthly_usd=monthly).is_empty()


def test_a_day_ends_at_midnight_and_a_month_with_its_last(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger()
    by_day, by_month = (RedisPurse(ledger, daily_usd=day, monthly_usd=month) for day, month in ((0.001, 0.0), (0.0, 0.001)))
    by_day.spend(1000)
    skew.advance(86_400)
    assert not by_day.is_empty()
    skew.advance(40 * 86_400)
    by_month.spend(1000)
    assert by_month.is_empty()
    skew.advance(40 * 86_400)
    assert not by_month.is_empty()


def test_without_a_ceiling_nothing_is_written(new_ledger: NewLedger) -> None:
    ledger = new_ledger()
    purse = RedisPurse(ledger, daily_usd=0, monthly_usd=0)
    purse.spend(10**9)
    assert not purse.is_empty()
    assert not ledger.client.exists(ledger.keys.spent(f"{ledger.server_time():%Y-%m}"))


def test_with_an_empty_purse_nobody_is_asked(new_ledger: NewLedger) -> None:
    purse = RedisPurse(new_ledger(), daily_usd=0.00001, monthly_usd=0)
    with Rig(f"http://127.0.0.1:{free_port()}") as rig:
        rig.llm.script({"reply": {"content": json.dumps({"values": [], "intents": []})}})
        env = rig.env("llm")
        model = OpenAiModel(
            api_key=env["OPENAI_API_KEY"], base_url=env["OPENAI_BASE_URL"], model="gpt-4o-mini", timeout_s=5.0,
            purse_is_empty=purse.is_empty, spent=purse.spend,
        )  # fmt: skip
        assert model.begin().ask(prompt()).failure is None
        assert model.begin().ask(prompt()) == Answer(failure="spent")
        assert len(rig.llm.ledger()) == 1
        model.close()


@pytest.mark.parametrize("name", ["LLM_DAILY_USD", "LLM_MONTHLY_USD"])
def test_a_ceiling_that_cannot_hold_stops_the_start(name: str) -> None:
    given = {"OPENAI_API_KEY": "k", name: "5"}
    assert load({**given, "OPENAI_MODEL": "gpt-4o-mini"}, dotenv=None).llm
    with pytest.raises(ConfigurationError, match=name):
        load({**given, "OPENAI_MODEL": "a-model-nobody-priced"}, dotenv=None)
