"""Topics of one test's own, without a database: what is sent, read, parked, and how far a group has come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from faststream.kafka import KafkaBroker

from pipeline_contracts import DiscoveryEnded, Envelope, Headers, Message, Topic
from pipeline_runtime.consume import Handle, make_broker, subscribe
from pipeline_runtime.kafka import MAX_DEAD_LETTER_BYTES, Publisher
from pipeline_runtime.settings import KafkaSettings
from tests.support.eventually import eventually

NUDGES = Topic(
    "tests.nudges", (DiscoveryEnded,), key="owner", producers=("tests",), consumers=("tests",), partitions=1,
    dead_letters=True,
)  # fmt: skip
GROUP = "readers"
NUDGE = DiscoveryEnded.event_type


def number_of(message: Message) -> int:
    """The number that a nudge was sent with."""
    assert isinstance(message, DiscoveryEnded)
    return message.job_id.int


@dataclass
class Road:
    """A prefix that nobody else has."""

    settings: KafkaSettings
    publisher: Publisher
    admin: AIOKafkaAdminClient
    refused: list[str] = field(default_factory=list)
    """The reasons of the messages that the subscriber could not read, as its callback got them."""

    def name(self, topic: str) -> str:
        """The topic's full name."""
        return self.settings.kafka_topic_prefix + topic

    async def make(self, *topics: str, partitions: int = 1) -> None:
        """Make topics."""
        await self.admin.create_topics([NewTopic(self.name(topic), partitions, 1) for topic in topics])

    async def send(
        self, number: int, *, owner: str = "ada", kind: str = NUDGE, value: bytes | None = None
    ) -> None:
        """A nudge with a number, or bytes in its place."""
        body = (
            value if value is not None else DiscoveryEnded(job_id=UUID(int=number)).model_dump_json().encode()
        )
        headers = Envelope(kind, "/tests", id=f"fact-{number}").headers()
        await self.publisher.send_raw(NUDGES.name, owner.encode(), body, headers)

    async def note(self, _headers: Headers, reason: str) -> None:
        """What the subscriber does before it parks."""
        self.refused.append(reason)

    def broker(self, handle: Handle, passing: Callable[[Exception], bool] = lambda _: False) -> KafkaBroker:
        """A broker with one subscriber, not started."""
        broker = make_broker(self.settings, app="tests")
        subscribe(
            broker, NUDGES, group=GROUP, settings=self.settings, publisher=self.publisher,
            handle=handle, on_unreadable=self.note, passing=passing,
        )  # fmt: skip
        return broker

    @asynccontextmanager
    async def reading(
        self, handle: Handle, passing: Callable[[Exception], bool] = lambda _: False
    ) -> AsyncIterator[None]:
        """A subscriber at work."""
        broker = self.broker(handle, passing)
        await broker.start()
        try:
            yield
        finally:
            await broker.stop()

    async def committed(self, partition: int = 0, topic: str = NUDGES.name, group: str = GROUP) -> int:
        """The group's offset, 0 where it has none."""
        offsets = await self.admin.list_consumer_group_offsets(self.name(group))
        found = offsets.get(TopicPartition(self.name(topic), partition))
        return 0 if found is None else max(0, found.offset)

    async def reaches(self, offset: int) -> bool:
        """Wait until the group's offset is this."""

        async def probe() -> bool:
            return await self.committed() == offset

        return await eventually(probe)

    async def parked(self) -> Sequence[Any]:
        """All that lies among the dead letters."""
        where = TopicPartition(self.name(NUDGES.dead), 0)
        reader = AIOKafkaConsumer(
            bootstrap_servers=self.settings.kafka_bootstrap_servers, auto_offset_reset="earliest",
            group_id=None, max_partition_fetch_bytes=MAX_DEAD_LETTER_BYTES,
        )  # fmt: skip
        await reader.start()
        try:
            reader.assign([where])
            end = (await reader.end_offsets([where]))[where]
            found: list[Any] = []
            while len(found) < end:
                found += [one for some in (await reader.getmany(timeout_ms=200)).values() for one in some]
            return found
        finally:
            await reader.stop()


@asynccontextmanager
async def open_road(bootstrap: str) -> AsyncIterator[Road]:
    """A road with the topic of nudges and its dead letters."""
    settings = KafkaSettings(kafka_bootstrap_servers=bootstrap, kafka_topic_prefix=f"test_{uuid4().hex[:12]}.")
    publisher, admin = Publisher(settings, app="tests"), AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await publisher.start()
    await admin.start()
    try:
        road = Road(settings, publisher, admin)
        await road.make(NUDGES.name, NUDGES.dead)
        yield road
    finally:
        await admin.close()
        await publisher.stop()
