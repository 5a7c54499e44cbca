"""The doors of the settings: read, changed, taken back; who is second is told both values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from src.integrations.ledger.redis_ledger import RedisLedger
from tests.kit.contracts import assert_error
from tests.webhooks.door_kit import ADMIN, WHATSAPP, Doors

HERE = "/webhook/settings"


def patch(doors: Doors, **asked: Any) -> Any:
    return doors.client.patch(HERE, json=asked, headers={"Authorization": f"Bearer {ADMIN}"})


def test_what_is_changed_is_shown_with_who_and_when(doors: Doors) -> None:
    changed = patch(doors, settings={"company_name": "Ñandú", "retention_days": 20}, by="Ana")
    assert changed.status_code == 200
    assert changed.json == doors.ask(HERE).json
    setting = changed.json["settings"]["company_name"]
    assert (setting["value"], setting["source"], setting["variable"]) == ("Ñandú", "stored", "COMPANY_NAME")
    assert (setting["changed"]["by"], setting["changed"]["version"]) == ("Ana", 1)
    [days, name] = sorted(doors.ask(f"{HERE}/history").json["changes"], key=lambda change: change["name"], reverse=True)
    assert (name["name"], name["before"], name["after"], name["by"]) == ("company_name", None, "Ñandú", "Ana")
    assert days["at"] == name["at"] == setting["changed"]["at"]
    assert doors.services.house().company_name == "Ñandú"
    assert doors.ask("/webhook/diag").json["settings"]["retention_days"] == 20


def test_another_web_process_answers_by_it(new_doors: Callable[..., Doors], new_ledger: Callable[..., RedisLedger]) -> None:
    one, other = new_doors(ledger=new_ledger()), new_doors(ledger=new_ledger())
    patch(one, settings={"company_name": "Ñandú"})
    assert other.ask(HERE).json["settings"]["company_name"]["value"] == "Ñandú"


def test_of_two_who_edit_one_setting_the_second_gets_both_values(doors: Doors) -> None:
    version = doors.ask(HERE).json["version"]
    patch(doors, settings={"company_name": "De Ana"}, version=version, by="Ana")
    second = patch(doors, settings={"company_name": "De Bea"}, version=version, by="Bea")
    assert (second.status_code, second.json["error"]["code"]) == (409, "changed_meanwhile")
    both = second.json["error"]["details"]["settings"]["company_name"]
    assert (both["stored"], both["yours"], both["changed"]["by"]) == ("De Ana", "De Bea", "Ana")


def test_a_set_variable_makes_a_setting_read_only(new_doors: Callable[..., Doors]) -> None:
    doors = new_doors({**WHATSAPP, "COMPANY_NAME": "Del entorno"})
    for asked, variable in (
        ({"settings": {"company_name": "x"}}, "COMPANY_NAME"),
        ({"vendors": {"whatsapp": None}}, "WHATSAPP_APP_SECRET"),
    ):
        refused = patch(doors, **asked)
        assert (refused.status_code, refused.json["error"]["code"]) == (409, "set_by_environment")
        assert refused.json["error"]["details"] == {"variables": [variable]}
        assert variable in refused.json["error"]["message"]


def test_everything_goes_back_to_a_version(doors: Doors) -> None:
    patch(doors, settings={"company_name": "Uno"})
    patch(doors, settings={"company_name": "Dos", "agent_address": "usted"})
    headers = {"Authorization": f"Bearer {ADMIN}"}
    back = doors.client.post(f"{HERE}/rollback", json={"version": 1, "by": "Ana"}, headers=headers)
    assert back.status_code == 200
    assert (back.json["settings"]["company_name"]["value"], back.json["version"]) == ("Uno", 3)
    assert back.json["settings"]["agent_address"]["source"] == "default"
    assert_error(doors.client.post(f"{HERE}/rollback", json={"version": 9}, headers=headers).json, private=[])


@pytest.mark.parametrize(
    "asked",
    [
        {"settings": {"nobody": 1}},
        {"settings": {"retention_days": "x"}},
        {"settings": 5},
        {"vendors": {"whatsapp": {"WHATSAPP_TOKEN": "EAAgeheim"}}},
        {"vendors": {"whatsapp": {"PATH": "/"}}},
        {"vendors": {"nobody": {}}},
        {"vendors": {"openai": {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "file:///etc/passwd"}}},
        {"version": -1},
        {"by": "x" * 81},
        {"unknown": 1},
        [],
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_by_name_and_changes_nothing(new_doors: Callable[..., Doors], asked: Any) -> None:
    doors = new_doors({})
    refused = doors.client.patch(HERE, json=asked, headers={"Authorization": f"Bearer {ADMIN}"})
    assert refused.status_code == 400
    assert_error(refused.json, private=["EAAgeheim"])
    assert doors.ask(HERE).json["version"] == 0
