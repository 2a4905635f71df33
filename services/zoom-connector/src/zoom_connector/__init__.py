"""Calls from Zoom."""
