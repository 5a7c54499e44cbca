"""Chatwoot: REST API and signed webhooks, with its 70 rules."""
