"""iAgente Vida: a WhatsApp sales agent for life insurance."""

__version__ = "0.1.0"
