"""The ledger's doors as services use them, and ends of items as the recorder enters them."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

from pipeline_runtime.identifiers import uuid7s
from tests.support.database import Connect, Session
from tests.support.stack import Person, Stack

END_ITEM = """
UPDATE sync_job_items SET status = $3, code = $4, recording_id = $5, ended_at = now()
WHERE job_id = $1 AND external_id = $2 AND status = 'found' RETURNING id
"""
COUNT = """
UPDATE sync_jobs SET imported = imported + ($2 = 'imported')::int, duplicates = duplicates + ($2 = 'duplicate')::int,
    failed = failed + ($2 = 'failed')::int, skipped = skipped + ($2 = 'skipped')::int, version = version + 1
WHERE id = $1
"""
CLOSE = "UPDATE sync_jobs SET status = 'partial', ended_at = now() WHERE id = $1 AND open = 0"


async def web_of(connect: Connect, person: Person) -> Session:
    """A session of the web role that speaks for this person."""
    session = await connect("callvault_web")
    await session.execute("SELECT set_config('callvault.user_id', $1, false)", str(person.id))
    return session


async def new_job(stack: Stack, person: Person, *, source: str = "zoom", account: UUID | None = None) -> UUID:
    """A job that has found nothing yet."""
    job = uuid4()
    await stack.owner.execute(
        "INSERT INTO sync_jobs (id, owner_user_id, source_app, account_id, trigger) "
        "VALUES ($1, $2, $3, $4, 'manual')", job, person.id, source, account,
    )  # fmt: skip
    return job


async def admit(
    session: Session, job: UUID, *items: str | dict[str, Any], last: bool = False
) -> dict[str, Any]:
    """Admit a page; how each call was answered, by its id."""
    page = [
        {"external_id": one, "title": one} if isinstance(one, str) else {"title": "x"} | one for one in items
    ]
    rows = await session.fetch("SELECT * FROM admit($1, $2, $3)", job, json.dumps(page), last)
    return {row["external_id"]: row["outcome"] for row in rows}


async def end(stack: Stack, job: UUID, call: str, status: str, *, code: str | None = None) -> UUID:
    """End an open item as the recorder would; an import makes its recording and uses up one of the month."""
    owner = stack.owner
    async with owner.transaction():
        recording = await add_recording(stack, job, call) if status == "imported" else None
        code = code or ("no_speech" if status == "failed" else "not_ready" if status == "skipped" else None)
        item = await owner.fetchval(END_ITEM, job, call, status, code, recording)
        await owner.execute(COUNT, job, status)
        await owner.execute(CLOSE, job)
    assert item is not None
    return UUID(str(item))


async def add_recording(stack: Stack, job: UUID, call: str) -> UUID:
    """The call in the library of the job's owner, and in their usage of the month."""
    async with stack.owner.transaction():
        await stack.owner.execute(
            "INSERT INTO import_usage SELECT owner_user_id, this_month(), 1 FROM sync_jobs WHERE id = $1 "
            "ON CONFLICT (owner_user_id, month) DO UPDATE SET used = import_usage.used + 1", job,
        )  # fmt: skip
        recording = await stack.owner.fetchval(
            "INSERT INTO recordings (id, bank_id, owner_user_id, title, full_transcript, source_app, external_id, "
            "source_metadata, recording_start_time, imported_by_item) "
            "SELECT $1, $1, owner_user_id, 'A call', 'Words', source_app, $3, "
            "jsonb_build_object('external_id', $3::text), now(), $1 FROM sync_jobs WHERE id = $2 RETURNING id",
            uuid7s(1)[0], job, call,
        )  # fmt: skip
    return UUID(str(recording))


async def item_of(stack: Stack, job: UUID, call: str) -> dict[str, Any]:
    """An item's row."""
    return dict(
        await stack.owner.fetchrow(
            "SELECT * FROM sync_job_items WHERE job_id = $1 AND external_id = $2", job, call
        )
        or {}
    )
