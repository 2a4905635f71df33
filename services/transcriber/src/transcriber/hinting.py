"""What helps an engine with a part: the owner's terms, and who was heard in the recording before."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID

from pipeline_runtime.tasks import Task
from transcriber import manifest, speakers
from transcriber.audio import Part as Stretch
from transcriber.audio import decode
from transcriber.deps import Deps
from transcriber.engines import Hints, KnownSpeaker, PartAudio
from transcriber.manifest import Part, item_of
from transcriber.vocabulary import find_vocabulary


async def find_hints(deps: Deps, task: Task, part: Part, folder: Path) -> Hints:
    """For a part of a recording. `folder` holds what has to be decoded for it."""
    async with deps.database.connect() as connection:
        terms = await find_vocabulary(connection, task.owner_user_id)
    if not deps.engine.takes_speakers:
        return Hints(terms)
    return Hints(terms, await _known(deps, item_of(task), part, folder))


async def _known(deps: Deps, item: UUID, part: Part, folder: Path) -> tuple[KnownSpeaker, ...]:
    """The voices of the recording's first part, once that is heard; the first itself has none before it."""
    async with deps.database.connect() as connection:
        first = await manifest.find_first(connection, item)
    if first is None or first.heard is None or first.piece.start >= part.piece.start:
        return ()
    try:
        async with deps.storage.local(first.piece.key) as small:
            audio = await asyncio.to_thread(decode, small, folder / "first")
    except FileNotFoundError:
        return ()
    sound = PartAudio(audio, Stretch(0, 0.0, audio.seconds), first.piece.speech)
    return await asyncio.to_thread(speakers.known, sound, first.heard.transcript)
