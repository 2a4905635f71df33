"""Calls from Fathom."""
