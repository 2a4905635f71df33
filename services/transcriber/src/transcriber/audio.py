"""Any accepted recording as 16 kHz mono samples: decoded as a stream into a file, read by parts.

Memory stays small whatever the length: packets go in, samples go to disk, and whoever works on
them reads a stretch at a time. The functions block; call them in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import av
import numpy as np

from pipeline_runtime.containers import Family, sniff
from pipeline_runtime.failures import (
    DAMAGED_FILE,
    NO_AUDIO_TRACK,
    TOO_LONG_FOR_ENGINE,
    TRUNCATED_FILE,
    UNSUPPORTED_TYPE,
    ItemProblem,
)
from pipeline_runtime.media import opened

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.container import InputContainer

RATE = 16_000  # Hz
BYTES_PER_SECOND = RATE * 2  # mono, signed 16 bit
LONGEST = 12 * 3600  # seconds of audio that are decoded at most
_SLOWEST, _FASTEST = 4_000, 384_000  # Hz; outside, a few bytes could swell to gigabytes
_REPORTED = 10.0  # seconds of audio between two progress reports

Samples = np.ndarray[Any, np.dtype[np.int16]]
OnProgress = Callable[[float], None]
"""Called with the seconds of audio done. May raise to stop the work."""


@dataclass(frozen=True)
class Part:
    """A stretch of a recording, in seconds. A recording is a list of them, numbered from 0."""

    number: int
    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long the part is."""
        return self.end - self.start


@dataclass(frozen=True)
class Audio:
    """Decoded samples in a file: 16 kHz, mono, signed 16 bit, little-endian, no header."""

    path: Path
    seconds: float

    def parts(self) -> list[Part]:
        """The parts in their order. One, until recordings are cut for engines with short limits."""
        return [Part(0, 0.0, self.seconds)]

    def samples(self, start: float = 0.0, end: float | None = None) -> Samples:
        """The samples of a stretch, in memory: ask for as much as is worked on at a time."""
        first = int(start * RATE)
        count = -1 if end is None else max(0, int(end * RATE) - first)
        return np.fromfile(self.path, dtype=np.dtype("<i2"), count=count, offset=first * 2)


def decode(source: Path, target: Path, on_progress: OnProgress = lambda _: None) -> Audio:
    """Decode the first or default audio track of `source` into the file `target`.

    A little rubbish on the way or at the end is passed over. Raises ItemProblem with the codes of
    `media.probe`, truncated_file where the container promised clearly more, damaged_file where
    nothing could be decoded, too_long_for_engine over `LONGEST`.
    """
    family = sniff(source).family
    with opened(source, family) as container, target.open("wb") as file:
        track = _Track(container, family)
        try:
            written = _write(track, file, on_progress)
        except (av.FFmpegError, ValueError) as error:  # sound in a shape that cannot be resampled
            raise ItemProblem(DAMAGED_FILE) from error
    if written == 0:
        raise ItemProblem(DAMAGED_FILE)
    _check_the_promise(track, written / BYTES_PER_SECOND)
    return Audio(target, written / BYTES_PER_SECOND)


class _Track:
    """The audio track of an open container, and how far in time it was read."""

    def __init__(self, container: InputContainer, family: Family) -> None:
        stream = container.streams.best("audio")
        if not isinstance(stream, av.AudioStream):
            raise ItemProblem(NO_AUDIO_TRACK)
        if stream.codec_context is None:
            raise ItemProblem(UNSUPPORTED_TYPE, "Its sound is in a form that is not known here.")
        self.container, self.stream, self.family = container, stream, family
        self.promised = self._promised()
        self.reached = 0.0  # seconds, by the packets' own times

    def _promised(self) -> float | None:
        """Seconds that the container says there are; None where it only guesses."""
        if self.family == "iso" and self.stream.duration and self.stream.time_base:
            return float(self.stream.duration * self.stream.time_base)
        if self.family == "webm" and self.container.duration:
            return self.container.duration / av.time_base
        return None  # MP3 and WAV say it in bytes, which were counted before

    def frames(self) -> Iterator[AudioFrame]:
        """Decoded frames, without the packets that cannot be."""
        for packet in self._packets():
            try:
                yield from self.stream.decode(packet)
            except av.FFmpegError:  # it has a dozen names for rubbish
                continue

    def _packets(self) -> Iterator[av.Packet[Any]]:
        """The track's packets, until the end or the place where the container breaks off.

        WebM promises a length for all its tracks together, so there all are looked at.
        """
        wanted = [] if self.family == "webm" else [self.stream]
        try:
            for packet in self.container.demux(*wanted):
                if packet.pts is not None and packet.time_base:
                    end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                    self.reached = max(self.reached, end)
                if packet.stream.index == self.stream.index:
                    yield packet
        except av.FFmpegError:
            return


def _write(track: _Track, file: BinaryIO, on_progress: OnProgress) -> int:
    """Bytes written: every frame as 16 kHz mono. Raises too_long_for_engine over `LONGEST`."""
    written, reported = 0, 0.0
    for samples in _resampled(track.frames()):
        written += file.write(samples)
        seconds = written / BYTES_PER_SECOND
        if seconds > LONGEST:
            raise ItemProblem(TOO_LONG_FOR_ENGINE, f"At most {LONGEST // 3600} hours are transcribed.")
        if seconds - reported >= _REPORTED:
            on_progress(seconds)
            reported = seconds
    return written


def _resampled(frames: Iterator[AudioFrame]) -> Iterator[bytes]:
    """The frames' sound as 16 kHz mono s16. A track may change its form on the way."""
    form: tuple[str, str, int] | None = None
    resampler = _resampler()
    for frame in frames:
        if not _SLOWEST <= frame.sample_rate <= _FASTEST:
            raise ItemProblem(DAMAGED_FILE)
        if form is not None and form != _form(frame):
            yield from _bytes_of(resampler.resample(None))
            resampler = _resampler()
        form = _form(frame)
        frame.pts = None  # gaps in the clock are no reason to stop
        yield from _bytes_of(resampler.resample(frame))
    if form is not None:
        yield from _bytes_of(resampler.resample(None))


def _resampler() -> av.AudioResampler:
    return av.AudioResampler(format="s16", layout="mono", rate=RATE)


def _form(frame: AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _bytes_of(frames: list[AudioFrame]) -> Iterator[bytes]:
    for frame in frames:
        yield frame.to_ndarray().tobytes()


def _check_the_promise(track: _Track, seconds: float) -> None:
    promised = track.promised
    there = max(seconds, track.reached) if track.family == "webm" else seconds
    if promised is not None and promised - there > 2 + promised * 0.01:
        raise ItemProblem(TRUNCATED_FILE, f"{there:.0f} of {promised:.0f} seconds are there.")
