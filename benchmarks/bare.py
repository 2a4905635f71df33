"""The bare work, one connection: recordings and vault entries with dedup, no ledger and no outbox.

The tables are ours (same columns, constraints, storage), made anew before each run. Two ways to
write: rows by COPY into a temporary table and from there by ON CONFLICT DO NOTHING, which is the usual
advice, and arrays by `unnest` in one statement.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import asyncpg

from benchmarks.corpus import Corpus
from benchmarks.servers import Servers
from benchmarks.stage import SOURCE_APP, metadata_of

DATABASE = "bench_bare"
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Row: TypeAlias = tuple[UUID, UUID, UUID, UUID, UUID, str, str, str, str, str, float | None, datetime]
"""id, owner, bank, vault, item, source, external id, title, transcript, metadata, duration, start."""
Write: TypeAlias = Callable[[Connection, Sequence[Row]], Coroutine[Any, Any, None]]

TABLES = """
DROP SCHEMA IF EXISTS bare CASCADE;
CREATE SCHEMA bare;
CREATE TABLE bare.recordings (LIKE public.recordings INCLUDING ALL);
CREATE TABLE bare.vault_entries (LIKE public.vault_entries INCLUDING ALL,
    FOREIGN KEY (recording_id) REFERENCES bare.recordings ON DELETE CASCADE);
SET search_path = bare;
CREATE TEMPORARY TABLE staged (id uuid, owner uuid, bank uuid, vault uuid, item uuid, source text,
    external_id text, title text, transcript text, metadata jsonb, duration double precision,
    start timestamptz);
"""
INSERT = """
WITH new AS (
    INSERT INTO recordings (id, owner_user_id, bank_id, imported_by_item, source_app, external_id, title,
        full_transcript, source_metadata, duration, recording_start_time)
    SELECT id, owner, bank, item, source, external_id, title, transcript, metadata::jsonb, duration, start
    FROM x
    ON CONFLICT (owner_user_id, source_app, external_id) DO NOTHING RETURNING id
)
INSERT INTO vault_entries (vault_id, recording_id) SELECT x.vault, x.id FROM x JOIN new USING (id)
"""
FROM_STAGED = INSERT.replace("FROM x", "FROM staged x")
FROM_ARRAYS = f"""
WITH x AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[],
        $8::text[], $9::text[], $10::text[], $11::double precision[], $12::timestamptz[])
    AS x (id, owner, bank, vault, item, source, external_id, title, transcript, metadata, duration, start)
), {INSERT.strip().removeprefix("WITH ")}
"""


@asynccontextmanager
async def tables(servers: Servers) -> AsyncIterator[Connection]:
    """A connection to fresh tables, after a checkpoint."""
    connection = await asyncpg.connect(servers.url("callvault_owner", DATABASE))
    admin = await asyncpg.connect(servers.admin)
    try:
        await connection.execute(TABLES)
        await admin.execute("CHECKPOINT")
        yield connection
    finally:
        await admin.close()
        await connection.close()


def rows_of(corpus: Corpus) -> list[Row]:
    """All rows in memory, as a reader would hand them over."""
    return [
        (uuid4(), c.owner.id, c.owner.bank, c.owner.vault, c.item, SOURCE_APP, c.external_id, c.title,
         c.transcript, json.dumps(metadata_of(c)), c.duration, c.started_at)
        for c in corpus.calls
    ]  # fmt: skip


async def copy_and_dedup(connection: Connection, rows: Sequence[Row]) -> None:
    """COPY to a temporary table, insert what is new."""
    async with connection.transaction():
        await connection.copy_records_to_table("staged", records=rows)
        await connection.execute(FROM_STAGED)
        await connection.execute("TRUNCATE staged")


async def unnest(connection: Connection, rows: Sequence[Row]) -> None:
    """One statement, sorted by key."""
    columns = zip(*sorted(rows, key=lambda row: (row[1], row[6])), strict=True)
    await connection.execute(FROM_ARRAYS, *columns)


async def seconds_of(connection: Connection, write: Write, rows: Sequence[Row], batch: int) -> float:
    """How long it takes to write all rows, `batch` at a time."""
    begun = time.perf_counter()
    for first in range(0, len(rows), batch):
        await write(connection, rows[first : first + batch])
    return time.perf_counter() - begun


async def check(connection: Connection, unique: int) -> None:
    """Raise where the work was not done."""
    for table in ("recordings", "vault_entries"):
        found = await connection.fetchval(f"SELECT count(*) FROM {table}")
        if found != unique:
            raise AssertionError(f"{table} has {found} rows, not {unique}")
