"""The front of the wing `whatsapp`, under the name by which installations import it."""

from src.integrations.whatsapp.client import WhatsAppClient

__all__ = ["WhatsAppClient"]
