"""How results come in: partitions are dealt to lanes, and each lane writes one batch while it reads the next.

Below FastStream, on aiokafka: a batch subscriber cannot keep partitions apart, nor read ahead by
one. Offsets are committed after the transaction and after every dead letter is confirmed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from pipeline_contracts import IMPORT_RESULTS
from pipeline_runtime import metrics
from pipeline_runtime.kafka import FETCH_WAIT_MS, client_options
from recorder.results import read
from recorder.settings import RecorderSettings
from recorder.writer import Writer

GROUP = "recorder"
READ_MS = 500
MAX_POLL_MS = 30 * 60 * 1000

log = structlog.get_logger()


class Lane:
    """Some partitions, one writer, a queue of one batch."""

    def __init__(self, consumer: AIOKafkaConsumer, writer: Writer, settings: RecorderSettings) -> None:
        self._consumer = consumer
        self._writer = writer
        self._settings = settings
        self._bytes_each = 4096.0
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()

    def start(self, partitions: Sequence[TopicPartition]) -> None:
        """Begin to read these partitions."""
        self._stopping = asyncio.Event()
        ready: asyncio.Queue[list[Any]] = asyncio.Queue(1)
        self._tasks = [
            asyncio.create_task(self._read(partitions, ready)),
            asyncio.create_task(self._write(ready)),
        ]

    async def stop(self) -> None:
        """Finish and commit the batch that is being written; what is only read comes again."""
        self._stopping.set()
        if self._tasks:
            reading, writing = self._tasks
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await asyncio.gather(writing, return_exceptions=True)
        self._tasks = []

    def failed(self) -> BaseException | None:
        """What a task of this lane died of."""
        return next(
            (t.exception() for t in self._tasks if t.done() and not t.cancelled() and t.exception()), None
        )

    async def _read(self, partitions: Sequence[TopicPartition], ready: asyncio.Queue[list[Any]]) -> None:
        while True:
            most = max(1, min(self._settings.recorder_batch_records, int(self._cap / self._bytes_each)))
            got = await self._consumer.getmany(*partitions, timeout_ms=READ_MS, max_records=most)
            raws = [raw for records in got.values() for raw in records]
            for batch in self._cut(raws):
                await ready.put(batch)

    @property
    def _cap(self) -> int:
        return self._settings.recorder_batch_bytes

    def _cut(self, raws: Iterable[Any]) -> Iterable[list[Any]]:
        """Batches of at most the cap in bytes; a larger message is a batch alone."""
        batch: list[Any] = []
        size = 0
        for raw in raws:
            length = len(raw.value or b"")
            self._bytes_each += 0.02 * (length - self._bytes_each)
            if batch and size + length > self._cap:
                yield batch
                batch, size = [], 0
            batch.append(raw)
            size += length
        if batch:
            yield batch

    async def _write(self, ready: asyncio.Queue[list[Any]]) -> None:
        committing: asyncio.Task[None] | None = None
        while (raws := await self._next(ready)) is not None:
            begun = time.monotonic()
            await self._writer.write([read(raw) for raw in raws])
            metrics.BATCH_SECONDS.observe(time.monotonic() - begun)
            metrics.BATCH_RECORDS.observe(len(raws))
            metrics.RESULT_LAG_SECONDS.observe(max(0.0, time.time() - raws[0].timestamp / 1000))
            if committing is not None:
                await committing
            committing = asyncio.create_task(self._commit(raws))
        if committing is not None:
            await committing

    async def _next(self, ready: asyncio.Queue[list[Any]]) -> list[Any] | None:
        """The next batch; None when the lane stops."""
        if not ready.empty() and not self._stopping.is_set():
            return ready.get_nowait()
        get, stop = asyncio.create_task(ready.get()), asyncio.create_task(self._stopping.wait())
        await asyncio.wait((get, stop), return_when=asyncio.FIRST_COMPLETED)
        if stop.done():
            get.cancel()
            return None
        stop.cancel()
        return get.result()

    async def _commit(self, raws: Sequence[Any]) -> None:
        """A commit that fails costs a redelivery, and that is harmless."""
        offsets = {TopicPartition(raw.topic, raw.partition): raw.offset + 1 for raw in raws}
        try:
            await self._consumer.commit(offsets)
        except KafkaError as error:
            log.warning("offsets.not_committed", error=type(error).__name__)


class Lanes(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka carries no types
    """All lanes of a process, and who reads what after a rebalance."""

    def __init__(self, settings: RecorderSettings, make_writer: Callable[[], Writer]) -> None:
        self._settings = settings
        self._make_writer = make_writer
        self._lanes: list[Lane] = []
        self._writers: list[Writer] = []
        self.assigned = False

    async def start(self) -> None:
        """Join the group."""
        prefix = self._settings.kafka_topic_prefix
        self._consumer = AIOKafkaConsumer(
            **client_options(self._settings),
            client_id="recorder",
            group_id=prefix + GROUP,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_interval_ms=MAX_POLL_MS,
            max_partition_fetch_bytes=1024 * 1024,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            session_timeout_ms=10_000,
        )
        self._writers = [self._make_writer() for _ in range(self._settings.recorder_lanes)]
        self._lanes = [Lane(self._consumer, writer, self._settings) for writer in self._writers]
        await self._consumer.start()
        self._consumer.subscribe([prefix + IMPORT_RESULTS.name], listener=self)

    async def stop(self) -> None:
        """Drain, commit, leave the group."""
        await self._stop_lanes()
        await self._consumer.stop()
        for writer in self._writers:
            await writer.close()

    async def watch(self) -> None:
        """Raise when a lane has died; a lane never ends by itself."""
        while True:
            for lane in self._lanes:
                if error := lane.failed():
                    raise error
            await asyncio.sleep(1)

    async def on_partitions_revoked(self, _revoked: Any) -> None:
        """Before others read them: finish what is being written."""
        self.assigned = False
        await self._stop_lanes()

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """Deal the partitions out."""
        for place, lane in enumerate(self._lanes):
            own = sorted(p for p in assigned if p.partition % len(self._lanes) == place)
            if own:
                lane.start(own)
        self.assigned = True
        log.info("partitions.assigned", partitions=len(assigned))

    async def _stop_lanes(self) -> None:
        await asyncio.gather(*(lane.stop() for lane in self._lanes))
