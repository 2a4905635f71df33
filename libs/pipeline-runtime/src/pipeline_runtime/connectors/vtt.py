"""Transcripts in WebVTT: who speaks stands in a voice tag, or before a colon, `Jane Doe: text`, or nowhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from pipeline_contracts import Segment

_CLOCK = r"(?:(\d+):)?(\d{1,2}):(\d{1,2}[.,]\d{1,3})"
_TIMES = re.compile(rf"^{_CLOCK}[ \t]+-->[ \t]+{_CLOCK}.*$", re.MULTILINE)
_VOICE = re.compile(r"<v(?:\.\S+)?\s+([^>]+)>")
_TAG = re.compile(r"</?[a-z][^>]*>")
_PREFIX = re.compile(r"([^:?!]{1,80}):\s+(?=\S)")


def read_vtt(files: Sequence[tuple[float, str]]) -> list[Segment]:
    """The segments of one call: each file with the seconds from the call's start to the file's own zero.

    A colon makes a speaker only of what does so twice in the call, or is written like a full name:
    somebody may say "Remember this: ...".
    """
    cues = [cue for offset, text in files for cue in _cues(offset, text)]
    counts = Counter(name for *_, text in cues if (name := _prefix(text)))
    return [_segment(start, end, text, counts) for start, end, text in cues]


def _cues(offset: float, text: str) -> Iterator[tuple[float, float, str]]:
    """Start and end in seconds, and all that stands there; what is no cue is passed over."""
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n").replace("\r", "\n")):
        times = _TIMES.search(block)
        if times and (words := " ".join(block[times.end() :].split())):
            start, end = _seconds(times.groups()[:3]), _seconds(times.groups()[3:])
            yield round(offset + start, 3), round(offset + max(start, end), 3), words


def _segment(start: float, end: float, text: str, counts: Counter[str]) -> Segment:
    name = _prefix(text)
    if voice := _VOICE.match(text):
        name, text = voice[1].strip(), text[voice.end() :]
    elif name and (counts[name] > 1 or _is_like_a_name(name)):
        text = text.partition(":")[2]
    else:
        name = None
    return Segment(start=start, end=end, speaker=name, text=_TAG.sub("", text).strip())


def _prefix(text: str) -> str | None:
    found = _PREFIX.match(text)
    return found[1].strip() or None if found else None


def _is_like_a_name(words: str) -> bool:
    """Two words or more that begin with a letter, none with a small one: somebody who speaks once."""
    letters = [word[0] for word in words.split() if word[0].isalpha()]
    return len(letters) > 1 and not any(letter.islower() for letter in letters)


def _seconds(clock: Sequence[str | None]) -> float:
    hours, minutes, seconds = clock
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float((seconds or "0").replace(",", "."))
