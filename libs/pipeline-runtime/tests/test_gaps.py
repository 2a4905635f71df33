"""`retry_gaps`: the door by which what is missing in a recording is asked for again."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from tests.support.database import Connect
from tests.support.ledger import end, new_job, web_of
from tests.support.stack import Person, Stack

GAP = {"start": 30.0, "end": 60.0, "code": "engine_unavailable", "message": "Away.", "retryable": True}


async def partial(stack: Stack, person: Person, *, gaps: int = 2, parts: int = 3) -> tuple[UUID, UUID]:
    """A recording of which some parts are missing, and the item that imported it."""
    job = await new_job(stack, person)
    await stack.admit(job, ["call"])
    item = await end(stack, job, "call", "imported")
    told = {"external_id": "call", "transcription": {"gaps": [GAP] * gaps}}
    recording = await stack.owner.fetchval(
        "UPDATE recordings SET source_metadata = $2, imported_by_item = $3 WHERE owner_user_id = $1 RETURNING id",
        person.id, json.dumps(told), item,
    )  # fmt: skip
    await stack.owner.execute(
        "INSERT INTO transcript_plans (item_id, owner_user_id, attempt, ticket, seconds) VALUES ($1, $2, 1, '{}', 90)",
        item, person.id,
    )  # fmt: skip
    for part in range(parts):
        missing = part < gaps
        await stack.owner.execute(
            "INSERT INTO transcript_parts (item_id, part, object_key, sha256, spans, start_s, seconds, speech_s, "
            "result, code, message, retryable) VALUES ($1, $2, 'k', $3, '[]', $4, 30, 30, $5, $6, $6, true)",
            item, part, "a" * 64, part * 30.0, None if missing else "{}", "engine_unavailable" if missing else None,
        )  # fmt: skip
    return recording, item


async def tasks_of(stack: Stack, item: UUID) -> list[tuple[str, int]]:
    rows = await stack.owner.fetch("SELECT kind, part FROM tasks WHERE item_id = $1 ORDER BY 1, 2", item)
    return [(row["kind"], row["part"]) for row in rows]


async def retry(session: Any, recording: UUID) -> tuple[Any, ...] | None:
    row = await session.fetchrow("SELECT outcome, gaps, version FROM retry_gaps($1)", recording)
    return tuple(row) if row else None


async def test_missing_parts_get_tasks_once_however_often_one_asks(tables: Stack, connect: Connect) -> None:
    person = await tables.person()
    recording, item = await partial(tables, person)
    session = await web_of(connect, person)

    assert await retry(session, recording) == ("asked", 2, 2)
    assert await retry(session, recording) == ("underway", 2, 2)

    assert await tasks_of(tables, item) == [("transcribe", 0), ("transcribe_part", 0), ("transcribe_part", 1)]
    left = await tables.owner.fetch(
        "SELECT code FROM transcript_parts WHERE item_id = $1 AND code IS NOT NULL", item
    )
    assert left == []


async def test_gaps_that_stay_can_be_asked_for_again_as_another_version(
    tables: Stack, connect: Connect
) -> None:
    person = await tables.person()
    recording, item = await partial(tables, person)
    session = await web_of(connect, person)
    await retry(session, recording)
    await tables.owner.execute("DELETE FROM tasks WHERE item_id = $1", item)
    await tables.owner.execute(
        "UPDATE transcript_parts SET code = 'engine_refused' WHERE item_id = $1 AND part = 1", item
    )
    await tables.owner.execute(
        "UPDATE transcript_parts SET result = '{}' WHERE item_id = $1 AND part = 0", item
    )
    await tables.owner.execute("UPDATE recordings SET version = 2 WHERE id = $1", recording)

    assert await retry(session, recording) == ("asked", 1, 3)
    assert await tasks_of(tables, item) == [("transcribe", 0), ("transcribe_part", 1)]


async def test_whole_recordings_and_those_whose_sound_is_gone_say_so(tables: Stack, connect: Connect) -> None:
    person = await tables.person()
    recording, item = await partial(tables, person)
    session = await web_of(connect, person)

    await tables.owner.execute("DELETE FROM transcript_plans WHERE item_id = $1", item)
    assert await retry(session, recording) == ("gone", 0, 1)
    await tables.owner.execute(
        'UPDATE recordings SET source_metadata = \'{"external_id": "call"}\' WHERE id = $1', recording
    )
    assert await retry(session, recording) == ("whole", 0, 1)
    assert await tasks_of(tables, item) == []


async def test_nobody_asks_for_the_gaps_of_somebody_else(tables: Stack, connect: Connect) -> None:
    recording, item = await partial(tables, await tables.person())
    session = await web_of(connect, await tables.person())

    assert await retry(session, recording) is None
    assert await tasks_of(tables, item) == []
