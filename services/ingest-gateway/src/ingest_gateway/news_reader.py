"""Reads progress, activity and changed accounts for this process alone: without a group, from the end."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from ingest_gateway.hub import Hub
from pipeline_contracts import (
    IMPORT_ACTIVITY,
    IMPORT_PROGRESS,
    SOURCE_CHANGED,
    ImportActivity,
    JobProgress,
    SourceChanged,
    Unreadable,
    decode,
)
from pipeline_runtime.kafka import FETCH_WAIT_MS, client_options
from pipeline_runtime.settings import KafkaSettings

PAUSE_SECONDS = 1.0

log = structlog.get_logger()


class NewsReader:
    """Tells the hub what is new. While it cannot read, streams live on what Postgres says."""

    def __init__(self, settings: KafkaSettings, hub: Hub) -> None:
        self._settings = settings
        self._hub = hub
        topics = (IMPORT_PROGRESS, IMPORT_ACTIVITY, SOURCE_CHANGED)
        self._topics = {settings.kafka_topic_prefix + topic.name: topic for topic in topics}
        self._is_reading = False

    async def run(self) -> None:
        """Read until cancelled; after an interruption every stream begins again."""
        while True:
            try:
                await self._read()
            except KafkaError as error:
                log.warning("news.interrupted", error=type(error).__name__)
            finally:
                self._hub.cut_all()
            await asyncio.sleep(PAUSE_SECONDS)

    async def check(self) -> str | None:
        """None while it reads."""
        return None if self._is_reading else "not connected"

    async def _read(self) -> None:
        consumer = AIOKafkaConsumer(
            *self._topics,
            **client_options(self._settings),
            client_id="ingest-gateway-news",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="latest",
            fetch_max_wait_ms=FETCH_WAIT_MS,
        )
        try:
            await consumer.start()
            for partition in consumer.assignment():
                await consumer.position(partition)  # "the end" is that of now, not that of the first fetch
            self._is_reading = True
            async for record in consumer:
                self._tell(record)
        finally:
            self._is_reading = False
            await consumer.stop()

    def _tell(self, record: Any) -> None:
        # Changes of accounts are keyed by account; what tasks do is kept for those who come later.
        is_progress = self._topics[record.topic] is IMPORT_PROGRESS
        if is_progress and not self._hub.has(_owner_in(record.key)):
            return
        try:
            news = decode(self._topics[record.topic], record.value, record.headers)
        except Unreadable as error:
            log.warning("news.unreadable", reason=error.reason, topic=record.topic)
            return
        assert isinstance(news, JobProgress | ImportActivity | SourceChanged)
        owner = news.owner_user_id if isinstance(news, SourceChanged) else _owner_in(record.key)
        if isinstance(news, ImportActivity):
            self._hub.remember(news)
        if owner is not None:
            self._hub.tell(owner, news)


def _owner_in(key: bytes | None) -> UUID | None:
    try:
        return UUID((key or b"").decode())
    except ValueError:
        log.warning("news.unreadable", reason="key")
        return None
