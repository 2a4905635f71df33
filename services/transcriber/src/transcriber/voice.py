"""Where somebody speaks, by Silero's voice detector, which comes with faster-whisper.

A recording is listened to a minute at a time, each with a moment of what came before, so that memory
stays small and the answer does not depend on how long the recording is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from faster_whisper.vad import get_vad_model

from transcriber.audio import RATE, Audio, OnProgress

FRAME = 512  # samples of which the detector judges one at a time
SECONDS = FRAME / RATE  # of a frame: 0.032
_WINDOW, _BEFORE = 1875, 32  # frames that are listened to at a time: a minute, and a second to get used to it
_BEGINS, _ENDS = 0.35, 0.2
"""Lower than the usual 0.5 and 0.35: here a doubt is for the engine to decide."""
_SHORTEST = 8  # frames; what is shorter is a click
_BREATH = 10  # frames; a shorter break is part of what is said

Span = tuple[int, int]
"""Frames, the first and the one after the last."""


def find_speech(audio: Audio, on_progress: OnProgress = lambda _: None) -> list[Span]:
    """The stretches in which somebody speaks, in order. Blocks: some 3 ms for each second."""
    return stretches(probability for window in _windows(audio, on_progress) for probability in window)


def stretches(probabilities: Iterator[float]) -> list[Span]:
    """Frames that are speech by their probabilities. It begins at a high one and ends at a low one."""
    found: list[Span] = []
    start: int | None = None
    number = -1
    for number, probability in enumerate(probabilities):
        if start is None and probability >= _BEGINS:
            start = number
        elif start is not None and probability < _ENDS:
            _add(found, (start, number))
            start = None
    if start is not None:
        _add(found, (start, number + 1))
    return [span for span in found if span[1] - span[0] >= _SHORTEST]


def _add(found: list[Span], span: Span) -> None:
    if found and span[0] - found[-1][1] < _BREATH:
        found[-1] = (found[-1][0], span[1])
    else:
        found.append(span)


def _windows(audio: Audio, on_progress: OnProgress) -> Iterator[list[float]]:
    """A probability for each frame; silence fills up the last one."""
    frames = -(-round(audio.seconds * RATE) // FRAME)
    for first in range(0, frames, _WINDOW):
        count = min(_WINDOW, frames - first)
        before = min(_BEFORE, first)
        samples = audio.samples((first - before) * SECONDS, (first + count) * SECONDS)
        yield _judge(samples, before + count)[before:]
        on_progress((first + count) * SECONDS)


def _judge(samples: np.ndarray[Any, np.dtype[np.int16]], frames: int) -> list[float]:
    sound = np.zeros(frames * FRAME, dtype=np.float32)
    sound[: len(samples)] = samples[: len(sound)]
    judged: list[float] = get_vad_model()(sound / 32768).reshape(-1).tolist()
    return judged
