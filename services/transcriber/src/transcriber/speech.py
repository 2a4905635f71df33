"""Whether anybody speaks, and for how long: engines invent words over silence."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from faster_whisper.vad import VadOptions, get_speech_timestamps

from transcriber.audio import RATE, Audio, Part

_WINDOW = 60.0  # seconds that are listened to at a time
_LENIENT = VadOptions(threshold=0.35, min_speech_duration_ms=250)
"""Lower than the usual 0.5: here a doubt is for the engine to decide."""


def speech_seconds(audio: Audio, part: Part) -> float:
    """How many seconds of the part are speech. Blocks: some 10 ms for each second."""
    return sum(_spoken(audio, part.start, part.end))


def _spoken(audio: Audio, start: float, end: float) -> Iterator[float]:
    """Seconds of speech in each minute."""
    while start < end:
        samples = audio.samples(start, min(start + _WINDOW, end))
        if len(samples):
            found = get_speech_timestamps(samples.astype(np.float32) / 32768, _LENIENT)
            yield sum(one["end"] - one["start"] for one in found) / RATE
        start += _WINDOW
