"""Whether anybody speaks: asked before an engine is, since engines invent words over silence."""

from __future__ import annotations

import numpy as np
from faster_whisper.vad import VadOptions, get_speech_timestamps

from transcriber.audio import Audio

_WINDOW = 60.0  # seconds that are listened to at a time
_LENIENT = VadOptions(threshold=0.35, min_speech_duration_ms=250)
"""Lower than the usual 0.5: here a doubt is for the engine to decide."""


def has_speech(audio: Audio) -> bool:
    """True at the first speech. Blocks: some 10 ms for each second that is silent."""
    start = 0.0
    while start < audio.seconds:
        samples = audio.samples(start, start + _WINDOW)
        if len(samples) and get_speech_timestamps(samples.astype(np.float32) / 32768, _LENIENT):
            return True
        start += _WINDOW
    return False
