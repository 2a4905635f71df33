"""Dead letters, seen and sent again to the topic that they came from."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from callvault.errors import CallvaultError
from callvault.replayed import GROUP, find_replayed, keep_replayed, require_short, write_ranges
from callvault.topic_reader import check_topic, open_consumer
from pipeline_runtime.kafka import Publisher
from pipeline_runtime.settings import KafkaSettings

_DEAD = ".dead"
_READ_MS = 1000


@dataclass(frozen=True)
class Letter:
    """A dead letter, as it lies there. `cut`: only its beginning was kept, so it cannot be replayed."""

    offset: int
    time: datetime
    reason: str
    detail: str
    origin: str
    job: str | None
    item: str | None
    cut: bool
    replayed: bool
    key: bytes | None = field(repr=False)
    value: bytes | None = field(repr=False)
    headers: list[tuple[str, bytes]] = field(repr=False)

    def told(self) -> dict[str, Any]:
        """Without what may be private."""
        shown = ("offset", "time", "reason", "detail", "origin", "job", "item", "cut", "replayed")
        return {name: getattr(self, name) for name in shown}


class Letters:
    """The dead letters of one topic, which has one partition of them."""

    def __init__(
        self, settings: KafkaSettings, topic: str, consumer: AIOKafkaConsumer, replayed: set[int]
    ) -> None:
        self.topic = topic.removesuffix(_DEAD)
        self.replayed = replayed
        self._settings = settings
        self._consumer = consumer
        self._partition = TopicPartition(settings.kafka_topic_prefix + topic, 0)

    async def read(self) -> AsyncIterator[Letter]:
        """All that lie there now, the oldest first."""
        place = self._partition
        end = (await self._consumer.end_offsets([place]))[place]
        await self._consumer.seek_to_beginning(place)
        while await self._consumer.position(place) < end:
            for records in (await self._consumer.getmany(place, timeout_ms=_READ_MS, max_records=50)).values():
                for record in records:
                    if record.offset < end:
                        yield _letter(record, record.offset in self.replayed)

    async def replay(self, wanted: Callable[[Letter], bool]) -> AsyncIterator[Letter]:
        """Send those again that are wanted; each is answered once Kafka has it, and remembered at the end."""
        sent: set[int] = set()
        publisher = Publisher(self._settings, app="callvault-replay")
        await publisher.start()
        try:
            async for letter in self.read():
                if wanted(letter):
                    require_short(write_ranges(self.replayed | sent | {letter.offset}))
                    await publisher.send_raw(self.topic, letter.key, letter.value, letter.headers)
                    sent.add(letter.offset)
                    yield letter
        finally:
            await publisher.stop()
            if sent:
                await self._remember(sent)

    async def _remember(self, sent: set[int]) -> None:
        first = (await self._consumer.beginning_offsets([self._partition]))[self._partition]
        self.replayed = {offset for offset in self.replayed | sent if offset >= first}
        await keep_replayed(self._consumer, self._partition, self.replayed)


@asynccontextmanager
async def open_letters(settings: KafkaSettings, topic: str) -> AsyncIterator[Letters]:
    """Raises `no_dead_letters` for another kind of topic, `unknown_topic`, `kafka_unreachable`."""
    if not topic.endswith(_DEAD):
        message = f"{topic} holds no dead letters."
        raise CallvaultError("no_dead_letters", message, f"Theirs end in {_DEAD}: try {topic}{_DEAD}.")
    prefix = settings.kafka_topic_prefix
    async with open_consumer(settings, "earliest", prefix + GROUP) as consumer:
        for each in (topic, topic.removesuffix(_DEAD)):
            await check_topic(consumer, prefix, each)
        place = TopicPartition(prefix + topic, 0)
        consumer.assign([place])
        yield Letters(settings, topic, consumer, await find_replayed(settings, consumer, place))


def _letter(record: "ConsumerRecord[bytes, bytes]", replayed: bool) -> Letter:
    headers = list(record.headers)
    found = {name: (value or b"").decode(errors="replace") for name, value in headers}
    return Letter(
        offset=record.offset,
        time=datetime.fromtimestamp(record.timestamp / 1000, UTC),
        reason=found.get("dead_reason", "unknown"),
        detail=found.get("dead_detail", ""),
        origin=found.get("dead_origin", ""),
        job=found.get("ce_jobid"),
        item=found.get("ce_itemid"),
        cut=any(name in found for name in ("dead_value_bytes", "dead_key_bytes", "dead_headers_bytes")),
        replayed=replayed,
        key=record.key,
        value=record.value,
        headers=[(name, value) for name, value in headers if not name.startswith("dead_")],
    )
