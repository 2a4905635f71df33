"""Finished parts in the database, so that no engine is called twice for the same words."""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from transcriber.audio import Part
from transcriber.transcript import Transcript

_FIND = text("SELECT part, start_s, end_s, result FROM transcript_parts WHERE item_id = :item ORDER BY part")
_ADD = text("""
INSERT INTO transcript_parts (item_id, part, start_s, end_s, result)
SELECT id, :part, :start, :end, CAST(:result AS jsonb) FROM sync_job_items
WHERE id = :item AND attempt = :attempt AND status = 'found'
ON CONFLICT (item_id, part) DO NOTHING
""")


class SavedPart(BaseModel):
    """A part's transcript, by which engine and model, and how many parts its recording has."""

    model_config = ConfigDict(frozen=True)

    engine: str
    model: str
    of: int
    transcript: Transcript


Finished = dict[int, tuple[Part, SavedPart]]


async def find_parts(database: AsyncEngine, item: UUID, *, engine: str, model: str) -> Finished:
    """The item's parts that this engine and model have made, by number."""
    async with database.connect() as connection:
        rows = (await connection.execute(_FIND, {"item": item})).all()
    found: Finished = {}
    for row in rows:
        try:
            saved = SavedPart.model_validate(row.result)
        except ValidationError:
            continue  # of an older release: made again
        if (saved.engine, saved.model) == (engine, model):
            found[row.part] = (Part(row.part, row.start_s, row.end_s), saved)
    return found


async def save_part(database: AsyncEngine, item: UUID, attempt: int, part: Part, saved: SavedPart) -> None:
    """Keep a finished part for as long as its item is open."""
    values = {"item": item, "attempt": attempt, "part": part.number, "start": part.start, "end": part.end}
    async with database.begin() as connection:
        await connection.execute(_ADD, {**values, "result": saved.model_dump_json()})
