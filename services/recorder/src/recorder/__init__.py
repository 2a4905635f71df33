"""The one writer of recordings."""
