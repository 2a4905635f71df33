"""Any accepted recording as 16 kHz mono samples: decoded as a stream into a file, read by parts.

Memory stays small whatever the length: packets go in, samples go to disk, and whoever works on
them reads a stretch at a time. What would go on for ever, or swell beyond what a file of its size
can hold, is stopped. The functions block; call them in a thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    from av.audio.stream import AudioStream
    from av.container import InputContainer

RATE = 16_000  # Hz
BYTES_PER_SECOND = RATE * 2  # mono, signed 16 bit
LONGEST = 12 * 3600  # seconds of audio that are decoded at most
LONGEST_READING = 1800.0  # seconds for a file to be decoded in; twelve hours of sound take some minutes
_SWELLING = 2000  # decoded bytes for each byte of a file; of speech in the smallest codecs it is below 150
_FREE = 32 * 1024 * 1024  # decoded bytes that any file may have
_FRAME = 4_000_000  # samples of all channels in one frame; the largest that codecs make have half a million
_SLOWEST, _FASTEST = 4_000, 384_000  # Hz; outside, a few bytes could swell to gigabytes
_REPORTED = 10.0  # seconds of audio between two progress reports
_SILENT = 5.0  # seconds after which a report is made although there is no progress

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


def decode(
    source: Path,
    target: Path,
    on_progress: OnProgress = lambda _: None,
    *,
    within: float = LONGEST_READING,
) -> Audio:
    """Decode the default audio track of `source`, or the first, into the file `target`.

    A little rubbish on the way or at the end is passed over. Raises ItemProblem with the codes of
    `media.probe`, truncated_file where the container promised clearly more, damaged_file where
    nothing could be decoded, or far more than a file of its size can hold, or not `within` so many
    seconds; too_long_for_engine over `LONGEST`.
    """
    family = sniff(source).family
    watch = _Watch(on_progress, within, most=_FREE + _SWELLING * source.stat().st_size)
    with opened(source, family) as container, target.open("wb") as file:
        track = _Track(container, family, watch)
        try:
            for samples in _resampled(track.frames()):
                file.write(samples)
                watch.note(len(samples))
        except (av.FFmpegError, ValueError) as error:  # sound in a shape that cannot be resampled
            raise ItemProblem(DAMAGED_FILE) from error
    if watch.written == 0:
        raise ItemProblem(DAMAGED_FILE)
    _check_the_promise(track, watch.seconds)
    return Audio(target, watch.seconds)


class _Watch:
    """How much was decoded, told on the way, and the limits of it."""

    def __init__(self, on_progress: OnProgress, within: float, *, most: int) -> None:
        self.written = 0
        self._on_progress = on_progress
        self._most = most
        self._ends = time.monotonic() + within
        self._told_at, self._told = time.monotonic(), 0.0

    @property
    def seconds(self) -> float:
        """Of sound."""
        return self.written / BYTES_PER_SECOND

    def note(self, count: int) -> None:
        """So many more bytes are decoded. Raises ItemProblem over a limit."""
        self.written += count
        if self.seconds > LONGEST:
            raise ItemProblem(TOO_LONG_FOR_ENGINE, f"At most {LONGEST // 3600} hours are transcribed.")
        if self.written > self._most:
            raise ItemProblem(DAMAGED_FILE, "It unfolds to more sound than it can hold.")
        if self.seconds - self._told >= _REPORTED:
            self._tell(time.monotonic())

    def tick(self) -> None:
        """A packet was read, whatever becomes of it. Raises ItemProblem when the time is up."""
        now = time.monotonic()
        if now > self._ends:
            raise ItemProblem(DAMAGED_FILE, "It takes too long to decode.")
        if now - self._told_at >= _SILENT:
            self._tell(now)

    def _tell(self, now: float) -> None:
        self._told_at, self._told = now, self.seconds
        self._on_progress(self.seconds)


class _Track:
    """The audio track of an open container, and how far in time it was read."""

    def __init__(self, container: InputContainer, family: Family, watch: _Watch) -> None:
        self.container, self.stream, self.family = container, _chosen(container), family
        self._watch = watch
        self.promised = self._promised()
        self.reached = 0.0  # seconds, by the packets' own times; counted for WebM alone, as it takes its time

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
                self._watch.tick()
                if self.family == "webm" and packet.pts is not None and packet.time_base:
                    end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                    self.reached = max(self.reached, end)
                if packet.stream.index == self.stream.index:
                    yield packet
        except av.FFmpegError:
            return


def _chosen(container: InputContainer) -> AudioStream:
    """The track that the container marks as the default, else the first, of those that can be decoded."""
    tracks = container.streams.audio
    if not tracks:
        raise ItemProblem(NO_AUDIO_TRACK)
    known = [track for track in tracks if track.codec_context is not None]
    if not known:
        raise ItemProblem(UNSUPPORTED_TYPE, "Its sound is in a form that is not known here.")
    default = av.stream.Disposition.default
    track = next((track for track in known if track.disposition & default), known[0])
    track.codec_context.options = {"max_samples": str(_FRAME)}
    return track


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
    """Answers with a second of sound at a time: more, and smaller ones, take longer than the decoding."""
    return av.AudioResampler(format="s16", layout="mono", rate=RATE, frame_size=RATE)


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
