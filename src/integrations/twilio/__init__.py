"""Twilio's WhatsApp API. What its forms and its codes look like is known here only."""
