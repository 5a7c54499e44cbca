"""The front of the wing `chatwoot`, under the name by which installations import it."""

from src.integrations.chatwoot.client import ChatwootClient

__all__ = ["ChatwootClient"]
