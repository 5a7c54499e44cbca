"""What a good broker does along the way: says facts back, gives a first idea, asks before a shock, compares fairly."""

from __future__ import annotations

import pytest

from src.quoting import Applicant, Refusal, load_catalogue
from tests.agent.talk import START, Talk, at_proposal


def accepted() -> Talk:
    talk = at_proposal()
    talk.choose(1)
    talk.accept()
    return talk


@pytest.mark.parametrize(
    ("meaning", "said"),
    [
        ("age=41", "41 años"),
        ("smoker=false", "o fumas"),
        ("dependents=0", "adie a tu cargo"),
        ("dependents=3", "3 personas a tu cargo"),
        ("mortgage_balance=150000", "150.000 € de hipoteca"),
        ("mortgage_balance=0", "in hipoteca"),
        ("monthly_income=1850", "1.850 € al mes"),
        ('occupation="pastora de ovejas"', "astora de ovejas"),
    ],
)
def test_what_was_told_is_said_back_with_its_value(meaning: str, said: str) -> None:
    talk = Talk().agree()
    talk.mean(meaning)
    assert said in talk.text


def test_several_facts_are_said_back_in_one_sentence_in_the_order_of_the_summary() -> None:
    talk = Talk().agree()
    talk.mean("mortgage_balance=90000", "age=41", "smoker=false")
    told = talk.text.splitlines()[0]
    assert told.index("41 años") < told.index("fumas") < told.index("90.000 €")


@pytest.mark.parametrize(("age", "smoker"), [(29, False), (45, True), (58, False)])
def test_a_first_price_is_the_engines_own_for_that_age(age: int, smoker: bool) -> None:
    talk = Talk().agree()
    talk.mean(f"age={age}", f"smoker={str(smoker).lower()}")
    talk.mean("question:price")
    offers = load_catalogue().proposal(Applicant(age, smoker, 1), 100_000, START.date())
    assert not isinstance(offers, Refusal)
    cheapest = f"{min(offer.monthly_premium for offer in offers):.2f}".replace(".", ",").replace(",00", "")
    assert f"desde *{cheapest} € al mes*" in talk.text
    assert f"{age} años" in talk.text
    assert "una idea" in talk.text


def test_no_first_price_before_the_age_is_known() -> None:
    talk = Talk().agree()
    talk.mean("question:price")
    assert "€" not in talk.text


@pytest.mark.parametrize("theirs", [9, 25, 49.9])
def test_a_figure_of_somebody_else_stands_beside_ours(theirs: float) -> None:
    talk = at_proposal()
    talk.mean("objection:competitor", f"details.competitor_month={theirs}")
    premiums = [quote.monthly_premium for quote in talk.conversation.quotes]
    for amount in (theirs, min(premiums), max(premiums)):
        assert f"{amount:.2f}".replace(".", ",").removesuffix(",00") in talk.text
    assert "mismas coberturas" in talk.text


def test_finding_it_dear_and_asking_for_less_is_met_once() -> None:
    talk = at_proposal()
    talk.mean("objection:price", "question:cheaper")
    first, *others = [line for line in talk.text.splitlines() if line]
    assert first not in others
    assert talk.awaiting == "monthly_budget"


def test_what_nobody_can_answer_is_left_out_beside_what_was_answered() -> None:
    talk = at_proposal()
    talk.mean("question:", "objection:need")
    assert "No tengo una respuesta" not in talk.text
    assert "no lo sé con seguridad" not in talk.text


@pytest.mark.parametrize("words", ["¿Podría usted decirme el precio?", "Disculpe, ¿esto qué cubre?", "Dígame cómo va"])
def test_who_is_formal_is_addressed_formally_from_then_on(words: str) -> None:
    talk = Talk().agree()
    talk.say(words)
    talk.say("Carmen")
    assert "tiene" in talk.text
    assert "tienes" not in talk.text
    talk.mean("age=50")
    assert "Fuma" in talk.text
    assert "Fumas" not in talk.text


def test_only_children_have_studies_to_be_paid() -> None:
    alone, family = Talk().agree(), Talk().agree()
    alone.mean("dependents=2", "details.children=0")
    family.mean("dependents=2")
    studies = []
    for talk in (alone, family):
        talk.answer_until()
        assert talk.conversation.need is not None
        studies.append(talk.conversation.need.parts.education)
    assert studies[0] == 0
    assert studies[1] > 0


def test_after_the_acceptance_it_is_asked_when_to_call_and_noted() -> None:
    talk = accepted()
    assert "¿Cuándo te viene bien" in talk.text
    assert "norabuena" not in talk.text
    talk.mean('details.callback="mañana por la tarde"', 'email="ana@example.com"')
    assert "te llamamos mañana por la tarde" in talk.text
    assert "\nana@example.com" in f"\n{talk.text}" or "Apuntado: ana@example.com" in talk.text
    assert talk.step.handoff is not None


@pytest.mark.parametrize("words", ["por las tardes", "mañana a partir de las 6", "el martes por la mañana"])
def test_a_time_alone_is_when_to_call(words: str) -> None:
    talk = accepted()
    talk.say(words)
    assert "callback" in talk.conversation.details


def test_choosing_again_what_is_chosen_repeats_nothing() -> None:
    talk = at_proposal()
    talk.mean("choice:2")
    talk.mean("choice:2")
    assert "no cubre" not in talk.text
    assert "Repasemos" not in talk.text
    assert talk.awaiting == "accept"


@pytest.mark.parametrize(
    "born", ["nací el 14/03/1986", "14 de marzo de 1986", "mi fecha es 02-11-1990", "soy del 1 de mayo de 1971"]
)
def test_a_date_of_birth_that_is_asked_about_is_shown(born: str) -> None:
    talk = Talk()
    talk.say(f"hola, quiero un seguro, no fumo, {born}, creo")
    talk.say("sí")
    for _ in range(4):
        if talk.awaiting == "confirm:birth_date":
            break
        talk.say("no sé")
    assert "guard.reply_replaced" not in talk.events()


@pytest.mark.parametrize(
    "words", ["tutéame porfa", "háblame de tú por favor", "escríbeme de tú", "no me trates de usted", "mejor trátame de tú"]
)
def test_whoever_asks_for_tu_is_addressed_so_from_then_on(words: str) -> None:
    talk = Talk()
    talk.say("Buenas tardes, disculpe, querría información")
    assert talk.conversation.memory.address == "usted"
    talk.say(words)
    talk.say("perdone, ¿cuánto costaría?")
    assert talk.conversation.memory.address == "tu"


@pytest.mark.parametrize("words", ["¿el banco me puede obligar a coger el suyo?", "mi jefe no sabe si me puede dar de alta"])
def test_what_somebody_else_may_do_is_no_formal_address(words: str) -> None:
    talk = Talk()
    talk.say(words)
    assert talk.conversation.memory.address != "usted"


def test_a_correction_is_taken_with_an_apology_and_a_changed_wish_without_one() -> None:
    talk = at_proposal()
    talk.mean("age!=41")
    assert "erdona" in talk.text.splitlines()[0]
    assert "41 años" in talk.text
    talk.mean("sum_assured=90000")
    talk.mean("sum_assured!=80000")
    assert "erdona" not in talk.text


def test_a_name_is_corrected_too_at_the_proposal() -> None:
    talk = at_proposal()
    talk.mean('name!="Marta"')
    assert "Marta" in talk.text
    assert talk.profile["name"] == "Marta"


@pytest.mark.parametrize(
    "told", ["soy viuda", "mi marido falleció hace dos años", "lo dejé cuando murió mi marío, que en gloria esté"]
)
def test_who_lost_somebody_gets_one_short_word_once(told: str) -> None:
    talk = Talk().agree().answer_until("dependents")
    talk.say(told)
    assert talk.text.count("Siento mucho tu pérdida") == 1
    talk.say(told)
    assert "pérdida" not in talk.text


def test_a_question_about_a_death_is_no_loss() -> None:
    talk = at_proposal()
    talk.say("¿y si el beneficiario ha fallecido antes?")
    assert "pérdida" not in talk.text


def cheapest(age: int, capital: int, smoker: bool = False) -> str:
    offers = load_catalogue().proposal(Applicant(age, smoker, 1), capital, START.date())
    assert not isinstance(offers, Refusal)
    return f"{min(offer.monthly_premium for offer in offers):.2f}".replace(".", ",").removesuffix(",00")


@pytest.mark.parametrize(("words", "capital"), [("¿cuánto por 40.000?", 40_000), ("¿y cuánto saldría con 120 mil?", 120_000)])
def test_a_price_for_a_named_capital_is_given_as_an_example_when_the_age_is_known(words: str, capital: int) -> None:
    talk = Talk().agree()
    talk.mean("age=41")
    talk.say(words)
    assert f"desde *{cheapest(41, capital)} € al mes*" in talk.text


def test_a_price_for_a_named_capital_asks_for_the_age_and_is_given_with_it() -> None:
    talk = Talk().agree()
    talk.say("¿cuánto me sale por 60 mil?")
    assert talk.awaiting == "age"
    assert "la edad" in talk.text
    talk.say("41")
    assert f"desde *{cheapest(41, 60_000)} € al mes*" in talk.text


@pytest.mark.parametrize("words", ["¿cuánto sería con 150.000?", "La Esencial me sale con 150 mil cuanto?"])
def test_a_price_for_another_capital_is_told_at_the_proposal_and_changes_nothing(words: str) -> None:
    talk = at_proposal()
    before = talk.conversation.quotes
    talk.say(words)
    offers = load_catalogue().proposal(Applicant(35, False, 1), 150_000, START.date())
    assert not isinstance(offers, Refusal)
    for offer in offers:
        assert f"{offer.monthly_premium:.2f}".replace(".", ",") in talk.text
    assert talk.conversation.quotes == before
    assert "set:sum_assured:150000" in talk.options
    talk.press("set:sum_assured:150000")
    assert {quote.sum_assured for quote in talk.conversation.quotes} == {150_000}


@pytest.mark.parametrize("words", ["quiero cancelar", "cancela", "cancélalo todo", "anúlalo"])
def test_cancelling_in_the_middle_of_a_sale_is_leaving_and_asked_back_once(words: str) -> None:
    talk = Talk().agree().answer_until("smoker")
    talk.say(words)
    assert talk.conversation.owner == "bot"
    assert "¿Lo dejamos aquí" in talk.text
    talk.say("sí")
    assert talk.conversation.outcome == "declined"


@pytest.mark.parametrize("words", ["quiero cancelar mi póliza", "necesito cancelar el seguro que tengo con vosotros"])
def test_cancelling_a_policy_is_a_persons_matter(words: str) -> None:
    talk = Talk().agree().answer_until("smoker")
    talk.say(words)
    assert talk.conversation.owner == "human"


@pytest.mark.parametrize("words", ["¿qué hacéis con mis datos?", "¿quién ve mis datos?"])
@pytest.mark.parametrize("left", ["decline", "BAJA"])
def test_a_question_after_leaving_is_answered_and_nothing_is_sold_with_it(words: str, left: str) -> None:
    talk = at_proposal()
    if left == "BAJA":
        talk.say("BAJA")
    else:
        talk.press("decline")
    talk.say(words)
    assert "knowledge.answered" in talk.events()
    assert "otra vez" not in talk.text
    assert "Hola de nuevo" not in talk.text
    assert talk.stage == "FINALIZADO"


def test_grown_children_have_no_studies_to_be_paid() -> None:
    studies = []
    for ages in ("[4, 6]", "[4, 31]", "[29, 31]"):
        talk = Talk().agree()
        talk.mean("dependents=2", f"details.child_ages={ages}")
        talk.answer_until()
        assert talk.conversation.need is not None
        studies.append(talk.conversation.need.parts.education)
    assert studies[0] > studies[1] > studies[2] == 0
