"""One process that stands in for Fathom, Zoom, YouTube and OpenAI's audio endpoint."""
