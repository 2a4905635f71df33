"""Subtitles, which say how long each stays on the screen, and not how long somebody speaks."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from pipeline_contracts import Segment


def read_subtitles(rows: Iterable[tuple[float, float, str]]) -> list[Segment]:
    """Segments of rows with start, seconds on the screen, and text. Rows without words are left out.

    Each ends where the next one begins, at the latest.
    """
    said = sorted((start, seconds, words) for start, seconds, text in rows if (words := " ".join(text.split())))
    follow = [*(start for start, *_ in said), inf][1:]
    return [
        Segment(start=start, end=min(start + max(0.0, seconds), following), text=words)
        for (start, seconds, words), following in zip(said, follow, strict=True)
    ]
