"""Prices for given inputs."""

from __future__ import annotations

from datetime import date

import click
from rich import box
from rich.table import Table

from src.bootstrap import tariff_folder
from src.cli.shared import console, file_faults_told, settings_at_hand
from src.quoting import QUOTE_COLUMNS, Applicant, Refusal, explain, load_catalogue, quote_rows


@click.command()
@click.option("--age", type=click.IntRange(0, 120), required=True, help="Years, at the nearest birthday.")
@click.option("--sum", "sum_assured", type=click.IntRange(1), default=150_000, show_default=True, help="Euros.")
@click.option("--smoker/--non-smoker", default=False, show_default=True)
@click.option("--class", "occupation_class", type=click.IntRange(1, 4), default=1, show_default=True, help="Occupation.")
@click.option("--term", "term_years", type=click.IntRange(1, 60), default=None, help="Years, where a product has a term.")
@click.option("--explain", "explained", is_flag=True, help="Every step of each price.")
def quote(*, age: int, sum_assured: int, smoker: bool, occupation_class: int, term_years: int | None, explained: bool) -> None:
    """What every product costs for given inputs, tier by tier, as of today."""
    with file_faults_told():
        catalogue = load_catalogue("", tariff_folder(settings_at_hand()))
    applicant = Applicant(age=age, smoker=smoker, occupation_class=occupation_class)
    today = date.today()
    table = Table(*QUOTE_COLUMNS, box=box.SIMPLE, title=f"tariff {catalogue.book.tariff.version}")
    for row in quote_rows(catalogue, applicant, sum_assured, today, term_years=term_years):
        table.add_row(*(row[column] for column in QUOTE_COLUMNS))
    console.print(table)
    if explained:
        for product in catalogue.book.products:
            offers = catalogue.proposal(applicant, sum_assured, today, product=product, term_years=term_years)
            for offer in () if isinstance(offers, Refusal) else offers:
                console.print("", *explain(offer), sep="\n", markup=False)
