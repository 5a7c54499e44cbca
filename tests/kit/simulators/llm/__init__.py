"""An OpenAI-compatible server that answers as told."""
