"""Joins what two parts heard of a moment that both have, without a word lost or doubled. Pure.

The words of the moment are aligned: what stands behind the common words in the first part, or before
them in the second, are words that the cut went through. Where nothing is common, times decide.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from pipeline_contracts import Segment
from transcriber.transcript import Transcript

_WIDE = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"  # scripts without spaces
_TOKEN = re.compile(rf"\s*(?:[{_WIDE}]|[^\s{_WIDE}]+)")
_SLACK = 2.0  # seconds by which the times of words may be wrong
_SURE = 0.7  # seconds between two equal words that are one, where no other word of the moment is equal
_LOST = 0.5  # what a word outside the common ones counts against one within


@dataclass(frozen=True)
class Token:
    """A word, with the space before it, and about when it was said."""

    text: str
    at: float

    @property
    def plain(self) -> str:
        """The word as it is compared."""
        return re.sub(r"\W+", "", self.text).casefold() or self.text.strip()


def stitched(first: Transcript, second: Transcript, start: float, end: float) -> tuple[Transcript, Transcript]:
    """Both without what the other has of the moment from `start` to `end`. Times are the recording's."""
    ours, theirs = tokens(first, until=end), tokens(second, since=start)
    kept, dropped = seam(ours, theirs, start, end)
    at = ours[kept - 1].at if kept else start
    until = theirs[dropped].at if dropped < len(theirs) else end
    return _cut(first, ours, 0, kept, until=at), _cut(second, theirs, dropped, len(theirs), since=until)


def tokens(transcript: Transcript, *, since: float | None = None, until: float | None = None) -> list[Token]:
    """The transcript's words. Times within a segment, or within all that is known of it, are guessed."""
    segments = transcript.segments
    if not segments:
        # Without times nobody knows more than that the moment is at the one end or the other.
        pace = 0.4 * (1 if since is not None else -1)
        words = _TOKEN.findall(transcript.text)
        begin = since if since is not None else (until or 0.0) + pace * len(words)
        return [Token(word, begin + abs(pace) * number) for number, word in enumerate(words)]
    return [token for segment in segments for token in _of_segment(segment)]


def seam(ours: Sequence[Token], theirs: Sequence[Token], start: float, end: float) -> tuple[int, int]:
    """How many of the first words to keep, and how many of the second to drop."""
    low = next((n for n, one in enumerate(ours) if one.at >= start - _SLACK), len(ours))
    high = next((n for n, one in enumerate(theirs) if one.at > end + _SLACK), len(theirs))
    best, found = 0.0, None
    for i in range(low, len(ours)):
        for j in range(high):
            if i > low and j and ours[i - 1].plain == theirs[j - 1].plain:
                continue  # part of a run that was looked at
            run = _run(ours, theirs[:high], i, j)
            apart = abs(ours[i].at - theirs[j].at) if run else 0.0
            if not run or (run == 1 and apart > _SURE):
                continue
            worth = run - _LOST * (len(ours) - i - run + j) - apart / 100
            if worth > best:
                best, found = worth, (i + run, j + run)
    if found is not None:
        return found
    return _by_time(ours, theirs, start, end)


def _by_time(ours: Sequence[Token], theirs: Sequence[Token], start: float, end: float) -> tuple[int, int]:
    """Half of the moment to either, unless only one of them has heard anything in it."""
    if not any(one.at >= start for one in ours) or not any(one.at < end for one in theirs):
        return len(ours), 0
    middle = (start + end) / 2
    return sum(one.at < middle for one in ours), sum(one.at < middle for one in theirs)


def _run(ours: Sequence[Token], theirs: Sequence[Token], i: int, j: int) -> int:
    """How many words are equal from here on."""
    return sum(
        1
        for _ in takewhile(lambda pair: pair[0].plain == pair[1].plain, zip(ours[i:], theirs[j:], strict=False))
    )


def _of_segment(segment: Segment) -> list[Token]:
    words = _TOKEN.findall(segment.text)
    step = (segment.end - segment.start) / max(1, len(words))
    return [Token(word, segment.start + (number + 0.5) * step) for number, word in enumerate(words)]


def _cut(
    transcript: Transcript, all_of_them: Sequence[Token], first: int, last: int, *,
    since: float = float("-inf"), until: float = float("inf"),
) -> Transcript:  # fmt: skip
    """The words from `first` to `last`; those with times of their own by these."""
    if (first, last) == (0, len(all_of_them)):
        return transcript
    text = "".join(token.text for token in all_of_them[first:last]).strip()
    words = _TOKEN.findall(transcript.text)
    if len(words) == len(all_of_them):
        text = "".join(words[first:last]).strip()
    return transcript.model_copy(
        update={
            "text": text,
            "segments": _cut_segments(transcript.segments, first, last),
            "words": tuple(one for one in transcript.words if since <= (one.start + one.end) / 2 <= until),
        }
    )


def _cut_segments(segments: Sequence[Segment], first: int, last: int) -> tuple[Segment, ...]:
    kept, at = [], 0
    for segment in segments:
        words = _of_segment(segment)
        low, high = max(0, first - at), min(len(words), last - at)
        at += len(words)
        if low >= high:
            continue
        if (low, high) == (0, len(words)):
            kept.append(segment)
            continue
        text = "".join(token.text for token in words[low:high]).strip()
        step = (segment.end - segment.start) / len(words)
        start, end = segment.start + low * step, segment.start + high * step
        kept.append(segment.model_copy(update={"text": text, "start": round(start, 3), "end": round(end, 3)}))
    return tuple(kept)
