"""The plain loop as a process of its own: what the recorder's latency is held against.

getmany, pydantic, one `unnest` statement, commit of the offsets, in turn; recordings and vault entries
alone. Started by `benchmarks.process`, with the addresses as its arguments.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.bare import Row, unnest
from benchmarks.corpus import Owner
from benchmarks.loops import GROUP, Reader
from pipeline_contracts import IMPORT_RESULTS
from pipeline_runtime.kafka import client_options
from pipeline_runtime.settings import KafkaSettings

OWNERS = """
SELECT u.id, b.id AS bank, v.id AS vault FROM users u JOIN banks b ON b.personal_of = u.id
JOIN vaults v ON v.personal_of = u.id
"""
BATCH = 500
ITEM_PLACE = 4


async def serve(url: str, bootstrap: str, topic: str) -> None:
    """Write what comes until cancelled."""
    connection = await asyncpg.connect(url, server_settings={"search_path": "bare, public"})
    owners = [
        Owner(row["id"], row["bank"], row["vault"], (row["id"],) * 2) for row in await connection.fetch(OWNERS)
    ]
    reader = Reader(owners)
    consumer = AIOKafkaConsumer(
        **client_options(KafkaSettings(kafka_bootstrap_servers=bootstrap)),
        group_id=GROUP, enable_auto_commit=False, auto_offset_reset="latest",
    )  # fmt: skip
    partitions = [TopicPartition(topic, number) for number in range(IMPORT_RESULTS.partitions)]
    consumer.assign(partitions)
    await consumer.start()
    await consumer.seek_to_end(*partitions)
    print(
        json.dumps({"event": "partitions.assigned", "partitions": len(partitions), "timestamp": _now()}),
        flush=True,
    )
    try:
        while True:
            got = await consumer.getmany(max_records=BATCH, timeout_ms=500)
            if raws := [raw for some in got.values() for raw in some]:
                await unnest(connection, [_row(reader, raw) for raw in raws])
                await consumer.commit()
    finally:
        await consumer.stop()
        await connection.close()


def _row(reader: Reader, raw: Any) -> Row:
    """The record's row, with the item that its headers name."""
    row = list(reader.parse(raw))
    row[ITEM_PLACE] = UUID(dict(raw.headers)["ce_itemid"].decode())
    return tuple(row)  # type: ignore[return-value]  # as long as it was


def _now() -> str:
    return datetime.now(UTC).isoformat()


async def _until_told(*given: str) -> None:
    task = asyncio.ensure_future(serve(*given))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with suppress(asyncio.CancelledError):
        await task


if __name__ == "__main__":
    uvloop.run(_until_told(*sys.argv[1:]))
