"""The program must not start on a damaged catalogue, whoever damaged it and however."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from src.errors import DamagedCatalogue
from src.quoting import load_catalogue
from src.quoting.products import PACKAGE
from src.quoting.tables import read_rates
from tests.quoting.conftest import VERSION, Files, sha256

Edit = Callable[[str], str]


def replace(old: str, new: str) -> Edit:
    return lambda text: text.replace(old, new, 1)


def swap_lines(first: int, second: int) -> Edit:
    def change(text: str) -> str:
        lines = text.splitlines(keepends=True)
        lines[first], lines[second] = lines[second], lines[first]
        return "".join(lines)

    return change


def cell(age: int, column: int, change: Edit) -> Edit:
    def edit(text: str) -> str:
        lines = text.splitlines()
        cells = lines[age + 1].split(",")
        cells[column] = change(cells[column])
        lines[age + 1] = ",".join(cells)
        return "\n".join(lines) + "\n"

    return edit


def set_rates_from(age: int, change: Callable[[float], float]) -> Edit:
    """Alter the sound second order rates of one age, and all that is derived from them, consistently."""

    def edit(text: str) -> str:
        lines = text.splitlines()
        cells = lines[age + 1].split(",")
        female, male = (change(float(cells[column])) for column in (1, 2))
        columns = []
        for factor in (1, 1.155, 1.101875):
            columns += [min(1, female * factor), min(1, male * factor), 0]
            columns[-1] = (columns[-3] + columns[-2]) / 2
        lines[age + 1] = ",".join([cells[0], *(f"{rate:.10f}" for rate in columns)])
        return "\n".join(lines) + "\n"

    return edit


def test_the_copy_is_sound_and_stays_sound_when_sealed_anew(files: Files) -> None:
    assert files.load().book == load_catalogue().book
    files.reseal()
    assert files.load().book.tariff == load_catalogue().book.tariff


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda path: path.unlink(), "cannot be read"),
        (lambda path: path.write_bytes(b""), "not the published file"),
        (lambda path: path.write_bytes(path.read_bytes()[:-200]), "not the published file"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b"a", b"4", 1)), "not the published file"),
        (lambda path: path.write_bytes(path.read_bytes() + b"\n"), "not the published file"),
    ],
    ids=["missing", "empty", "truncated", "another character", "a line more"],
)
@pytest.mark.parametrize("name", ["table", "tariff", "coverages", "level_term"])
def test_any_damaged_file_is_named(files: Files, name: str, damage: Callable[[Path], None], complaint: str) -> None:
    path = files.product(name) if name == "level_term" else getattr(files, name)
    damage(path)
    with pytest.raises(DamagedCatalogue, match=complaint) as raised:
        files.load()
    assert path.name in str(raised.value)
    assert "Restore" in str(raised.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(data=st.data())
def test_no_changed_byte_in_any_file_goes_unnoticed(files: Files, data: st.DataObject) -> None:
    paths = sorted(path for path in files.package.rglob("*") if path.is_file())
    path = data.draw(st.sampled_from(paths))
    whole = path.read_bytes()
    position = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != whole[position]))
    path.write_bytes(whole[:position] + bytes([byte]) + whole[position + 1 :])
    try:
        catalogue = files.load()
    except DamagedCatalogue:
        pass
    else:  # only the index is not sealed: a changed comment in it is no damage
        assert path == files.index
        assert catalogue.book == load_catalogue().book
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (replace("q1_rel_f", "q1_rel_x"), "line 1 has other columns"),
        (replace(",q1_rel_unisex5050", ""), "line 1 has other columns"),
        (lambda text: "", "empty"),
        (lambda text: "\n".join(text.splitlines()[:-1]), "120 ages instead of 121"),
        (lambda text: text + text.splitlines()[-1] + "\n", "122 ages instead of 121"),
        (lambda text: text.replace(",", ";"), "line 1 has other columns"),
        (lambda text: text.replace("\n40,", "\n41,"), "line 42 should be age 40"),
        (swap_lines(46, 47), "should be age"),
        (cell(50, 5, lambda rate: "nan"), "line 52 does not hold 9 rates"),
        (cell(50, 5, lambda rate: "NaN0000000000"), "line 52 does not hold 9 rates"),
        (cell(50, 5, lambda rate: rate.replace(".", ",")), "line 52 does not hold 9 rates"),
        (cell(50, 5, lambda rate: rate[:-1]), "line 52 does not hold 9 rates"),
        (cell(50, 5, lambda rate: f"-{rate}"), "line 52 does not hold 9 rates"),
        (cell(50, 5, lambda rate: "0.0000000000"), "no probability"),
        (cell(50, 5, lambda rate: "1.0000000001"), "no probability"),
        (cell(50, 5, lambda rate: rate[:6] + rate[7] + rate[6] + rate[8:]), "q1_norel_m is not 1.155 times"),
        (cell(50, 6, lambda rate: rate[:-2] + "99"), "unisex5050 is not the mean of both sexes"),
        (cell(50, 1, lambda rate: rate[:6] + rate[7] + rate[6] + rate[8:]), "is not 1.155 times q2_general_f"),
        (set_rates_from(40, lambda rate: rate * 0.9), "falls at age 40"),
        (set_rates_from(40, lambda rate: rate * 1.4), "jumps at age 40"),
        (set_rates_from(20, lambda rate: rate * 0.8), "jumps at age 20"),
        (set_rates_from(120, lambda rate: rate * 0.999), "falls at age 120"),
    ],
)
def test_a_damaged_table_is_refused_even_when_it_is_sealed_anew(files: Files, edit: Edit, complaint: str) -> None:
    files.edit(files.table, edit)
    files.reseal()
    with pytest.raises(DamagedCatalogue, match=complaint):
        files.load()


def test_a_table_that_never_ends_is_refused(files: Files) -> None:
    """Death is certain in the table's last years; one that stays below certainty would insure for ever."""

    def never_certain(text: str) -> str:
        for age in range(100, 121):
            text = set_rates_from(age, lambda rate: min(rate, 0.8))(text)
        return text

    files.edit(files.table, never_certain)
    files.reseal()
    with pytest.raises(DamagedCatalogue, match="does not end with certainty"):
        files.load()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "latin-1"])
@pytest.mark.parametrize("name", ["table", "level_term"])
def test_another_encoding_is_refused_even_when_it_is_sealed_anew(files: Files, name: str, encoding: str) -> None:
    path = files.product(name) if name == "level_term" else files.table
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole if name == "level_term" else f"{whole}ñ", encoding=encoding)
    files.reseal()
    with pytest.raises(DamagedCatalogue, match=r"cannot be understood|not plain ASCII"):
        files.load()


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (replace("technical_rate = 0.0195", "technical_rate = nan"), "technical_rate is NaN"),
        (replace("technical_rate = 0.0195", "technical_rate = inf"), "technical_rate is Infinity"),
        (replace("technical_rate = 0.0195", "technical_rate = 1.95"), "technical_rate is 1.95, not between"),
        (replace("technical_rate = 0.0195", ""), "missing required field"),
        (replace("technical_rate = 0.0195", "technical_rate = true"), "cannot be understood"),
        (replace("technical_rate = 0.0195", "rate = 0.0195\ntechnical_rate = 0.0195"), "unknown field"),
        (replace("acquisition = 0.20", "acquisition = 20"), "acquisition"),
        (replace("margin = 0.05", "margin = 0.55"), "less than a fifth"),
        (replace("entry_age_max = 65", "entry_age_max = 75"), "ages of limits"),
        (replace("entry_age_min = 18", "entry_age_min = 16"), "ages of limits"),
        (replace("sum_max = 1000000", "sum_max = 100000"), "sums of limits|sublimit"),
        (replace("2 = 1.15", "2 = 1.55"), "factors of occupation classes"),
        (replace("2 = 1.15", "5 = 1.15"), "count up from 1"),
        (replace("1 = 1.00", "1 = 0.50"), "occupation_class.1"),
        (replace("income_share_low = 0.60", "income_share_low = 0.75"), "shares of income"),
        (replace("smoker = 1.75", "smoker = 0.75"), "covers.death.smoker"),
        (replace("sublimit = 75000", "sublimit = 0"), "covers.critical_illness.sublimit"),
        (replace("per_mille = 0.12", "per_mille = 0"), "accidental_death costs nothing"),
        (replace("[covers.premium_waiver]", "[covers.waiver_of_premium]"), "covers differ"),
        (replace('version = "2026.1"', 'version = "2026.2"'), "calls itself"),
        (replace("validity_days = 30", "validity_days = 0"), "validity"),
        (replace("never_falling_from_age = 18", "never_falling_from_age = 30"), "never_falling_from_age"),
        (replace('"death", "permanent_disability", "accidental_death", "critical_illness"', '"death"'), "tier completa"),
        (replace('name = "esencial"\ncoverages = ["death"]', 'name = "esencial"\ncoverages = []'), "tier esencial"),
        (replace("per_mille_min = 0.5", "per_mille_min = 5"), "per_mille"),
        (replace("fixed_expense_yearly = 18.00", "fixed_expense_yearly = 190.00"), "plausible span"),
        (replace("annual_premium = 85.39", "annual_premium = 85.40"), "is not 85.40"),
        (replace("monthly_premium = 7.33", "monthly_premium = 7.34"), "is not 85.39"),
        (replace('product = "renewable_term"', 'product = "annual_term"'), "annual_term death"),
        (replace("term_years = 30", "term_years = 40"), "level_term death"),
        (lambda text: text[: text.index("[[control]]")], "missing required field `control`"),
        (lambda text: text[: text.index("[[control]]")] + "\n[x", "cannot be understood"),
        (lambda text: "control = []\n" + text[: text.index("[[control]]")], "no plausible or control"),
        (lambda text: "tiers = []\n" + text.replace("[[tiers]]", "[[spare]]"), "unknown field"),
    ],
)
def test_a_damaged_tariff_is_refused_even_when_it_is_sealed_anew(files: Files, edit: Edit, complaint: str) -> None:
    files.edit(files.tariff, edit)
    files.reseal()
    with pytest.raises(DamagedCatalogue, match=complaint):
        files.load()


def test_a_tariff_without_tiers_is_refused(files: Files) -> None:
    def without_tiers(text: str) -> str:
        start, end = text.index("[[tiers]]"), text.index("[[plausible]]")
        return "tiers = []\n" + text[:start] + text[end:]

    files.edit(files.tariff, without_tiers)
    files.reseal()
    with pytest.raises(DamagedCatalogue, match="no tier"):
        files.load()


@pytest.mark.parametrize(
    ("name", "edit", "complaint"),
    [
        ("level_term", replace('id = "level_term"', 'id = "level"'), "another id"),
        ("level_term", replace('"accidental_death"', '"accident"'), "unknown covers"),
        ("level_term", replace('"death", "permanent_disability"', '"permanent_disability"'), "must begin with death"),
        ("level_term", replace('"death", ', '"death", "death", '), "one cover of a kind"),
        ("level_term", replace('"critical_illness", "premium_waiver"', '"premium_waiver", "critical_illness"'), "last"),
        ("level_term", replace('table = "norel"', 'table = "rel2"'), "cannot be understood"),
        ("level_term", replace("to_ages = [65, 70]", "to_ages = [65, 75]"), "impossible terms"),
        ("level_term", replace("to_ages = [65, 70]", "to_ages = []"), "impossible terms"),
        ("level_term", replace("term_years_min = 5", "term_years_min = 0"), "impossible terms"),
        ("level_term", replace("terms_years = [10", "terms_years = [4"), "impossible terms"),
        ("coverages", replace("75.000", "80.000"), "does not tell the customer its sublimit of 75000"),
        ("level_term", replace("to_ages = [65, 70]", "to_ages = [65]"), "no term for the oldest"),
        ("whole_life", replace(', "critical_illness"', ""), "covers that a product lacks"),
        ("coverages", replace("[death]", "[dying]"), "covers differ"),
        ("coverages", replace('kind = "death"', 'kind = "illness"'), "no cover death"),
    ],
)
def test_files_that_do_not_fit_each_other_are_refused(files: Files, name: str, edit: Edit, complaint: str) -> None:
    files.edit(files.product(name), edit)
    files.reseal()
    with pytest.raises(DamagedCatalogue, match=complaint):
        files.load()


@pytest.mark.parametrize("name", ["renewable_term", "level_term", "coverages", "tariff"])
def test_an_indispensable_file_that_is_not_even_sealed_is_missed(files: Files, name: str) -> None:
    files.product(name).unlink()
    files.index.write_text(
        "\n".join(line for line in files.index.read_text(encoding="utf-8").splitlines() if f'"{name}.toml"' not in line),
        encoding="utf-8",
    )
    with pytest.raises(DamagedCatalogue, match=name):
        files.load()


def test_an_unknown_version_is_refused(files: Files) -> None:
    with pytest.raises(DamagedCatalogue, match=r"no tariff '\.\./2026\.1'"):
        files.load("../2026.1")
    files.edit(files.index, replace(f'current = "{VERSION}"', 'current = "2031.9"'))
    with pytest.raises(DamagedCatalogue, match=r"no tariff '2031\.9'"):
        files.load()


def test_an_index_that_is_no_toml_is_refused(files: Files) -> None:
    files.index.write_bytes(b"\xff\xfe")
    with pytest.raises(DamagedCatalogue, match=r"current\.toml cannot be understood"):
        files.load()


def test_only_the_dip_of_the_young_is_levelled() -> None:
    content = (PACKAGE / "mortality" / "pasem2020.csv").read_bytes()
    for basis, published in read_rates(content, "table").items():
        sold = load_catalogue().book.rates[basis]
        assert {age for age, rate in enumerate(sold) if rate != published[age]} == set(range(27, 33))
        assert set(sold[26:33]) == {published[26]}


def test_an_old_version_stays_loadable_beside_a_new_one(files: Files) -> None:
    new = files.tariff.parent.parent / "2026.2"
    new.mkdir()
    for path in files.tariff.parent.iterdir():
        (new / path.name).write_bytes(path.read_bytes())
    files.edit(new / "tariff.toml", replace('version = "2026.1"', 'version = "2026.2"'))
    files.edit(new / "tariff.toml", replace("validity_days = 30", "validity_days = 15"))
    seals = [f'"{path.name}" = "{sha256(path)}"' for path in sorted(new.iterdir())]
    files.edit(files.index, lambda text: "\n".join([text.replace(VERSION, "2026.2", 1), '[seals."2026.2"]', *seals]))
    assert files.load().book.tariff.validity_days == 15
    assert files.load(VERSION).book == load_catalogue().book
    assert files.load().book.sha256 != files.load(VERSION).book.sha256
