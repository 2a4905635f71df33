"""What stays of a recording's parts, and for how long."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from pydantic import TypeAdapter

from pipeline_runtime.database import make_engine
from pipeline_runtime.settings import DatabaseUrl
from transcriber.sweeping import Sweeper

IMPORTED = "status = 'imported', ended_at = now() - interval '{}'"
FAILED = "status = 'failed', code = 'engine_unavailable', retryable = {}, ended_at = now() - interval '{}'"


async def planned(desk: Any, end: str | None, *, gap: bool = False, task: bool = False) -> tuple[UUID, str]:
    """An item that has ended so, with a plan, one part and its object; the item and the object's key."""
    ticket = await desk.ticket("budget.mp3")
    owner, item, job = ticket.owner, ticket.message.item_id, ticket.message.job_id
    key = f"{owner}/{item}/{'a' * 64}.mp3"
    path = desk.storage.path(key)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"sound")
    run = desk.stack.owner.execute
    await run(
        "INSERT INTO transcript_plans (item_id, owner_user_id, attempt, ticket, seconds, has_strays) "
        "VALUES ($1, $2, 1, '{}', 10, false)", item, owner,
    )  # fmt: skip
    await run(
        "INSERT INTO transcript_parts (item_id, part, object_key, sha256, spans, start_s, seconds, speech_s, code) "
        "VALUES ($1, 0, $2, $3, '[[0, 10]]', 0, 10, 10, $4)", item, key, "a" * 64, "engine_refused" if gap else None,
    )  # fmt: skip
    if end:
        await run(f"UPDATE sync_job_items SET {end} WHERE id = $1", item)
    if task:
        await run(
            "INSERT INTO tasks (kind, job_id, item_id, owner_user_id, attempt, payload) "
            "VALUES ('transcribe_part', $1, $2, $3, 1, '{}')", job, item, owner,
        )  # fmt: skip
    return item, key


@pytest.mark.parametrize(
    ("end", "gap", "task", "stays"),
    [
        (None, False, False, True),
        ("status = 'skipped', code = 'cancelled', ended_at = now()", False, False, False),
        (IMPORTED.format("1 second"), False, False, False),
        (IMPORTED.format("1 second"), False, True, True),
        (IMPORTED.format("29 days"), True, False, True),
        (IMPORTED.format("31 days"), True, False, False),
        (FAILED.format("true", "2 days"), False, False, True),
        (FAILED.format("true", "4 days"), False, False, False),
        (FAILED.format("false", "1 second"), False, False, False),
    ],
)
async def test_parts_stay_as_long_as_somebody_may_need_them(
    desk: Any, end: str | None, gap: bool, task: bool, stays: bool
) -> None:
    item, key = await planned(desk, end, gap=gap, task=task)
    database = make_engine(url(desk), app="tests")

    swept = await Sweeper(database, desk.storage).sweep_one()
    left = await desk.stack.owner.fetchval("SELECT count(*) FROM transcript_plans WHERE item_id = $1", item)
    await database.dispose()

    assert (swept, left == 1, desk.storage.path(key).exists()) == (not stays, stays, stays)


async def test_what_a_killed_cutting_has_left_goes_with_its_item(desk: Any) -> None:
    item, key = await planned(desk, None)
    stray = desk.storage.path(f"{key.rpartition('/')[0]}/{'b' * 64}.mp3")
    stray.write_bytes(b"sound")
    await desk.stack.owner.execute("UPDATE transcript_plans SET has_strays = true WHERE item_id = $1", item)
    await desk.stack.owner.execute("DELETE FROM sync_job_items WHERE id = $1", item)
    database = make_engine(url(desk), app="tests")
    sweeper = Sweeper(database, desk.storage)

    assert [await sweeper.sweep_one(), await sweeper.sweep_one()] == [True, False]
    await database.dispose()

    assert not stray.exists()
    assert not desk.storage.path(key).exists()


def url(desk: Any) -> Any:
    return TypeAdapter(DatabaseUrl).validate_python(desk.stack.url("callvault_transcriber"))
