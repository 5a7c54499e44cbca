"""Servers that speak OpenAI's protocol: the language model, transcription, moderation."""
