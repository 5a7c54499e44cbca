"""What the spreadsheet looks like: its sheets, their columns, and the figures that stand one to a row."""

from __future__ import annotations

from typing import Literal, NamedTuple

from src.quoting.tables import HEADER

FIGURES, OCCUPATION, COVERS, PRODUCTS, TIERS = "figures", "occupation", "covers", "products", "tiers"
PLAUSIBLE, MORTALITY, TEST_ROWS, SIGNATURE, READ_ME = "plausible", "mortality", "test_rows", "signature", "read_me"


class Column(NamedTuple):
    """A column of a sheet, and what stands in it."""

    name: str
    meaning: str


COLUMNS: dict[str, tuple[Column, ...]] = {
    FIGURES: (
        Column("figure", "the name of the figure; all of them are needed"),
        Column("value", "what may be changed"),
        Column("unit", "for people; not read"),
        Column("meaning", "for people; not read"),
    ),
    OCCUPATION: (
        Column("class", "1, 2, 3 …; a class that is not here goes to a person"),
        Column("factor", "on the rate of every cover, from 1 to 5, never falling"),
    ),
    COVERS: (
        Column("cover", "its name in the other sheets"),
        Column("kind", "death, acceleration, illness, accident or waiver"),
        Column("name", "the customer's name for it"),
        Column("words", "what it covers, in the customer's words; with its sublimit, written as 75.000"),
        Column("excluded", "what it does not cover, one sentence to a line of the cell"),
        Column("taxable", "yes or no"),
        Column("incidence", "times the table's rate; for death, acceleration and illness"),
        Column("per_mille", "of the capital and year; for accident"),
        Column("share_of_premium", "of the other premiums; for waiver"),
        Column("smoker", "factor for smokers, from 1 to 5; empty: 1"),
        Column("sublimit", "the most it pays, EUR; empty: the whole capital"),
    ),
    PRODUCTS: (
        Column("product", "its name in the other sheets"),
        Column("name", "the customer's name for it"),
        Column("summary", "what it is, in the customer's words"),
        Column("table", "norel, or rel for covers tied to a loan"),
        Column("duration", "year, term or life"),
        Column("capital", "constant, or loan: it falls as a loan is paid back"),
        Column("covers", "all that it may hold, in the order of the receipt, with semicolons: death first, waiver last"),
        Column("excluded", "what it is not, one sentence to a line of the cell"),
        Column("terms_years", "the usual terms: 10; 20; 30; for a term only"),
        Column("term_years_min", "the shortest term; for a term only"),
        Column("to_ages", "the ages it usually runs to: 65; 70; for a term only"),
    ),
    TIERS: (
        Column("tier", "an option of a proposal; cheapest first"),
        Column("covers", "what it holds, with semicolons: all of the tier before, and more"),
    ),
    PLAUSIBLE: (
        Column("ages", "with semicolons"),
        Column("covers", "with semicolons"),
        Column("per_mille_min", "the least that 150,000 EUR may cost a year, per mille; no smoker, class 1, renewable"),
        Column("per_mille_max", "the most"),
    ),
    MORTALITY: tuple(Column(name, "0 to 120" if name == "age" else "a yearly rate; taken to ten decimals") for name in HEADER),
    TEST_ROWS: (
        Column("age", "actuarial age in years"),
        Column("smoker", "yes or no"),
        Column("occupation_class", "1, 2, 3 …"),
        Column("product", "as in the sheet products"),
        Column("covers", "as in the sheet covers, with semicolons"),
        Column("sum_assured", "EUR"),
        Column("term_years", "years, for a term; empty: to the first usual age"),
        Column("annual_premium", "what it must cost in the first year, EUR to the cent, all taxes in"),
        Column("monthly_premium", "what it must cost a month"),
        Column("refusal", "instead of the premiums: the code of the refusal that must come"),
        Column("note", "for people; not read"),
    ),
    SIGNATURE: (Column("field", "signed_by, role, signed_on, content_sha256"), Column("value", "what the signer enters")),
}
"""The columns of each sheet, in the order in which they are written."""


class Figure(NamedTuple):
    """A figure that stands in a row of its own. `path` is its place in the tariff's file."""

    path: str
    kind: Literal["text", "version", "file", "currency", "whole", "number"]
    unit: str
    meaning: str


FIGURE_ROWS = (
    Figure("version", "version", "", "the name of this tariff; a changed tariff has a new one, such as 2027.1"),
    Figure("currency", "currency", "", "EUR"),
    Figure("validity_days", "whole", "days", "how long an offer holds"),
    Figure("mortality.file", "file", "", "the name of the table; changed rates have a new one"),
    Figure("mortality.source", "text", "", "where the table comes from"),
    Figure("mortality.never_falling_from_age", "whole", "years", "from this age on each rate is at least the one before"),
    Figure("interest.technical_rate", "number", "share a year", "0.0195 is 1.95 %"),
    Figure("loads.acquisition", "number", "share", "of the gross premium"),
    Figure("loads.management", "number", "share", "of the gross premium"),
    Figure("loads.margin", "number", "share", "of the gross premium"),
    Figure("loads.fixed_expense_yearly", "number", "EUR a year", "of each policy, before the shares above"),
    Figure("receipt.consorcio_per_mille", "number", "per mille", "levy on the capital at risk"),
    Figure("receipt.insurance_tax", "number", "share", "on the premium of taxable covers"),
    Figure("receipt.lea_levy", "number", "share", "on the premium of taxable covers"),
    Figure("receipt.monthly_surcharge", "number", "share", "for paying by month"),
    Figure("receipt.note", "text", "", "a remark on the receipt"),
    Figure("limits.entry_age_min", "whole", "years", "the youngest who may enter"),
    Figure("limits.entry_age_max", "whole", "years", "the oldest who may enter"),
    Figure("limits.cover_to_age", "whole", "years", "where add-ons and renewals end"),
    Figure("limits.sum_min", "whole", "EUR", "the least capital"),
    Figure("limits.sum_without_medical_selection", "whole", "EUR", "above it a person decides"),
    Figure("limits.sum_max", "whole", "EUR", "the greatest capital"),
    Figure("loan.yearly_rate", "number", "share a year", "interest of the loan that a falling capital follows"),
    Figure("needs.income_share", "number", "share", "of the income that a household needs"),
    Figure("needs.income_share_low", "number", "share", "the same, low"),
    Figure("needs.income_share_high", "number", "share", "the same, high"),
    Figure("needs.years_with_dependants", "whole", "years", "to protect"),
    Figure("needs.years_with_partner_only", "whole", "years", "to protect"),
    Figure("needs.years_alone", "whole", "years", "to protect"),
    Figure("needs.education_per_child", "whole", "EUR", ""),
    Figure("needs.rounding", "whole", "EUR", "step of every proposed capital"),
    Figure("needs.rule_of_thumb_low_years", "whole", "years of income", "what people read elsewhere, low"),
    Figure("needs.rule_of_thumb_high_years", "whole", "years of income", "the same, high"),
)
SIGNATURE_FIELDS = ("signed_by", "role", "signed_on", "content_sha256")
FOR_PEOPLE = {FIGURES: ("unit", "meaning"), TEST_ROWS: ("note",)}
"""Columns that are not read, and need not be there."""


def read_columns_of(sheet: str) -> tuple[str, ...]:
    """The names of the columns that are read of that sheet."""
    return tuple(column.name for column in COLUMNS[sheet] if column.name not in FOR_PEOPLE.get(sheet, ()))
