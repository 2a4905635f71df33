"""Asks the engine for one part, and keeps what it heard in the transaction that ends the part's task."""

from __future__ import annotations

import asyncio
import shutil
import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeAlias

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from pipeline_contracts import AudioReceived
from pipeline_runtime import metrics
from pipeline_runtime.database import is_away
from pipeline_runtime.failures import FILE_MISSING, ItemProblem, Transient
from pipeline_runtime.tasks import Task, Worker
from transcriber import manifest
from transcriber.activity import Activity
from transcriber.audio import Audio, decode
from transcriber.audio import Part as Stretch
from transcriber.deps import Deps
from transcriber.engines import Hints, PartAudio, PartTooLong
from transcriber.hinting import find_hints
from transcriber.languages import better
from transcriber.manifest import Part, Piece, SavedPart, item_of
from transcriber.pieces import Place, make_smaller
from transcriber.planning import check_language
from transcriber.scratch import scratch
from transcriber.transcript import Transcript
from transcriber.trying import PATIENT_TRIES, TRIES, Ended, attempt, check_starts, wait_before

_PAUSE = 1.0  # seconds between tries at a database that does not answer
_SMALLEST = 10.0  # seconds; a part that is shorter is not cut again

Outcome: TypeAlias = SavedPart | list[Piece] | ItemProblem
"""What was heard, smaller parts to ask for instead, or why there is nothing (Transient: tried again)."""

log = structlog.get_logger()


class Asker:
    """The work on parts."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    async def work(self, lease: Worker, task: Task) -> Ended:
        """How it ended: `heard`, `cut`, `gap`, `later` or `unwanted`. Raises LeaseLost."""
        async with self._deps.database.begin() as connection:
            found = await manifest.take(connection, task)
        if found is None:
            await lease.done(task)
            return Ended("unwanted")
        ticket, part, is_one_of_many = found
        activity = Activity(self._deps.publisher, task, partial(self._overall, task))
        async with lease.holding(task):
            async with activity.told():
                outcome = await self._outcome(task, ticket, part, activity, is_one_of_many=is_one_of_many)
            if not isinstance(outcome, Transient):
                ended = await self._end(lease, task, outcome)
        if isinstance(outcome, Transient):
            return await self._later(lease, task, outcome, activity)
        await activity.tell()
        return Ended(ended)

    async def _outcome(
        self, task: Task, ticket: AudioReceived, part: Part, activity: Activity, *, is_one_of_many: bool
    ) -> Outcome:
        """What is known of the part, or comes of this try."""
        if part.heard is not None:
            return part.heard
        tries = PATIENT_TRIES if is_one_of_many else TRIES
        outcome = await attempt(task, self._hear(task, ticket, part, activity), tries=tries)
        return outcome if part.doubted is None else _settled(part.doubted, outcome)

    async def _later(self, lease: Worker, task: Task, problem: Transient, activity: Activity) -> Ended:
        wait = wait_before(task.tries, problem.retry_after)
        log.warning("part.later", code=problem.code, seconds=wait)
        await lease.later(task, timedelta(seconds=wait))
        await activity.tell_wait(wait)
        return Ended("later", wait)

    async def _overall(self, task: Task, done: float) -> tuple[float, float] | None:
        async with self._deps.database.begin() as connection:
            return await manifest.note_progress(connection, task, done)

    async def _end(self, lease: Worker, task: Task, outcome: Outcome) -> str:
        """Keep it and end the task, in one transaction. It is paid for: only a lost lease ends the trying."""
        while True:
            try:
                async with self._deps.database.begin() as connection:
                    await manifest.lock_plan(connection, item_of(task))
                    await lease.done(task, within=connection)
                    ended = await _keep(connection, task, outcome)
                    if self._deps.engine.takes_speakers:
                        await manifest.open_rest(connection, task)
                    return ended
            except (SQLAlchemyError, OSError) as error:
                if not is_away(error):
                    raise
                log.warning("part.not_kept", error=type(error).__name__)
                await asyncio.sleep(_PAUSE)

    async def _hear(self, task: Task, ticket: AudioReceived, part: Part, activity: Activity) -> Outcome:
        """Raises ItemProblem, Transient."""
        check_starts(task)
        language = check_language(part.language or ticket.language, self._deps.engine)
        with scratch() as folder:
            try:
                async with self._deps.storage.local(part.piece.key) as kept:
                    # A name that engines know an MP3 by: what comes from a bucket has none.
                    small = await asyncio.to_thread(shutil.copyfile, kept, folder / "part.mp3")
                    audio = await asyncio.to_thread(decode, small, folder / "samples")
                    sound = PartAudio(audio, Stretch(0, 0.0, audio.seconds), part.piece.speech, small)
                    hints = await find_hints(self._deps, task, part, folder)
                    transcript = await self._ask(sound, language, hints, activity)
            except FileNotFoundError:
                raise ItemProblem(FILE_MISSING) from None
            except PartTooLong as problem:
                return await self._make_smaller(task, ticket, part, audio, problem, folder)
        engine = self._deps.engine
        return SavedPart(engine=engine.name, model=transcript.model or engine.model, transcript=transcript)

    async def _ask(
        self, sound: PartAudio, language: str | None, hints: Hints, activity: Activity
    ) -> Transcript:
        engine = self._deps.engine
        begun, outcome = time.monotonic(), "failed"
        on_progress = partial(activity.note, "transcribing")
        on_progress(0.0)
        try:
            transcript = await engine.transcribe(sound, language=language, hints=hints, on_progress=on_progress)
            outcome = "ok"
        finally:
            metrics.ENGINE_SECONDS.labels(engine.name, outcome).observe(time.monotonic() - begun)
        metrics.AUDIO_SECONDS.labels(engine.name).inc(sound.seconds)
        return transcript

    async def _make_smaller(
        self, task: Task, ticket: AudioReceived, part: Part, audio: Audio, problem: PartTooLong, folder: Path
    ) -> list[Piece]:
        """The part in pieces that the engine takes. Raises the problem where they would be too small."""
        seconds = problem.pieces(audio.seconds)
        if seconds < _SMALLEST:
            raise problem
        place = Place(self._deps.storage, task.owner_user_id, ticket.item_id)
        max_bytes = problem.max_bytes or self._deps.engine.caps.max_bytes
        pieces = await make_smaller(place, audio, part.piece, seconds, max_bytes, folder)
        if not pieces:
            raise problem
        log.info("part.cut", pieces=len(pieces), seconds=round(seconds))
        return pieces


def _settled(doubted: SavedPart, outcome: Outcome) -> Outcome:
    """The better one of what was heard first and what was heard in the language of the other parts."""
    if isinstance(outcome, SavedPart):
        return outcome if better(doubted.transcript, outcome.transcript) is outcome.transcript else doubted
    return outcome if isinstance(outcome, Transient) else doubted


async def _keep(connection: AsyncConnection, task: Task, outcome: Outcome) -> str:
    if isinstance(outcome, SavedPart):
        await manifest.save_heard(connection, task, outcome)
        return "heard"
    if isinstance(outcome, list):
        await manifest.replace_part(connection, task, outcome)
        return "cut"
    log.warning("part.missing", code=outcome.code)
    await manifest.save_gap(connection, task, outcome)
    return "gap"
