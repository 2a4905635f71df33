"""The messages of the import pipeline, and how they travel."""
