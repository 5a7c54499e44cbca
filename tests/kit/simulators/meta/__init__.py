"""Meta's WhatsApp Cloud API (Graph) and its signed webhooks."""
