"""Amends recordings: the transcript of a call that is in the library, of which gaps were filled."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
from pydantic import TypeAdapter
from pydantic_core import to_json

from pipeline_contracts import Encoded, Envelope, RecordingUpdated, Segment, TranscriptAmended, encode
from recorder.books import Books, Connection
from recorder.statements import AMEND, SOURCE

_SEGMENTS = TypeAdapter(tuple[Segment, ...])


async def amend(
    connection: Connection, books: Books, amendments: Iterable[TranscriptAmended], public_url: str
) -> None:
    """Write those that are newer than what is there, and say so. What comes again or late changes nothing,
    and what names another job than the item's stands in the way of nothing."""
    newest: dict[tuple[UUID, UUID], TranscriptAmended] = {}
    for one in amendments:
        known = newest.get((one.job_id, one.item_id))
        if known is None or known.version < one.version:
            newest[one.job_id, one.item_id] = one
    if not newest:
        return
    rows = await connection.fetch(
        AMEND,
        [one.item_id for one in newest.values()],
        [one.job_id for one in newest.values()],
        [one.version for one in newest.values()],
        [one.full_transcript for one in newest.values()],
        [_SEGMENTS.dump_json(one.segments).decode() if one.segments else None for one in newest.values()],
        [to_json(one.source_metadata).decode() for one in newest.values()],
    )
    for row in rows:
        books.emit(_announcement(row, f"{public_url}/api/recordings/{row['id']}"))


def _announcement(row: asyncpg.Record, link: str) -> Encoded:
    """The fact that a recording has another transcript. Its id is that of the recording's version."""
    now = datetime.now(UTC)
    event = RecordingUpdated(
        recording_id=row["id"], owner_user_id=row["owner_user_id"], bank_id=row["bank_id"],
        source_app=row["source_app"], external_id=row["external_id"], title=row["title"],
        version=row["version"], gaps=row["gaps"], transcript_length=row["length"], updated_at=now, link=link,
    )  # fmt: skip
    fact = f"recording.updated:{row['id']}:{row['version']}"
    envelope = Envelope(event.event_type, SOURCE, id=fact, time=now)
    return encode(event, key=row["owner_user_id"], envelope=envelope)
