"""The whole product with a language model at hand: it is asked, it helps, and when it fails nobody notices."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.journeys.test_straight_way import Prospect
from tests.kit.product import Product
from tests.kit.rig import Rig, free_port

BUDGET_S = 3.0
LONG = "pues mira, la verdad es que de ese tema no sabría qué decirte ahora mismo"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rig, Product]]:
    port = free_port()
    with Rig(f"http://127.0.0.1:{port}") as rig:
        env = {**rig.env("meta", "llm"), "LLM_TIMEOUT_S": str(BUDGET_S), "LEASE_S": "2", "AGENT_STYLE": "model"}
        product = Product(tmp_path_factory.mktemp("model"), env, port=port).start()
        yield rig, product
        product.stop()


@pytest.fixture
def rig(started: tuple[Rig, Product]) -> Rig:
    started[0].llm.reset()
    return started[0]


PHONES = (f"34600222{number:03}" for number in range(1000))


def agreed(rig: Rig, phone: str = "") -> Prospect:
    """Somebody who agreed and said a name, and is asked for the age."""
    one = Prospect(rig, phone or next(PHONES))
    one.say("hola")
    assert "llamas" in one.press("Sí")
    one.say("Ana García Ibarrondo")
    return one


def reads(rig: Rig, *values: dict[str, Any]) -> None:
    rig.llm.rules({"match": "pregunta_pendiente", "reply": {"content": json.dumps({"values": list(values), "intents": []})}})


def figures(product: Product) -> dict[str, float]:
    lines = product.get("/metrics").text.splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line.startswith("iagente_model"))}


def test_starting_asks_nothing(rig: Rig) -> None:
    assert rig.llm.state()["chat_calls"] == 0


def test_what_the_rules_cannot_read_the_model_points_out(started: tuple[Rig, Product], rig: Rig) -> None:
    ana = agreed(rig, "34600111301")
    ana.say("35")
    reads(rig, {"key": "smoker", "value": True, "evidence": "le doy al vicio"})
    assert "correcto" in ana.say("uy de eso yo le doy al vicio desde crío")
    ana.press("Sí, es correcto")
    conversation = started[1].conversation("34600111301")
    assert conversation["profile"]["smoker"] is True
    assert figures(started[1])["iagente_model_calls_total"] >= 1
    assert figures(started[1])["iagente_model_input_tokens_total"] > 0


def test_nothing_goes_to_the_model_before_the_prospect_agreed(rig: Rig) -> None:
    one = Prospect(rig, "34600111302")
    one.say("hola, tengo 35 años, dos hijos y una hipoteca de 120.000 euros, ¿cuánto me costaría?")
    one.say("es que no sé yo si esto de los datos me convence mucho")
    assert rig.llm.state()["chat_calls"] == 0


def test_no_name_and_no_number_is_sent(rig: Rig) -> None:
    ana = agreed(rig)
    ana.say("mi correo es ana.ibarrondo@ejemplo.test, el móvil el 612345678 y tengo 35 años, Ana García")
    ana.say(LONG)
    assert rig.llm.state()["chat_calls"] >= 2
    found = rig.llm.search("ibarrondo", "García", "612345678", "600222", "ejemplo.test")
    assert not any(found.values()), found


def test_a_faithful_wording_reaches_the_prospect(rig: Rig) -> None:
    worded = "Perfecto, ⟦1⟧, apuntado. ¿Y cuántas personas dependen de tus ingresos? Hijos, por ejemplo."
    rig.llm.rules({"match": "tratamiento", "reply": {"content": json.dumps({"text": worded})}})
    ana = agreed(rig)
    ana.say("35")
    assert ana.press("No fumo") in (worded.replace("⟦1⟧", fact) for fact in ("no fumas", "No fumas"))


@pytest.mark.parametrize("mode", ["prices", "leak", "huge"])
def test_whatever_it_answers_the_prospect_hears_our_words(rig: Rig, mode: str) -> None:
    rig.llm.config(mode=mode)
    ana = agreed(rig)
    said = ana.say("cumplí 35 años el mes pasado, ¿me cubriría también el suicidio?") + ana.say(LONG)
    assert "primer año" in said
    for never in ("fibra", "9,99", "SYSTEM", "api_key", "tarjeta", "sk-test", "zarzamora"):
        assert never not in said


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "hang", "seconds": 30},
        {"kind": "error", "status": 500},
        {"kind": "error", "status": 429, "retry_after": 60},
        {"kind": "drop_before"},
    ],
    ids=lambda fault: fault.get("status") or fault["kind"],
)
def test_when_it_is_down_the_rules_answer_within_the_budget(rig: Rig, fault: dict[str, Any]) -> None:
    ana = agreed(rig)
    rig.llm.faults({**fault, "times": -1, "match": "/chat/completions"})
    started_s = time.monotonic()
    said = ana.say("cumplí 35 años el mes pasado y todavía me siento un chaval")
    assert time.monotonic() - started_s < BUDGET_S + 3.0  # the debounce and the quiet that is waited for are in it
    assert "umas" in said
    rig.llm.clear_faults()
