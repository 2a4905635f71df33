"""Recordings of any length, put together from the speech files that are kept and from silence.

Needs no speech program. The words are those of `tests/speech/scripts.json`; the same wish makes the same
samples. A voice is a speech file that is played a little faster or slower, which makes it higher or lower.
"""

from __future__ import annotations

import json
import random
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np

SPEECH = Path(__file__).parents[1] / "speech"
RATE = 16_000
BREATH = (0.4, 1.5)  # seconds between two turns
SILENCE = (4.0, 12.0)  # seconds where nobody speaks for a while
_SILENT_ONCE_IN = 12  # turns

Samples = np.ndarray[Any, np.dtype[np.int16]]


@dataclass(frozen=True)
class Turn:
    """Something that is said, from when to when in seconds, in which voice."""

    text: str
    start: float
    end: float
    speaker: str


@cache
def scripts() -> dict[str, str]:
    """File to the words spoken in it."""
    return dict(json.loads((SPEECH / "scripts.json").read_text()))


@cache
def samples(name: str, pace: float = 1.0) -> Samples:
    """A speech file as 16 kHz mono, played that much faster."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(str(SPEECH / name)) as container:
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    frames += resampler.resample(None)
    sound = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    places = np.arange(0, len(sound) - 1, pace)
    return np.interp(places, np.arange(len(sound)), sound).astype(np.int16)


def talk(
    seconds: float, *, seed: int = 1, voices: tuple[float, ...] = (1.0,)
) -> Iterator[tuple[Samples, Turn | None]]:
    """Speech and silence in turns until it is that long; what is said comes with its sound."""
    dice, at, number = random.Random(seed), 0.0, 0
    names = sorted(scripts())
    while at < seconds:
        name, voice = names[number % len(names)], dice.randrange(len(voices))
        sound = samples(name, voices[voice])
        length = len(sound) / RATE
        yield sound, Turn(scripts()[name], at, at + length, f"voice {voice}")
        number += 1
        pause = dice.uniform(*(SILENCE if number % _SILENT_ONCE_IN == 0 else BREATH))
        yield np.zeros(int(pause * RATE), dtype=np.int16), None
        at += length + int(pause * RATE) / RATE


def write_talk(target: Path, seconds: float, **wishes: Any) -> list[Turn]:
    """A WAV file of at least that length; what is said in it."""
    turns: list[Turn] = []
    with wave.open(str(target), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        for sound, turn in talk(seconds, **wishes):
            file.writeframes(sound.tobytes())
            turns += [turn] if turn else []
    return turns
