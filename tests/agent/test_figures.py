"""What a customer would take for a figure, however it is written."""

from __future__ import annotations

import pytest

from src.agent.figures import Figures, figures, plain_link, spelled


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("Son 7,33 € al mes, 85,39 € al año, por 150.000 €.", ["7.33", "85.39", "150000"]),
        ("1,500.50 euros", ["1500.5"]),
        ("150 000 €", ["150000"]),
        ("doce euros con veinticuatro céntimos al mes", ["12.24"]),
        ("12 euros con 24", ["12.24"]),
        ("ciento cincuenta mil euros", ["150000"]),
        ("150 mil, 150k, 2 millones", ["150000", "150000", "2000000"]),
        ("medio millón de euros", ["500000"]),
        ("dos mil doscientos euros", ["2200"]),
        ("two hundred euros", ["200"]),
        ("un euro al día", ["1"]),
        ("*7,33* € y ２０ €", ["7.33", "20"]),
        ("pagas 20 al mes", ["20"]),
        ("un capital de 150000", ["150000"]),
        ("1️⃣ 100.000 €", ["100000"]),
        ("tienes 30 días, 2 hijos y 35 años; llama al 024", []),
        ("media hora, una opción, mil gracias, un momento", []),
        ("la Ley 20/2015, artículo 99, en 2026", []),
        ("código postal 28013", []),
    ],
)
def test_amounts(text: str, amounts: list[str]) -> None:
    assert [figure.value for figure in figures(text).amounts] == amounts


@pytest.mark.parametrize(
    ("text", "percentages"),
    [("un 8 % y el 0,15 por ciento", ["8", "0.15"]), ("treinta por ciento", ["30"]), ("3 ‰", ["3"]), ("5 percent", ["5"])],
)
def test_percentages(text: str, percentages: list[str]) -> None:
    found = figures(text)
    assert [figure.value for figure in found.percentages] == percentages
    assert found.amounts == ()


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("el 20 de diciembre de 2026", "2026-12-20"),
        ("20/12/2026", "2026-12-20"),
        ("20/12/26", "2026-12-20"),
        ("2026-12-20", "2026-12-20"),
        ("December 20th, 2026", "2026-12-20"),
        ("el 20/12", "12-20"),
        ("veinte de diciembre", "12-20"),
        ("en diciembre de 2026", "2026-12"),
        ("el 31/02/2026", "2026-02-31"),
    ],
)
def test_dates(text: str, date: str) -> None:
    assert [figure.value for figure in figures(text).dates] == [date]


def test_addresses() -> None:
    found = figures("https://www.Ejemplo.es/priv. o malo.com/x; Ana@x.example, +34 612 34 56 78, 699123456, aquí.es/")
    assert [figure.value for figure in found.links] == ["ejemplo.es/priv", "malo.com/x", "aqui.es"]
    assert [figure.value for figure in found.emails] == ["ana@x.example"]
    assert [figure.value for figure in found.phones] == ["34612345678", "699123456"]


def test_nothing_is_found_in_plain_words() -> None:
    assert figures("Hola, ¿qué tal? Soy un asistente automático.") == Figures()


@pytest.mark.parametrize(
    ("number", "text"), [("1000", "1000"), ("7.30", "7.3"), (101.2, "101.2"), ("0.00", "0"), (150000.0, "150000")]
)
def test_numbers_have_one_spelling(number: str | float, text: str) -> None:
    assert spelled(number) == text


def test_links_have_one_spelling() -> None:
    assert plain_link("HTTPS://WWW.Casa.example/Nota/).") == "casa.example/nota"
