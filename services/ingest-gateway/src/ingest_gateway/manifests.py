"""What sources there are: the connectors' manifests, read by this process alone from their compacted topic."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from pipeline_contracts import CONNECTOR_MANIFESTS, ConnectorManifest, Unreadable, decode
from pipeline_runtime.kafka import client_options
from pipeline_runtime.settings import KafkaSettings

PAUSE_SECONDS = 1.0
SILENT_AFTER = timedelta(seconds=90)
"""A connector says its manifest every 30 seconds; after three that are missing it is not running."""

log = structlog.get_logger()


class Manifests:
    """The latest manifest of each source, whether or not its connector runs now."""

    def __init__(
        self, settings: KafkaSettings, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._known: dict[str, ConnectorManifest] = {}
        self._is_read = False

    def find(self, source: str) -> ConnectorManifest | None:
        """None for a source that nobody has ever spoken for."""
        return self._known.get(source)

    def all(self) -> list[ConnectorManifest]:
        """By name."""
        return sorted(self._known.values(), key=lambda manifest: manifest.name.casefold())

    def is_running(self, source: str) -> bool:
        """Whether its connector was heard of lately."""
        manifest = self._known.get(source)
        return manifest is not None and self._clock() - manifest.sent_at < SILENT_AFTER

    def running(self) -> list[str]:
        """The sources whose connectors run."""
        return [source for source in self._known if self.is_running(source)]

    async def check(self) -> str | None:
        """None once all that was said before the start is known."""
        return None if self._is_read else "not read yet"

    async def run(self) -> None:
        """Read until cancelled; after an interruption from the start again."""
        while True:
            try:
                await self._read()
            except KafkaError as error:
                log.warning("manifests.interrupted", error=type(error).__name__)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _read(self) -> None:
        consumer = AIOKafkaConsumer(
            self._settings.kafka_topic_prefix + CONNECTOR_MANIFESTS.name,
            **client_options(self._settings),
            client_id="ingest-gateway-manifests",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        try:
            await consumer.start()
            ends = await consumer.end_offsets(consumer.assignment())
            while True:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    for record in records:
                        self.tell(record.key, record.value, record.headers)
                if not self._is_read:
                    places = [await consumer.position(partition) >= end for partition, end in ends.items()]
                    self._is_read = bool(ends) and all(places)
        finally:
            await consumer.stop()

    def tell(self, key: bytes | None, value: bytes | None, headers: Any) -> None:
        """Take in one message; what is not its own source's, or cannot be read, is left out."""
        source = (key or b"").decode(errors="replace")
        if value is None:
            self._known.pop(source, None)
            return
        try:
            manifest = decode(CONNECTOR_MANIFESTS, value, headers)
        except Unreadable as error:
            log.warning("manifest.unreadable", source=source[:50], reason=error.reason)
            return
        assert isinstance(manifest, ConnectorManifest)
        if manifest.source != source:
            log.warning("manifest.unreadable", source=source[:50], reason="key")
            return
        known = self._known.get(source)
        if known is None or known.sent_at <= manifest.sent_at:
            self._known[source] = manifest
