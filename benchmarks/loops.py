"""Consumers that others would write for the bare work: one by one, in batches, with FastStream."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID, uuid4

from aiokafka import AIOKafkaConsumer, TopicPartition
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from benchmarks.bare import Connection, Row, unnest
from benchmarks.corpus import Owner
from benchmarks.stage import Stage
from pipeline_contracts import IMPORT_RESULTS, ConnectorRecord
from pipeline_runtime.kafka import client_options

GROUP = "bench"
EXISTS = "SELECT id FROM recordings WHERE owner_user_id = $1 AND source_app = $2 AND external_id = $3"
ADD = """
INSERT INTO recordings (id, owner_user_id, bank_id, imported_by_item, source_app, external_id, title,
    full_transcript, source_metadata, duration, recording_start_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
ADD_ENTRY = "INSERT INTO vault_entries (vault_id, recording_id) VALUES ($1, $2)"


class Reader:
    """Turns what Kafka gives into rows; knows each owner's bank and vault."""

    def __init__(self, owners: Iterable[Owner]) -> None:
        self._owners = {str(owner.id).encode(): owner for owner in owners}

    def row(self, key: bytes, record: ConnectorRecord) -> Row:
        """A row with a fresh id."""
        owner = self._owners[key]
        return (
            uuid4(), owner.id, owner.bank, owner.vault, UUID(int=0), record.source_app, record.external_id,
            record.title, record.full_transcript, json.dumps(record.source_metadata), record.duration,
            record.recording_start_time,
        )  # fmt: skip

    def parse(self, raw: Any) -> Row:
        """A row from bytes."""
        return self.row(raw.key, ConnectorRecord.model_validate_json(raw.value))


async def plain(stage: Stage, connection: Connection, records: int) -> float:
    """getmany, pydantic, unnest, commit, in turn. Answers the seconds from the first to the last."""
    reader = Reader(stage.corpus.owners)

    async def write(consumer: AIOKafkaConsumer, raws: list[Any]) -> None:
        await unnest(connection, [reader.parse(raw) for raw in raws])
        await consumer.commit()

    return await _consume(stage, write, records, stage.corpus.size.batch)


async def naive(stage: Stage, connection: Connection, records: int) -> float:
    """Look, insert, insert, commit: a transaction and an offset for each record."""
    reader = Reader(stage.corpus.owners)

    async def write(consumer: AIOKafkaConsumer, raws: list[Any]) -> None:
        for raw in raws:
            await _write_one(connection, reader.parse(raw))
            await consumer.commit({TopicPartition(raw.topic, raw.partition): raw.offset + 1})

    return await _consume(stage, write, records, stage.corpus.size.batch)


async def _write_one(connection: Connection, row: Row) -> None:
    ident, owner, bank, vault, item, source, external_id, *rest = row
    async with connection.transaction():
        if await connection.fetchval(EXISTS, owner, source, external_id) is None:
            await connection.execute(ADD, ident, owner, bank, item, source, external_id, *rest)
            await connection.execute(ADD_ENTRY, vault, ident)


async def _consume(stage: Stage, write: Callable[[Any, list[Any]], Any], records: int, batch: int) -> float:
    consumer = AIOKafkaConsumer(
        **client_options(stage.settings), group_id=GROUP, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    consumer.assign([TopicPartition(stage.topic, number) for number in range(IMPORT_RESULTS.partitions)])
    await consumer.start()
    try:
        begun, left = time.perf_counter(), records
        while left > 0:
            got = await consumer.getmany(max_records=min(batch, left), timeout_ms=1000)
            raws = [raw for some in got.values() for raw in some]
            if raws:
                await write(consumer, raws)
            left -= len(raws)
        return time.perf_counter() - begun
    finally:
        await consumer.stop()


async def faststream(stage: Stage, connection: Connection, records: int) -> float:
    """A batch subscriber as the framework's manual shows it, with manual acknowledgement."""
    broker = KafkaBroker(stage.servers.kafka, logger=None)
    reader = Reader(stage.corpus.owners)
    done = asyncio.Event()
    left, begun = records, 0.0

    async def handle(body: list[ConnectorRecord], message: KafkaMessage) -> None:
        nonlocal left, begun
        begun = begun or time.perf_counter()
        raws: Any = message.raw_message
        await unnest(connection, [reader.row(raw.key, one) for raw, one in zip(raws, body, strict=True)])
        await message.ack()
        left -= len(body)
        if left <= 0:
            done.set()

    handle.__annotations__ = {"body": list[ConnectorRecord], "message": KafkaMessage, "return": None}
    broker.subscriber(
        stage.topic, batch=True, max_records=stage.corpus.size.batch, group_id=GROUP,
        auto_offset_reset="earliest", ack_policy=AckPolicy.MANUAL,
    )(handle)  # fmt: skip
    await broker.start()
    try:
        await done.wait()
        return time.perf_counter() - begun
    finally:
        await broker.stop()
