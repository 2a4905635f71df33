"""Cuts a recording: decodes it, finds the speech, keeps the parts in storage, and makes a task for each.

Done again it makes the same parts; what was heard of them stays heard.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import structlog

from pipeline_contracts import AudioReceived
from pipeline_runtime.failures import (
    FILE_MISSING,
    LANGUAGE_NOT_SUPPORTED,
    NO_SPEECH,
    ItemProblem,
    Transient,
)
from pipeline_runtime.tasks import Task, Worker
from transcriber import manifest
from transcriber.activity import Activity
from transcriber.audio import decode
from transcriber.deps import Deps
from transcriber.engines import Engine
from transcriber.manifest import Piece
from transcriber.pieces import Place, limits_of, make_pieces, stoppable
from transcriber.scratch import scratch
from transcriber.sending import failure, send_result
from transcriber.trying import Ended, attempt, check_starts, wait_before

LOOKED_AT = timedelta(minutes=1)
"""How often a recording in parts is looked at, should nobody have said that all of them are done."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Sound:
    """A recording in parts, and its length in seconds."""

    seconds: float
    pieces: list[Piece]


class Planner:
    """The work on recordings that are whole yet."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    async def work(self, lease: Worker, task: Task) -> Ended:
        """How it ended: `cut`, `failed` or `later`. Raises LeaseLost."""
        ticket = AudioReceived.model_validate(task.payload)
        activity = Activity(self._deps.publisher, task)
        async with lease.holding(task):
            async with activity.told():
                found = await attempt(task, self._cut(task, ticket, activity))
            if isinstance(found, Sound):
                await self._save(lease, task, found)
                return Ended("cut")
            if not isinstance(found, Transient):
                await send_result(self._deps.publisher, lease, task, failure(task, found))
                return Ended("failed")
            wait = wait_before(task.tries, found.retry_after)
            log.warning("task.later", code=found.code, seconds=wait)
            await lease.later(task, timedelta(seconds=wait))
        await activity.tell_wait(wait)
        return Ended("later", wait)

    async def _save(self, lease: Worker, task: Task, sound: Sound) -> None:
        async with self._deps.database.begin() as connection:
            await manifest.lock_plan(connection, manifest.item_of(task))
            await lease.later(task, LOOKED_AT, counted=False, within=connection)
            # An engine that knows voices tells speakers apart in all parts by those of the first.
            alone = self._deps.engine.takes_speakers
            await manifest.save_plan(connection, task, sound.seconds, sound.pieces, first_alone=alone)
        log.info("recording.cut", parts=len(sound.pieces), seconds=round(sound.seconds))

    async def _cut(self, task: Task, ticket: AudioReceived, activity: Activity) -> Sound:
        """Raises ItemProblem: no_speech where nobody speaks."""
        check_starts(task)
        check_language(ticket.language, self._deps.engine)
        async with self._deps.database.begin() as connection:
            await manifest.begin_plan(connection, ticket, task)
        with scratch() as folder:
            sound = await self._make(task, ticket, activity, folder)
        if not sound.pieces:
            raise ItemProblem(NO_SPEECH)
        return sound

    async def _make(self, task: Task, ticket: AudioReceived, activity: Activity, folder: Path) -> Sound:
        deps, caps = self._deps, self._deps.engine.caps
        place = Place(deps.storage, task.owner_user_id, ticket.item_id)

        def on_progress(seconds: float) -> None:
            activity.note("reading", seconds)

        try:
            async with deps.storage.local(ticket.audio.key) as source, stoppable(on_progress) as told:
                audio = await asyncio.to_thread(decode, source, folder / "samples", told)
        except FileNotFoundError:
            raise ItemProblem(FILE_MISSING) from None
        limits = limits_of(caps, deps.part_seconds)
        pieces = await make_pieces(place, audio, limits, caps, folder, lambda _: None)
        return Sound(audio.seconds, pieces)


def check_language(wanted: str | None, engine: Engine) -> str | None:
    """ISO 639-1, without a country. Raises language_not_supported."""
    language = wanted.split("-")[0].lower() if wanted else None
    if language and engine.languages is not None and language not in engine.languages:
        raise ItemProblem(LANGUAGE_NOT_SUPPORTED)
    return language
