"""OpenAI: models and audio transcriptions."""
