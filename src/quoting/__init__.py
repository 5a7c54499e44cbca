"""The price: products, tariffs and tables in, offers that can be explained and repeated out. Pure."""

from src.quoting.engine import Applicant, actuarial_age
from src.quoting.explanation import explain, table_rows
from src.quoting.needs import Need, size_need
from src.quoting.offers import Catalogue, Offer, Projection, Refusal, RefusalCode, load_catalogue

__all__ = [
    "Applicant",
    "Catalogue",
    "Need",
    "Offer",
    "Projection",
    "Refusal",
    "RefusalCode",
    "actuarial_age",
    "explain",
    "load_catalogue",
    "size_need",
    "table_rows",
]
