"""Twilio's WhatsApp API and its signed callbacks."""
