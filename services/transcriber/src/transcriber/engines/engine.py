"""What an engine is: anything that makes a transcript of a part of a recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from transcriber import encoding
from transcriber.audio import Audio, Part, Samples
from transcriber.transcript import Transcript

OnProgress = Callable[[float], None]
"""Called with the seconds of the part that are done; from any thread."""


@dataclass(frozen=True)
class Caps:
    """What an engine takes at most in one call; None where it does not say."""

    max_bytes: int | None = None
    max_seconds: float | None = None


@dataclass(frozen=True)
class PartAudio:
    """The sound of one part, as samples or as a file that an engine can be sent."""

    audio: Audio
    part: Part

    @property
    def seconds(self) -> float:
        """How long the part is."""
        return self.part.seconds

    def samples(self, start: float, end: float) -> Samples:
        """16 kHz mono samples of a stretch, in seconds from the part's start."""
        return self.audio.samples(self.part.start + start, min(self.part.start + end, self.part.end))

    @contextmanager
    def mp3(self, max_bytes: int | None) -> Iterator[Path]:
        """The part as a small MP3 for the time of the body. Entering blocks; raises too_long_for_engine."""
        file = self.audio.path.with_name(f"part-{self.part.number}.mp3")
        try:
            yield encoding.encode(self.audio, self.part, file, max_bytes=max_bytes)
        finally:
            file.unlink(missing_ok=True)


class Engine(Protocol):
    """One way to turn sound into words."""

    name: str
    """What metrics and metadata call it."""
    model: str
    """The model's name as the engine knows it."""
    caps: Caps
    languages: frozenset[str] | None
    """ISO 639-1 codes of what it understands; None for any language."""

    async def start(self) -> None:
        """Get ready, in the background where that takes long."""

    async def close(self) -> None:
        """Let go of connections and threads."""

    def problem(self) -> str | None:
        """Why it cannot work right now, in a few words; None when it can."""

    async def transcribe(
        self,
        part: PartAudio,
        *,
        language: str | None = None,
        prompt: str | None = None,
        on_progress: OnProgress,
    ) -> Transcript:
        """The part's words. Raises ItemProblem, and Transient where another try may help.

        `text` is empty where nobody spoke.
        """
