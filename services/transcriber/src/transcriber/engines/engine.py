"""What an engine is: anything that makes a transcript of a part of a recording."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pipeline_runtime.failures import TOO_LONG_FOR_ENGINE, ItemProblem
from transcriber import encoding
from transcriber.audio import Audio, Part, Samples
from transcriber.transcript import Transcript

OnProgress = Callable[[float], None]
"""Called with the seconds of the part that are done; from any thread."""


@dataclass(frozen=True)
class Caps:
    """What an engine takes at most in one call; None where it does not say.

    `part_seconds` is the length that suits it best, and is never over `max_seconds`.
    """

    max_bytes: int | None = None
    max_seconds: float | None = None
    part_seconds: float = 600.0


class PartTooLong(ItemProblem):
    """This part is over what the engine takes: cut it into pieces of `pieces(seconds)` and ask for each.

    The numbers are those that the engine told; None where it told none.
    """

    def __init__(
        self, detail: str = "", *, max_seconds: float | None = None, max_bytes: int | None = None
    ) -> None:
        super().__init__(TOO_LONG_FOR_ENGINE, detail)
        self.max_seconds = max_seconds
        self.max_bytes = max_bytes

    def pieces(self, seconds: float) -> float:
        """Seconds that a piece of a refused part of `seconds` may have: at most half of it."""
        return min(seconds / 2, 0.95 * self.max_seconds if self.max_seconds else seconds)


@dataclass(frozen=True)
class KnownSpeaker:
    """A speaker's label in this recording, and 2 to 10 seconds of their voice as a `data:` URL."""

    name: str
    clip: str = field(repr=False)


@dataclass(frozen=True)
class Hints:
    """What helps an engine, as far as it can take it: the owner's terms, and who was heard before."""

    vocabulary: tuple[str, ...] = field(default=(), repr=False)
    speakers: tuple[KnownSpeaker, ...] = ()


NO_HINTS = Hints()


@dataclass(frozen=True)
class PartAudio:
    """The sound of one part, as samples or as a file that an engine can be sent.

    `speech` is how many seconds of it are speech; None where nobody has listened yet. `small` is the same
    sound as the MP3 that it was kept as, where it was.
    """

    audio: Audio
    part: Part
    speech: float | None = None
    small: Path | None = None

    @property
    def seconds(self) -> float:
        """How long the part is."""
        return self.part.seconds

    def samples(self, start: float, end: float) -> Samples:
        """16 kHz mono samples of a stretch, in seconds from the part's start."""
        return self.audio.samples(self.part.start + start, min(self.part.start + end, self.part.end))

    @contextmanager
    def mp3(self, max_bytes: int | None) -> Iterator[Path]:
        """The part as a small MP3 for the time of the body. Entering blocks; raises PartTooLong."""
        if max_bytes is not None and self.seconds >= encoding.longest(max_bytes):
            most = int(encoding.longest(max_bytes))
            raise PartTooLong(f"It has {self.seconds / 60:.0f} minutes.", max_seconds=most, max_bytes=max_bytes)
        if self.small is not None and (max_bytes is None or self.small.stat().st_size <= max_bytes):
            yield self.small
            return
        with tempfile.TemporaryDirectory(dir=self.audio.path.parent) as folder:  # the same may be asked twice
            file = Path(folder) / f"part-{self.part.number}.mp3"
            yield encoding.encode(self.audio, self.part, file, max_bytes=max_bytes)


class Engine(Protocol):
    """One way to turn sound into words."""

    name: str
    """What metrics and metadata call it."""

    @property
    def model(self) -> str:
        """The model that works now, as the engine knows it: another one where the configured model is gone."""

    @property
    def caps(self) -> Caps:
        """Of the model that works now."""

    @property
    def takes_speakers(self) -> bool:
        """Whether it tells speakers apart, and those best whose voices it is given in `Hints`."""

    languages: frozenset[str] | None
    """ISO 639-1 codes of what it understands; None for any language."""

    async def start(self) -> None:
        """Get ready, in the background where that takes long."""

    async def close(self) -> None:
        """Let go of connections and threads."""

    def problem(self) -> str | None:
        """Why it cannot work right now, in a few words; None when it can."""

    def notice(self) -> str | None:
        """What an operator should know although it works: that its model is gone, or will be soon."""

    async def transcribe(
        self,
        part: PartAudio,
        *,
        language: str | None = None,
        prompt: str | None = None,
        hints: Hints = NO_HINTS,
        on_progress: OnProgress,
    ) -> Transcript:
        """The part's words. Raises ItemProblem, Transient where another try may help, and PartTooLong.

        `text` is empty where nobody spoke.
        """
