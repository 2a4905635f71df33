"""A part as a small MP3 file, for engines that take it over HTTP: every one of them reads MP3."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from pipeline_runtime.failures import TOO_LONG_FOR_ENGINE, ItemProblem
from transcriber.audio import RATE, Audio, Part, Samples

_KBITS = (64, 48, 32, 24)  # from the best to the smallest that is still well understood
_COMFORTABLE = 24 * 1024 * 1024  # bytes; the usual limit of 25 MiB counts the request around the file too
_CHUNK = 10  # seconds that are encoded at a time


def longest(max_bytes: int) -> float:
    """Seconds of sound that stay under the cap at the lowest rate."""
    return min(max_bytes, _COMFORTABLE) / (_KBITS[-1] * 125 * 1.01)


def kbits_for(seconds: float, max_bytes: int | None) -> int:
    """The best rate whose file stays under the cap, in kbit/s. Raises too_long_for_engine."""
    room = min(max_bytes or _COMFORTABLE, _COMFORTABLE)
    for kbits in _KBITS:
        if seconds * kbits * 125 * 1.01 < room:
            return kbits
    if max_bytes is None:
        return _KBITS[-1]
    raise ItemProblem(TOO_LONG_FOR_ENGINE, f"It has {seconds / 60:.0f} minutes.")


def encode(audio: Audio, part: Part, target: Path, *, max_bytes: int | None) -> Path:
    """Write the part to `target` as an MP3 of at most `max_bytes`; blocks."""
    kbits = kbits_for(part.seconds, max_bytes)
    with av.open(str(target), "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=RATE, layout="mono")
        stream.bit_rate = kbits * 1000
        stream.options = {"compression_level": "7"}
        for second in np.arange(part.start, part.end, _CHUNK):
            samples = audio.samples(second, min(second + _CHUNK, part.end))
            if len(samples):
                container.mux(stream.encode(_frame(samples, second - part.start)))
        container.mux(stream.encode(None))
    return target


def _frame(samples: Samples, at: float) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = RATE, int(at * RATE), Fraction(1, RATE)
    return frame
