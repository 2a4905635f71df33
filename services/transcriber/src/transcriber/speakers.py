"""Who speaks, over the parts of a recording: one label never means two people.

An engine's labels begin anew with each part, so A of one part need not be A of the next. Of the first
part with speakers they become `Speaker 1`, `Speaker 2` and so on. Clips of their voices go along with
the later parts, whose answers then name them. Who is not known by a clip is recognised where two parts
overlap; everybody else gets a label that says from when on it counts, `A (from 12:30)`: it may be
somebody who spoke before, but nobody is taken for somebody else.
"""

from __future__ import annotations

import base64
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline_contracts import Segment
from transcriber import encoding
from transcriber.audio import Part
from transcriber.engines.engine import KnownSpeaker, PartAudio
from transcriber.transcript import Transcript

_MADE_UP = re.compile(r"[A-Z]|(?:speaker|spk)?[ _-]?\d+", re.IGNORECASE)
"""Labels that an engine made up; others are names, which it keeps over parts."""
_MOST = 4  # speakers whose clips an engine takes
_SHORTEST, _LONGEST = 2.0, 10.0  # seconds of a clip
_TOGETHER = 0.5  # seconds that two labels must speak at the same time to be the same person

_Turns = dict[str, list[tuple[float, float]]]


def consistent(parts: Sequence[Transcript]) -> list[Transcript]:
    """The parts in their order, with labels that hold for the whole recording. Times are the recording's."""
    done: list[Transcript] = []
    for part in parts:
        labels = _labels(part, done)
        segments = tuple(
            one.model_copy(update={"speaker": labels.get(one.speaker, one.speaker) if one.speaker else None})
            for one in part.segments
        )
        done.append(part.model_copy(update={"segments": segments}))
    return done


def known(audio: PartAudio, first: Transcript) -> tuple[KnownSpeaker, ...]:
    """The speakers of the first part with a clip of each, for `Hints` of the others. Blocks.

    Those who speak most, up to as many as engines take; without those who never speak long enough alone.
    Times are from the start of the part's sound.
    """
    (named,) = consistent([first])
    spoken: dict[str, float] = defaultdict(float)
    best: dict[str, Segment] = {}
    for one in named.segments:
        if one.speaker:
            spoken[one.speaker] += one.end - one.start
            if _is_alone(one, named.segments) and _length(one) > _length(best.get(one.speaker)):
                best[one.speaker] = one
    most = sorted(best, key=lambda name: spoken[name], reverse=True)[:_MOST]
    return tuple(KnownSpeaker(name, _clip(audio, best[name])) for name in most)


def _labels(part: Transcript, before: Sequence[Transcript]) -> dict[str, str]:
    """The recording's label for each label of this part that needs another one."""
    turns = _turns(part)
    local = [name for name in turns if name not in part.known_speakers and _MADE_UP.fullmatch(name)]
    if not any(one.speaker for earlier in before for one in earlier.segments):
        return {label: f"Speaker {number}" for number, label in enumerate(local, 1)}
    met = _met(_turns(before[-1]), turns, local, taken=set(part.known_speakers))
    return {label: met.get(label) or f"{label} (from {_time(turns[label][0][0])})" for label in local}


def _met(earlier: _Turns, later: _Turns, local: Sequence[str], *, taken: set[str]) -> dict[str, str]:
    """Labels of a part that speak at the same time as one of the part before, which it overlaps."""
    together = sorted(
        (-_shared(earlier[name], later[label]), label, name) for name in earlier for label in local
    )
    found: dict[str, str] = {}
    for seconds, label, name in together:
        if -seconds >= _TOGETHER and label not in found and name not in {*taken, *found.values()}:
            found[label] = name
    return found


def _turns(part: Transcript) -> _Turns:
    """When each label speaks, those first that speak first."""
    found: _Turns = defaultdict(list)
    for one in part.segments:
        if one.speaker:
            found[one.speaker].append((one.start, one.end))
    return dict(found)


def _shared(one: Sequence[tuple[float, float]], other: Sequence[tuple[float, float]]) -> float:
    """Seconds in which both speak."""
    return sum(max(0.0, min(a[1], b[1]) - max(a[0], b[0])) for a in one for b in other)


def _length(segment: Segment | None) -> float:
    """Seconds; 0 of one that is too short for a clip."""
    length = segment.end - segment.start if segment else 0.0
    return length if length >= _SHORTEST else 0.0


def _is_alone(segment: Segment, among: Iterable[Segment]) -> bool:
    return not any(
        one.speaker != segment.speaker and min(one.end, segment.end) > max(one.start, segment.start)
        for one in among
    )


def _time(seconds: float) -> str:
    whole = int(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def _clip(audio: PartAudio, segment: Segment) -> str:
    """The middle of what is said there, as a data URL."""
    length = min(segment.end - segment.start, _LONGEST - 0.5)  # an MP3 is a little longer than its sound
    start = audio.part.start + (segment.start + segment.end - length) / 2
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "clip.mp3"
        encoding.encode(audio.audio, Part(0, start, start + length), file, max_bytes=None)
        return "data:audio/mpeg;base64," + base64.b64encode(file.read_bytes()).decode()
