"""From a stored file to its transcript: decode, listen, ask the engine for each part, keep each answer."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from pipeline_contracts import AudioReceived
from pipeline_runtime import metrics
from pipeline_runtime.failures import (
    DAMAGED_FILE,
    FILE_MISSING,
    LANGUAGE_NOT_SUPPORTED,
    NO_SPEECH,
    TOO_LONG_FOR_ENGINE,
    ItemProblem,
)
from pipeline_runtime.storage import Storage
from transcriber.activity import Activity
from transcriber.audio import Audio, Part, decode
from transcriber.engines import Engine, PartAudio
from transcriber.parts import Finished, SavedPart, find_parts, save_part
from transcriber.speech import has_speech
from transcriber.transcript import Transcript, joined

LONGEST_READING = 1800.0  # seconds for a file to be decoded in; twelve hours of sound take two minutes
_SCRATCH = "callvault-transcriber-"


@dataclass(frozen=True)
class Deps:
    """What the work needs."""

    database: AsyncEngine
    storage: Storage
    engine: Engine


@dataclass(frozen=True)
class Result:
    """A recording's transcript and its length in seconds."""

    transcript: Transcript
    seconds: float


async def saved_result(deps: Deps, ticket: AudioReceived) -> Result | None:
    """The result where every part of it was finished before; the engine is not asked again."""
    finished = await _find(deps, ticket.item_id)
    if not finished or len(finished) < next(iter(finished.values()))[1].of:
        return None
    return _result([(part, saved.transcript) for part, saved in finished.values()])


async def transcribe(deps: Deps, ticket: AudioReceived, activity: Activity) -> Result:
    """The result of a ticket. Raises ItemProblem, and Transient where another try may help."""
    language = _language(ticket.language, deps.engine)
    with _scratch() as folder:
        audio = await _read(deps, ticket, folder, activity)
        parts = audio.parts()
        _check_caps(parts, deps.engine)
        if not await asyncio.to_thread(has_speech, audio):
            raise ItemProblem(NO_SPEECH)
        finished = await _find(deps, ticket.item_id)
        heard: list[tuple[Part, Transcript]] = []
        for part in parts:
            if part.number in finished:
                heard.append((part, finished[part.number][1].transcript))
                continue
            transcript = await _ask(deps.engine, PartAudio(audio, part), language, activity)
            saved = SavedPart(
                engine=deps.engine.name, model=deps.engine.model, of=len(parts), transcript=transcript
            )
            await save_part(deps.database, ticket.item_id, ticket.attempt, part, saved)
            heard.append((part, transcript))
    return _result(heard)


def _result(heard: list[tuple[Part, Transcript]]) -> Result:
    """The parts as one. Raises no_speech where none has words."""
    whole = joined(heard)
    if not whole.text:
        raise ItemProblem(NO_SPEECH)
    return Result(whole, max(part.end for part, _ in heard))


async def _find(deps: Deps, item: UUID) -> Finished:
    return await find_parts(deps.database, item, engine=deps.engine.name, model=deps.engine.model)


def _language(wanted: str | None, engine: Engine) -> str | None:
    """ISO 639-1, without a country. Raises language_not_supported."""
    language = wanted.split("-")[0].lower() if wanted else None
    if language and engine.languages is not None and language not in engine.languages:
        raise ItemProblem(LANGUAGE_NOT_SUPPORTED)
    return language


async def _read(deps: Deps, ticket: AudioReceived, folder: Path, activity: Activity) -> Audio:
    """The stored file, decoded. A file that keeps the decoder busy for ever is given up."""
    source = deps.storage.path(ticket.audio.key)
    if not source.is_file():
        raise ItemProblem(FILE_MISSING)
    stop = threading.Event()

    def on_progress(seconds: float) -> None:
        if stop.is_set():
            raise InterruptedError
        activity.note("reading", seconds)

    try:
        async with asyncio.timeout(LONGEST_READING):
            return await asyncio.to_thread(decode, source, folder / "samples", on_progress)
    except TimeoutError:
        raise ItemProblem(DAMAGED_FILE) from None
    finally:
        stop.set()


def _check_caps(parts: list[Part], engine: Engine) -> None:
    longest = max(part.seconds for part in parts)
    if engine.caps.max_seconds is not None and longest > engine.caps.max_seconds:
        raise ItemProblem(
            TOO_LONG_FOR_ENGINE,
            f"It has {longest / 60:.0f} minutes, the engine takes {engine.caps.max_seconds / 60:.0f}.",
        )


async def _ask(engine: Engine, part: PartAudio, language: str | None, activity: Activity) -> Transcript:
    begun, outcome = time.monotonic(), "failed"
    total = part.audio.seconds

    def on_progress(seconds: float) -> None:
        activity.note("transcribing", part.part.start + seconds, total)

    on_progress(0.0)
    try:
        transcript = await engine.transcribe(part, language=language, on_progress=on_progress)
        outcome = "ok"
    finally:
        metrics.ENGINE_SECONDS.labels(engine.name, outcome).observe(time.monotonic() - begun)
    metrics.AUDIO_SECONDS.labels(engine.name).inc(part.seconds)
    return transcript


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder for decoded samples. Its name carries our process id, so that it can be swept."""
    with tempfile.TemporaryDirectory(prefix=f"{_SCRATCH}{os.getpid()}-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def sweep_scratch() -> None:
    """Remove what killed processes have left behind: hours of samples are gigabytes."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_SCRATCH}*-*"):
        process = folder.name.removeprefix(_SCRATCH).split("-")[0]
        if process.isdecimal() and not Path(f"/proc/{process}").exists():
            shutil.rmtree(folder, ignore_errors=True)
