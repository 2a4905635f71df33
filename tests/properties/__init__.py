"""Properties that hold for any order of events."""
