"""`python -m src.cli`"""

from src.cli import cli

cli()
