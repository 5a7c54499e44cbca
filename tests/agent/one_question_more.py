"""Run in a copy of the project whose table has a row more, `car_loan`: whatever derives from the table knows it."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from src.agent.corrections import correct
from src.agent.thinking.reading import ModelReading
from src.agent.understanding.amounts import IN_THOUSANDS, MONEY_KEYS
from src.dashboard import forms, wording
from src.desk.lead import ATTRIBUTES
from src.desk.lead_rules import When
from src.webhooks.openapi import Correction, Profile
from tests.agent.talk import START, Talk

KEY = "car_loan"

# It is asked in its place, has its button, is said back and stands among what is known.
talk = Talk().agree().answer_until(KEY)
assert talk.awaiting == KEY, talk.awaiting
assert "set:car_loan:0" in talk.options, talk.options
assert "¿Cuánto queda del coche?" in talk.text, talk.text
talk.press("set:car_loan:6000")
assert talk.profile[KEY] == 6_000, talk.profile
assert "6.000 € del coche" in talk.text, talk.text
talk.answer_until()
assert "·" in talk.text or talk.awaiting == "choice", talk.text
talk.mean("data_copy")
assert "Préstamo del coche: 6.000 €" in talk.text, talk.text

# People correct it, within its bounds.
assert correct(talk.conversation, {KEY: 7_000}, START + timedelta(days=1), "operator").profile[KEY] == 7_000

# The doors, the forms, the CRM, the rules of a lead, the language model and the reader of amounts know it.
assert {KEY} <= set(Profile.__struct_fields__) & set(Correction.__struct_fields__)
assert forms.FIELDS[KEY] == "number"
pages = wording.words("es", "Europe/Madrid")
assert pages.shown(6_000, KEY).replace("\xa0", " ") == "6.000 €"
assert pages.title(KEY) == "Préstamo del coche"
assert [one.name for one in ATTRIBUTES if one.key == KEY] == ["Préstamo del coche (€)"]
assert msgspec.convert({"at_least": {KEY: 1}}, When)
assert msgspec.convert({"values": [{"key": KEY, "value": 6_000, "evidence": "6.000"}], "intents": []}, ModelReading)
assert KEY in MONEY_KEYS
assert KEY in IN_THOUSANDS
