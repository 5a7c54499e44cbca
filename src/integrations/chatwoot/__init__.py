"""Chatwoot: the CRM where human agents sit. What its JSON and its codes look like is known here only."""
