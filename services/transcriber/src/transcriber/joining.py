"""One transcript of a recording's parts: times mapped back through what was cut out, seams closed. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate

from pipeline_contracts import Segment
from transcriber.guards import loops_over_parts
from transcriber.manifest import Piece
from transcriber.seams import stitched
from transcriber.speakers import consistent
from transcriber.transcript import Transcript, Word, retimed

Heard = tuple[Piece, Transcript]


def join(heard: Sequence[Heard]) -> Transcript:
    """The transcript of these parts, in their order, with times of the recording. It counts no usage."""
    whole = _without_doubles(_named(heard))
    return Transcript(
        text=" ".join(one.text for _, one in whole if one.text),
        segments=_segments(whole),
        words=_words([one for _, one in whole]),
        language_checked=all(one.language_checked for _, one in whole),
        dropped=tuple(dropped for _, one in whole for dropped in one.dropped),
    )


def _named(heard: Sequence[Heard]) -> list[Heard]:
    """The parts with times of the recording, without loops, and labels that mean the same in all of them."""
    timed = loops_over_parts([retimed(one, clock(piece.spans)) for piece, one in heard])
    return [(piece, one) for (piece, _), one in zip(heard, consistent(timed), strict=True)]


def clock(spans: Sequence[tuple[float, float]]) -> Callable[[float], float]:
    """From a part's time to the recording's. A time past the end is the end."""
    ends = list(accumulate(end - start for start, end in spans))

    def told(time: float) -> float:
        number = min(bisect_left(ends, time - 1e-6), len(spans) - 1)
        start, end = spans[number]
        before = ends[number - 1] if number else 0.0
        return round(min(max(start + time - before, start), end), 3)

    return told


def _without_doubles(heard: Sequence[Heard]) -> list[Heard]:
    whole: list[Heard] = []
    for piece, transcript in heard:
        ours = transcript
        if whole and whole[-1][0].end > piece.start:
            before, first = whole[-1]
            first, ours = stitched(first, ours, piece.start, before.end)
            whole[-1] = (before, first)
        whole.append((piece, ours))
    return whole


def _segments(whole: Sequence[Heard]) -> tuple[Segment, ...]:
    """All segments. A part whose engine tells no times is one segment, unless it is all that there is."""
    if len(whole) == 1 or not any(one.text for _, one in whole):
        return whole[0][1].segments if whole else ()
    segments: list[Segment] = []
    for piece, one in whole:
        if one.segments or not one.text:
            segments += one.segments
        else:
            segments.append(Segment(start=round(piece.start, 3), end=round(piece.end, 3), text=one.text))
    return tuple(sorted(segments, key=lambda one: one.start))


def _words(whole: Sequence[Transcript]) -> tuple[Word, ...]:
    """All words with their times; none where only some parts have them."""
    if any(one.text and not one.words for one in whole):
        return ()
    return tuple(word for one in whole for word in one.words)
