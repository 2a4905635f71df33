"""Fathom: OAuth and API keys, meetings, transcripts, downloads, webhooks."""
