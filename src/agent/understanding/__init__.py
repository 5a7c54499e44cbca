"""Reading Spanish: a prospect's words in, intents and values with their evidence out."""

from src.agent.understanding.details import BANK_TIED
from src.agent.understanding.reader import read
from src.agent.understanding.reading import CONFIRM_BELOW, Context, Found, Intent, IntentName, Reading

__all__ = ["BANK_TIED", "CONFIRM_BELOW", "Context", "Found", "Intent", "IntentName", "Reading", "read"]
