"""Cuts a recording into parts: in silences, within what the engine takes, long silence left out. Pure.

Everything is counted in frames of the voice detector. The same speech and limits give the same parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from transcriber.voice import SECONDS, Span

PAD = 24  # frames that stay of a long silence on either side: 0.8 s; with less, Whisper may skip a sentence
LONG = 94  # frames above which a silence is long, and left out: 3 s
PAUSE = 10  # frames from which on a silence is one to cut in: 0.3 s
OVERLAP = 80  # frames that two parts share where there was no silence to cut in: 2.5 s
_LEAST, _MOST = 0.5, 1.5  # of the wanted length, for the sake of a good silence
_SHORTEST = 4 * OVERLAP  # frames; an engine that takes less is not worth asking


@dataclass(frozen=True)
class Limits:
    """How long parts shall be, and how long they may be at most, in frames."""

    wanted: int
    longest: int

    @classmethod
    def of(cls, wanted: float, longest: float | None) -> Limits:
        """From seconds."""
        most = max(_SHORTEST, int((longest if longest is not None else wanted * _MOST) / SECONDS))
        return cls(max(_SHORTEST, min(round(wanted / SECONDS), most)), most)


@dataclass(frozen=True)
class Cut:
    """One part: the stretches of the recording that are in it, and how many frames of that are speech."""

    spans: tuple[Span, ...]
    speech: int

    @property
    def length(self) -> int:
        """Frames that the part has."""
        return sum(end - start for start, end in self.spans)


def cut(speech: Sequence[Span], total: int, limits: Limits) -> list[Cut]:
    """The parts of a recording of `total` frames in which there is this speech. None without speech."""
    parts: list[Cut] = []
    rest = list(speech)
    begin = max(0, rest[0][0] - PAD) if rest else 0
    while rest:
        count = _how_many(rest, begin, limits)
        if count == len(rest):
            taken, rest, end, following = rest, [], min(total, rest[-1][1] + PAD), total
        elif count:
            end, following = _edges(rest[count - 1][1], rest[count][0])
            taken, rest = rest[:count], rest[count:]
        else:
            taken, rest, end, following = _through_speech(rest, begin, limits)
        parts.append(_part(taken, begin, end))
        begin = following
    return parts


def _how_many(rest: list[Span], begin: int, limits: Limits) -> int:
    """Stretches until the best silence: the longer the better, the nearer to the wanted length the better.

    0 where there is no silence at a fitting place.
    """
    least, most = limits.wanted * _LEAST, min(limits.longest, limits.wanted * _MOST)
    length, last, worth, found = 0, begin, float("-inf"), 0
    for number, (start, end) in enumerate(rest):
        pause = start - last
        if number and pause >= PAUSE and length >= least:
            now = min(pause, LONG) - LONG * abs(length - limits.wanted) / limits.wanted
            if now > worth:
                worth, found = now, number
        length += _kept(pause) + end - start
        behind = LONG // 2 if number + 1 < len(rest) else PAD
        if length + behind > most:
            return found
        last = end
    return len(rest)


def _through_speech(rest: list[Span], begin: int, limits: Limits) -> tuple[list[Span], list[Span], int, int]:
    """A part of the wanted length, what follows it, its end, and the beginning of the next, a little before."""
    length, last = 0, begin
    for number, (start, end) in enumerate(rest):
        before = length + _kept(start - last)
        if before >= limits.wanted:
            edge, following = _edges(last, start)
            return rest[:number], rest[number:], min(edge, last + limits.wanted - length), following
        if before + end - start > limits.wanted:
            at = start + limits.wanted - before
            after = [(max(one[0], at - OVERLAP), one[1]) for one in rest if one[1] > at - OVERLAP]
            return [*rest[:number], (start, at)], after, at, max(at - OVERLAP, after[0][0] - PAD)
        length, last = before + end - start, end
    return rest, [], last, last  # it fits, if nothing of the silence behind it is kept


def _edges(end: int, start: int) -> tuple[int, int]:
    """Where one part ends and the next begins, in the silence between them."""
    if start - end > LONG:
        return end + PAD, start - PAD
    middle = (end + start) // 2
    return middle, middle


def _kept(pause: int) -> int:
    return pause if pause <= LONG else 2 * PAD


def _part(taken: list[Span], begin: int, end: int) -> Cut:
    """From `begin` to `end`, without the long silences in between."""
    edges = [begin]
    for (_, stop), (start, _) in pairwise(taken):
        if start - stop > LONG:
            edges += [stop + PAD, start - PAD]
    edges.append(end)
    spans = tuple(zip(edges[::2], edges[1::2], strict=True))
    return Cut(spans, sum(stop - start for start, stop in taken))
