"""What is told beside the answers, and what only looks like it: asked, supposed, denied, or said of somebody else."""

from __future__ import annotations

from typing import Any

import pytest

from src.agent.understanding import BANK_TIED, CONFIRM_BELOW, Context, Reading, read

SHOWN: dict[str, Any] = {
    "options": ("e1", "e2", "e3"),
    "titles": ("Esencial", "Equilibrada", "Completa"),
    "premiums": (14.2, 24.8, 36.1),
    "stage": "PRESENTACION_PROPUESTA",
}


def heard(text: str, awaiting: str | None = None, **context: Any) -> Reading:
    return read(text, Context(awaiting=awaiting, today="2026-11-30", **context))


def told(text: str, awaiting: str | None = None, **context: Any) -> dict[str, Any]:
    return {found.key: found.value for found in heard(text, awaiting, **context).values}


def detail(name: str, text: str, awaiting: str | None = None, **context: Any) -> Any:
    return told(text, awaiting, **context).get(f"details.{name}")


# --- when to call -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "awaiting", "when"),
    [
        ("mañana por la tarde al 612 34 56 78", "smoker", "mañana por la tarde"),
        ("a partir de las 6", "smoker", "a partir de las 6"),
        ("a partir de las 6", "dependents", "a partir de las 6"),
        ("el lunes por la mañana", "age", "el lunes por la mañana"),
        ("mejor el jueves por la tarde, por favor", None, "el jueves por la tarde"),
        ("llámame mañana por la tarde", None, "mañana por la tarde"),
        ("llamadme mañana por la mañana", None, "mañana por la mañana"),
        ("mi móvil es 655123456, mejor entre las 4 y las 6", None, "entre las 4 y las 6"),
        ("¿me podéis llamar el jueves a las 5 y media de la tarde?", None, "el jueves a las 5 y media de la tarde"),
        ("prefiero que me llame alguien después de las 18:30", "choice", "después de las 18:30"),
        ("trabajo por las noches, llamadme por la mañana", None, "por la mañana"),
        ("tengo la tarde libre, llamadme a partir de las cinco", "smoker", "a partir de las cinco"),
    ],
)
def test_a_time_to_call(text: str, awaiting: str | None, when: str) -> None:
    assert detail("callback", text, awaiting) == when
    assert not {"dependents", "age", "smoker"} & told(text, awaiting).keys()


@pytest.mark.parametrize(
    ("text", "awaiting"),
    [
        ("mañana", "choice"),
        ("mañana te digo por la tarde", "choice"),
        ("los sábados por la noche", "smoker"),
        ("me llamo Ana y trabajo por las noches", "name"),
        ("no me llaméis por las mañanas", None),
        ("nací el lunes", "age"),
        ("entre la 1 y la 2", "choice"),
        ("a veces por la noche, si a eso se le puede llamar fumar", "smoker"),
    ],
)
def test_no_time_to_call(text: str, awaiting: str | None) -> None:
    assert detail("callback", text, awaiting, **(SHOWN if awaiting == "choice" else {})) is None


# --- who is to get the money ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "awaiting", "who"),
    [
        ("el beneficiario el banco", "occupation", "bank"),
        ("el beneficiario sería mi mujer", "dependents", "mujer"),
        ("que lo cobre mi hermana", "dependents", "hermana"),
        ("quiero que mi hermana y mi madre lo cobren", None, "hermana y madre"),
        ("beneficiarios: mis hijos", "dependents", "hijos"),
        ("que el dinero sea para mis hijos", None, "hijos"),
        ("pon a mi hermana como beneficiaria", None, "hermana"),
        ("beneficiarios mis herederos legales", "smoker", "herederos legales"),
    ],
)
def test_who_is_to_get_the_money_is_noted_and_counts_as_nobody_s_dependant(text: str, awaiting: str | None, who: str) -> None:
    assert detail("beneficiary", text, awaiting) == who
    assert "dependents" not in told(text, awaiting)


@pytest.mark.parametrize(
    "text",
    [
        "¿puede ser beneficiaria mi hermana?",
        "¿quién es el beneficiario?",
        "si el beneficiario es el banco, ¿qué pasa?",
        "el beneficiario no es el banco",
        "quiero quitar a mi ex de beneficiaria",
        "mi hermana cobra el paro",
        "que no lo cobre mi hermano",
    ],
)
def test_who_is_not_to_get_it(text: str) -> None:
    assert detail("beneficiary", text) is None


# --- what others charge -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("awaiting", [None, "choice"])
@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("uf, 25 al mes es mucho", 25),
        ("30 euros me parece caro", 30),
        ("40 al mes lo veo carísimo", 40),
        ("300 al año es demasiado", 25),
        ("es que 36 se me hace un poco caro", 36),
    ],
)
def test_a_price_that_is_too_high(text: str, price: int, awaiting: str | None) -> None:
    reading = heard(text, awaiting, **(SHOWN if awaiting else {}))
    assert [(found.key, found.value) for found in reading.values] == [("details.current_quote_month", price)]
    assert [(intent.name, intent.topic) for intent in reading.intents] == [("objection", "price")]


@pytest.mark.parametrize("awaiting", [None, "choice"])
@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("en otra aseguradora me lo dejan más barato, como en 10", 10),
        ("en Mapfre me cobran 12 al mes", 12),
        ("la competencia me ofrece lo mismo por 9 euros", 9),
        ("en otra compañía me sale a 180 al año", 15),
        ("en Generali me dan tres coberturas por 29", 29),
    ],
)
def test_a_competitor_s_price(text: str, price: int, awaiting: str | None) -> None:
    reading = heard(text, awaiting, **(SHOWN if awaiting else {}))
    assert {found.key: found.value for found in reading.values} == {"details.competitor_month": price}
    assert ("objection", "competitor") in [(intent.name, intent.topic) for intent in reading.intents]


@pytest.mark.parametrize(
    ("text", "awaiting"),
    [
        ("¿25 al mes es mucho?", "choice"),
        ("la 2 es cara", "choice"),
        ("100.000 es mucho", "sum_assured"),
        ("el banco me cobra 450 de hipoteca", "mortgage_balance"),
        ("dos hijos son mucho gasto", "dependents"),
        ("lo que pago en Ocaso, 18 euros", "monthly_budget"),
    ],
)
def test_no_other_price(text: str, awaiting: str | None) -> None:
    context = SHOWN if awaiting == "choice" else {}
    assert not {"details.current_quote_month", "details.competitor_month"} & told(text, awaiting, **context).keys()


# --- how somebody smokes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "awaiting", "years"),
    [
        ("dejé de fumar hace 2 años", "smoker", 2),
        ("dejé de fumar hace un año", "name", 1),
        ("lo dejé hace 3 años", "smoker", 3),
        ("llevo 4 años sin fumar", None, 4),
        ("soy ex fumadora desde hace 8 años", None, 8),
        ("hace 5 años que no fumo", "dependents", 5),
        ("no, desde hace 2 años", "smoker", 2),
        ("dejé el tabaco hace veinte años", "occupation", 20),
        ("va para dos años que lo dejé", "smoker", 2),
    ],
)
def test_years_without_smoking(text: str, awaiting: str | None, years: int) -> None:
    values = told(text, awaiting)
    assert (values["details.ex_smoker_years"], values["smoker"]) == (years, False)
    assert not {"age", "term_years", "details.child_ages"} & values.keys()


def test_who_gave_up_less_than_a_year_ago_is_asked() -> None:
    reading = heard("lo dejé hace 6 meses", "smoker")
    smoker, years = reading.value("smoker"), reading.value("details.ex_smoker_years")
    assert smoker is not None
    assert years is not None
    assert smoker.confidence < CONFIRM_BELOW
    assert years.value == 0.5


@pytest.mark.parametrize(
    ("text", "awaiting"),
    [
        ("dejé el trabajo hace 2 años", None),
        ("llevo 10 años fumando", "smoker"),
        ("mi mujer dejó de fumar hace 2 años", "smoker"),
        ("si dejara de fumar, ¿cuántos años tienen que pasar?", None),
        ("¿y si lo dejé hace 2 años?", None),
        ("alguien que lo dejó hace 6 meses, ¿qué es para vosotros?", "smoker"),
    ],
)
def test_no_years_without_smoking(text: str, awaiting: str | None) -> None:
    assert detail("ex_smoker_years", text, awaiting) is None


def test_who_has_smoked_for_years_smokes() -> None:
    assert told("llevo 10 años fumando", "smoker") == {"smoker": True}


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("bueno, vapeo de vez en cuando", "vape_or_other"),
        ("vapeo", "vape_or_other"),
        ("ah, y uso vaper", "vape_or_other"),
        ("no fumo pero vapeo", "vape_or_other"),
        ("me fumo algún puro en bodas", "vape_or_other"),
    ],
)
def test_other_smoke_told_out_of_turn_is_to_be_confirmed(text: str, how: str) -> None:
    reading = heard(text, "dependents", profile={"smoker": False})
    smoker = reading.value("smoker")
    assert detail("smoking", text, "dependents") == how
    assert smoker is not None
    assert smoker.value is True
    assert smoker.confidence < CONFIRM_BELOW
    assert smoker.correction


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("vapeo", "vape_or_other"),
        ("alguna cachimba", "vape_or_other"),
        ("a veces", "occasional"),
        ("solo los findes", "occasional"),
        ("fumo en bodas y fiestas", "occasional"),
        ("casi nunca", "occasional"),
    ],
)
def test_the_answer_says_how(text: str, how: str) -> None:
    values = told(text, "smoker")
    assert (values["smoker"], values["details.smoking"]) == (True, how)


@pytest.mark.parametrize(
    ("text", "awaiting"),
    [
        ("no fumo ni vapeo", "smoker"),
        ("no vapeo", "dependents"),
        ("¿vapear cuenta como fumar?", "smoker"),
        ("¿y si vapeo?", "smoker"),
        ("no, ni de vez en cuando", "smoker"),
        ("mi marido vapea", "smoker"),
        ("soy puro nervio", "occupation"),
        ("a veces pienso que es caro", "choice"),
    ],
)
def test_no_other_smoke(text: str, awaiting: str | None) -> None:
    values = told(text, awaiting)
    assert "details.smoking" not in values
    assert values.get("smoker") is not True


# --- drawings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("awaiting", ["name", "smoker", None])
def test_a_crossed_out_cigarette_does_not_smoke(awaiting: str | None) -> None:
    assert told("🚭", awaiting) == {"smoker": False}


@pytest.mark.parametrize("awaiting", ["name", "dependents"])
@pytest.mark.parametrize(("text", "count"), [("👶👶", 2), ("👶🏽👶🏽", 2), ("👨‍👩‍👧", 1), ("🧒🧒🧒 👧", 4), ("👦", 1)])
def test_children_who_are_drawn_are_asked_about(text: str, count: int, awaiting: str) -> None:
    reading = heard(text, awaiting)
    assert [(found.key, found.value) for found in reading.values] == [("dependents", count)]
    assert reading.values[0].confidence < CONFIRM_BELOW


@pytest.mark.parametrize(
    ("text", "awaiting", "values"),
    [
        ("Marta 👧", "name", {"name": "Marta"}),
        ("dos hijos 👶👶", "dependents", {"dependents": 2}),
        ("2 👧", "dependents", {"dependents": 2}),
        ("no 🚬", "smoker", {"smoker": False}),
        ("🐱", "occupation", {}),
        ("🤷‍♀️", "occupation", {}),
    ],
)
def test_drawings_beside_words(text: str, awaiting: str, values: dict[str, Any]) -> None:
    assert told(text, awaiting) == values


@pytest.mark.parametrize(("text", "intent"), [("👋", "greeting"), ("👋🏽", "greeting"), ("🤷", "dont_know")])
def test_gestures_without_words(text: str, intent: Any) -> None:
    assert heard(text, "age").has(intent)


# --- oneself and the partner ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("awaiting", [None, "name", "age", "smoker", "dependents"])
@pytest.mark.parametrize(
    ("text", "mine", "theirs"),
    [
        ("yo 41 y ella 39", 41, 39),
        ("ella 39 y yo 41", 41, 39),
        ("41 yo, ella 39", 41, 39),
        ("yo 34 la parienta 31", 34, 31),
        ("mi marido 40, yo 38", 38, 40),
        ("yo tengo 38 y él 40", 38, 40),
        ("los dos tenemos 40", 40, 40),
    ],
)
def test_two_ages(text: str, mine: int, theirs: int, awaiting: str | None) -> None:
    assert told(text, awaiting) == {"age": mine, "details.second_person": {"age": theirs}}


@pytest.mark.parametrize("awaiting", [None, "sum_assured", "dependents"])
@pytest.mark.parametrize(
    "text",
    ["150 yo y 100 ella", "yo 150 y ella 100", "para mí 150 y para ella 100", "150 para mí y 100 para mi mujer"],
)
def test_two_sums_and_the_thousands_are_asked_about(text: str, awaiting: str | None) -> None:
    reading = heard(text, awaiting)
    values = {found.key: (found.value, found.confidence < CONFIRM_BELOW) for found in reading.values}
    assert values == {"sum_assured": (150_000, True), "details.second_person": ({"sum_assured": 100_000}, False)}


@pytest.mark.parametrize("awaiting", [None, "smoker", "dependents"])
@pytest.mark.parametrize(
    ("text", "mine", "theirs"),
    [
        ("ella fuma, yo no", False, True),
        ("yo no fumo pero mi mujer sí", False, True),
        ("yo fumo pero mi mujer no", True, False),
        ("mi marido no fuma, yo sí", True, False),
        ("fumo yo, mi mujer no", True, False),
        ("mi mujer y yo no fumamos", False, False),
        ("fumamos los dos", True, True),
        ("ninguno de los dos fuma", False, False),
        ("ni ella ni yo fumamos", False, False),
        ("yo fumo, mi mujer lo dejó", True, False),
    ],
)
def test_who_of_them_smokes(text: str, mine: bool, theirs: bool, awaiting: str | None) -> None:
    assert told(text, awaiting) == {"smoker": mine, "details.second_person": {"smoker": theirs}}


@pytest.mark.parametrize(
    ("text", "mine", "theirs"),
    [
        ("no, mi mujer sí", False, True),
        ("sí, y mi marido también", True, True),
        ("no y mi mujer tampoco", False, False),
        ("yo no, ella sí", False, True),
    ],
)
def test_short_answers_for_both(text: str, mine: bool, theirs: bool) -> None:
    values = told(text, "smoker")
    assert (values["smoker"], values["details.second_person"]) == (mine, {"smoker": theirs})


@pytest.mark.parametrize(
    ("text", "awaiting", "values"),
    [
        ("mi mujer fuma", "smoker", {"details.second_person": {"smoker": True}}),
        ("mi mujer fuma", "dependents", {"details.second_person": {"smoker": True}}),
        ("mi mujer tiene 39 y no fuma", "name", {"details.second_person": {"age": 39, "smoker": False}}),
        ("mi mujer también, 35 años, no fuma", None, {"details.second_person": {"age": 35, "smoker": False}}),
        ("mi mujer dejó de fumar hace 2 años", "smoker", {"details.second_person": {"smoker": False}}),
        ("mi hijo fuma, yo nunca", "smoker", {"smoker": False}),
        ("ni yo ni mi hermano fumamos", "smoker", {"smoker": False}),
        ("No señora", "smoker", {"smoker": False}),
        ("1800 yo y 1500 él", "monthly_income", {"monthly_income": 1800}),
        (
            "mi mujer gana 1500 y yo 1800",
            "monthly_income",
            {"monthly_income": 1800, "details.second_person": {"monthly_income": 1500}},
        ),
    ],
)
def test_what_is_said_of_one_is_not_the_other_s(text: str, awaiting: str | None, values: dict[str, Any]) -> None:
    assert {key: value for key, value in told(text, awaiting).items() if key != "marital_status"} == values


@pytest.mark.parametrize(
    ("text", "awaiting"),
    [
        ("¿y si mi mujer fumara?", "smoker"),
        ("¿y si mi mujer fuma?", "dependents"),
        ("¿mi mujer fuma, influye?", "name"),
        ("si ella fuma, ¿sube el precio?", "name"),
        ("¿y si ella tuviera 39?", "age"),
        ("si mi mujer tiene 39 años, ¿cuánto sería?", "age"),
        ("imagina que ella tiene 39", None),
        ("mi mujer y yo queremos 150.000", "sum_assured"),
        ("del año 89 yo, y ella es mayor", "age"),
    ],
)
def test_nothing_is_told_of_the_partner(text: str, awaiting: str | None) -> None:
    assert detail("second_person", text, awaiting) is None
    assert "smoker" not in told(text, awaiting)


# --- numbers that the words before them explain -----------------------------------------------------------------------


@pytest.mark.parametrize("awaiting", [None, "name", "smoker", "age"])
@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("tengo 16 años, quiero hacerme un seguro de vida", 16),
        ("tengo 17, quiero un seguro para mí", 17),
        ("tengo ya 17 años y quiero un seguro", 17),
        ("acabo de cumplir 17 años y quiero un seguro", 17),
        ("tengo 45 años, no fumo y quiero un seguro", 45),
    ],
)
def test_an_age_told_with_its_verb_is_certain(text: str, age: int, awaiting: str | None) -> None:
    found = heard(text, awaiting).value("age")
    assert found is not None
    assert (found.value, found.confidence) == (age, 1.0)
    assert found.evidence in text


@pytest.mark.parametrize(
    ("text", "awaiting"),
    [
        ("tengo 16 años de experiencia", "occupation"),
        ("tengo 16 años cotizados", "occupation"),
        ("si tengo 16 años, ¿puedo hacerme uno?", None),
        ("¿puedo si tengo 16 años?", None),
        ("mi hijo tiene 16 años, quiero hacerle un seguro", None),
        ("pusiste que tengo 66, y aún me faltan seis", "dependents"),
        ("tengo 16 hijos, quiero un seguro", "name"),
        ("ya tengo como ocho años, bueno siete años que lo dejé", "smoker"),
        ("tengo ya veinte años sin fumar", "smoker"),
        ("cuando cumplí 16 años me fui de casa", "name"),
    ],
)
def test_no_age_that_is_certain(text: str, awaiting: str | None) -> None:
    found = heard(text, awaiting).value("age")
    assert found is None or found.confidence < CONFIRM_BELOW


def test_a_birthday_to_come_is_asked_about() -> None:
    found = heard("tengo treinta y siete años bueno treinta y ocho cumplo en marzo").value("age")
    assert found is not None
    assert (found.value, found.alternatives) == (37, (38,))
    assert found.confidence < CONFIRM_BELOW


@pytest.mark.parametrize("awaiting", ["dependents", "monthly_income", "sum_assured"])
def test_income_debts_and_a_child_in_one_sentence(awaiting: str) -> None:
    reading = heard("cobro 24.000 al año y debo 80.000, un hijo de 6", awaiting, profile={"mortgage_balance": 0})
    values = {found.key: (found.value, found.confidence) for found in reading.values if found.key != "dependents"}
    assert values == {"monthly_income": (2000, 1.0), "other_debts": (80_000, 1.0), "details.child_ages": ([6], 1.0)}


@pytest.mark.parametrize(
    ("text", "awaiting", "key", "value"),
    [
        ("debo 80.000 de la casa", "smoker", "mortgage_balance", 80_000),
        ("debo 80.000", "smoker", "other_debts", 80_000),
        ("gano unos 1.900 al mes", "age", "monthly_income", 1900),
    ],
)
def test_a_verb_says_what_its_amount_is(text: str, awaiting: str, key: str, value: int) -> None:
    assert told(text, awaiting)[key] == value


@pytest.mark.parametrize(
    "text", ["un conocido cobró 80.000, ¿cuánto sería?", "¿y si debo 80.000?", "si gano 1.900, ¿qué capital?"]
)
def test_an_amount_that_is_somebody_else_s_or_supposed_is_no_fact(text: str) -> None:
    found = [each for each in heard(text, "name").values if each.confidence >= CONFIRM_BELOW]
    assert not {each.key for each in found} & {"monthly_income", "other_debts", "mortgage_balance"}


@pytest.mark.parametrize(
    ("text", "ages"),
    [
        ("tengo dos niños de ocho y once años", [8, 11]),
        ("un niño de 5 y una niña de 2", [5, 2]),
        ("mi hija de 20 años estudia", [20]),
        ("tengo un hijo de 6 y 40 años", [6]),
        ("un bebé de 8 meses", [0]),
        ("tres hijos de dos matrimonios", None),
        ("si mi hijo tiene 20 años, ¿cuenta?", None),
    ],
)
def test_ages_of_children(text: str, ages: list[int] | None) -> None:
    assert detail("child_ages", text, "dependents") == ages


def test_years_behind_what_is_owed_are_its_term() -> None:
    found = heard("debo 165.000 a 22 años", "mortgage_balance").values
    assert {each.key: (each.value, each.confidence) for each in found} == {
        "mortgage_balance": (165_000, 1.0),
        "term_years": (22, 1.0),
    }


@pytest.mark.parametrize("text", ["medio kilo mejor", "mejor medio kilo", "ponme 500.000", "súbelo a 500.000"])
def test_another_sum_instead_of_the_known_one_is_asked_about(text: str) -> None:
    found = heard(text, "name", profile={"sum_assured": 150_000}).value("sum_assured")
    assert found is not None
    assert found.value == 500_000
    assert found.correction


@pytest.mark.parametrize("text", ["¿y si pongo 500.000?", "mejor mañana", "mejor 20 al mes"])
def test_no_other_sum(text: str) -> None:
    found = heard(text, "name", profile={"sum_assured": 150_000}).value("sum_assured")
    assert found is None or found.confidence < CONFIRM_BELOW


# --- what is wanted ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "el banco me obliga a hacer el seguro con ellos",
        "me exige el banco contratar su seguro",
        "el banco nos impone su póliza",
        "dicen que tengo que hacer el seguro con el banco",
        "¿es obligatorio hacer el seguro con el banco?",
    ],
)
@pytest.mark.parametrize("awaiting", [None, "mortgage_balance", "smoker"])
def test_a_bank_that_insists(text: str, awaiting: str | None) -> None:
    assert ("question", BANK_TIED) in [(intent.name, intent.topic) for intent in heard(text, awaiting).intents]


@pytest.mark.parametrize(
    "text", ["el banco me obliga a domiciliar la nómina", "trabajo en un banco", "ya tengo un seguro de 50.000 con el banco"]
)
def test_a_bank_that_does_not(text: str) -> None:
    assert ("question", BANK_TIED) not in [(intent.name, intent.topic) for intent in heard(text).intents]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("ni idea de cuánto capital", "sum_assured"),
        ("no sé qué capital poner", "sum_assured"),
        ("no tengo ni idea del capital", "sum_assured"),
        ("no sabría decirte cuánto asegurar", "sum_assured"),
        ("no sé cuánto me queda de hipoteca", "mortgage_balance"),
    ],
)
@pytest.mark.parametrize("awaiting", [None, "monthly_income"])
def test_which_figure_is_unknown(text: str, key: str, awaiting: str | None) -> None:
    unknown = [intent.topic for intent in heard(text, awaiting).intents if intent.name in ("dont_know", "question")]
    assert unknown == [key]


@pytest.mark.parametrize(
    "text", ["no sé si fumar cuenta", "me preguntabas no sé qué de la hipoteca", "no sé cuánto capital, ¿cuál me recomiendas?"]
)
def test_no_figure_is_named_as_unknown(text: str) -> None:
    assert not [intent for intent in heard(text, "smoker").intents if intent.name == "dont_know" and intent.topic]
