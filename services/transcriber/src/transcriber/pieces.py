"""Makes parts of decoded sound: finds the speech, cuts, and keeps each part as a small file in storage."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from hashlib import file_digest
from pathlib import Path
from uuid import UUID

from pipeline_runtime.storage import Storage
from transcriber import encoding
from transcriber.audio import BYTES_PER_SECOND, RATE, Audio, OnProgress
from transcriber.audio import Part as Stretch
from transcriber.cutting import Cut, Limits, cut
from transcriber.engines import Caps
from transcriber.manifest import Piece
from transcriber.voice import FRAME, SECONDS, Span, find_speech

_MOSTLY = 0.8  # of what an engine takes: room for a good silence
_MARGIN = 0.99  # an encoded part is a moment longer than its sound

Times = tuple[float, float]


@dataclass(frozen=True)
class Place:
    """Where the parts of one item lie: under their owner and the item, named by what is in them."""

    storage: Storage
    owner: UUID
    item: UUID

    @property
    def prefix(self) -> str:
        """How their keys begin."""
        return f"{self.owner}/{self.item}/"

    def key(self, sha256: str) -> str:
        """The key of a part."""
        return f"{self.prefix}{sha256}.mp3"


def limits_of(caps: Caps, wanted: float | None) -> Limits:
    """How long parts may be for an engine; `wanted` seconds where it is set."""
    longest = [caps.max_seconds] if caps.max_seconds is not None else []
    if caps.max_bytes is not None:
        longest.append(encoding.longest(caps.max_bytes))
    return Limits.of(wanted or caps.part_seconds, min(longest) * _MARGIN if longest else None)


async def make_pieces(
    place: Place, audio: Audio, limits: Limits, caps: Caps, folder: Path, on_progress: OnProgress
) -> list[Piece]:
    """The parts of a sound, kept. None where nobody speaks. `folder` holds one part's sound at a time."""
    async with stoppable(on_progress) as told:
        speech = await asyncio.to_thread(find_speech, audio, told)
        frames = -(-round(audio.seconds * RATE) // FRAME)
        made = []
        for one in cut(speech, frames, limits):
            made.append(await _keep(place, audio, one, caps, folder))
            told(made[-1].end)
        return made


async def make_smaller(
    place: Place, audio: Audio, whole: Piece, seconds: float, max_bytes: int | None, folder: Path
) -> list[Piece]:
    """A part whose sound is `audio` in parts of at most so many seconds."""
    limits, caps = Limits.of(seconds * _MOSTLY, seconds), Caps(max_bytes=max_bytes)
    pieces = await make_pieces(place, audio, limits, caps, folder, lambda _: None)
    return [replace(piece, spans=within(whole.spans, piece.spans)) for piece in pieces]


def within(spans: Sequence[Times], inner: Sequence[Times]) -> tuple[Times, ...]:
    """Stretches of a part's time as stretches of the recording's, of which the part has `spans`."""
    found: list[Times] = []
    for first, last in inner:
        before = 0.0
        for start, end in spans:
            low, high = max(first - before, 0.0), min(last - before, end - start)
            if low < high:
                found.append((round(start + low, 3), round(start + high, 3)))
            before += end - start
    return tuple(found)


async def _keep(place: Place, audio: Audio, one: Cut, caps: Caps, folder: Path) -> Piece:
    sound = await asyncio.to_thread(_extract, audio, one.spans, folder / "part")
    async with place.storage.incoming() as file:
        whole = Stretch(0, 0.0, sound.seconds)
        await asyncio.to_thread(encoding.encode, sound, whole, file.path, max_bytes=caps.max_bytes)
        sha256 = await asyncio.to_thread(_digest, file.path)
        await asyncio.to_thread(file.keep, place.key(sha256))
    spans = tuple((_time(start), min(_time(end), audio.seconds)) for start, end in one.spans)
    return Piece(place.key(sha256), sha256, spans, round(sound.seconds, 3), _time(one.speech))


def _extract(audio: Audio, spans: Sequence[Span], target: Path) -> Audio:
    """The stretches of a sound as a sound of their own."""
    written = 0
    with target.open("wb") as file:
        for start, end in spans:
            written += file.write(audio.samples(start * SECONDS, end * SECONDS).tobytes())
    return Audio(target, written / BYTES_PER_SECOND)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _time(frames: int) -> float:
    return round(frames * SECONDS, 3)


@asynccontextmanager
async def stoppable(on_progress: OnProgress) -> AsyncIterator[OnProgress]:
    """A progress report that ends the thread which makes it, once nobody waits for it any more."""
    stop = threading.Event()

    def told(seconds: float) -> None:
        if stop.is_set():
            raise InterruptedError
        on_progress(seconds)

    try:
        yield told
    finally:
        stop.set()
