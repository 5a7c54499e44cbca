"""The price: products, tariffs and tables in, offers that can be explained and repeated out. Pure."""

from src.quoting.engine import Applicant, actuarial_age
from src.quoting.explanation import QUOTE_COLUMNS, explain, quote_rows
from src.quoting.needs import Need, Parts, size_need
from src.quoting.offers import Catalogue, Cover, Offer, Projection, Refusal, RefusalCode, load_catalogue
from src.quoting.stored import StoredQuote, stored

__all__ = [
    "QUOTE_COLUMNS",
    "Applicant",
    "Catalogue",
    "Cover",
    "Need",
    "Offer",
    "Parts",
    "Projection",
    "Refusal",
    "RefusalCode",
    "StoredQuote",
    "actuarial_age",
    "explain",
    "load_catalogue",
    "quote_rows",
    "size_need",
    "stored",
]
