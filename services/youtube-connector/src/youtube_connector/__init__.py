"""Videos from YouTube."""
