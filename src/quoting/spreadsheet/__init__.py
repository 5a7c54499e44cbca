"""A tariff as a spreadsheet that an actuary edits, checks and signs. Pure: sheets in, a verdict or files out."""

from src.quoting.spreadsheet.cells import Cell, Fault, Sheet, Unusable, Workbook, letters
from src.quoting.spreadsheet.checking import Published, Sayable, Tested, Verdict, check
from src.quoting.spreadsheet.layout import COLUMNS
from src.quoting.spreadsheet.publishing import index_with, published_files
from src.quoting.spreadsheet.writing import write

__all__ = [
    "COLUMNS",
    "Cell",
    "Fault",
    "Published",
    "Sayable",
    "Sheet",
    "Tested",
    "Unusable",
    "Verdict",
    "Workbook",
    "check",
    "index_with",
    "letters",
    "published_files",
    "write",
]
