"""Reading a topic as a bystander: no group, no offsets committed, nobody's work taken."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import KafkaError

from callvault.environment import kafka_environment
from callvault.errors import CallvaultError
from callvault.home import Home
from pipeline_runtime.kafka import MAX_DEAD_LETTER_BYTES, client_options
from pipeline_runtime.settings import KafkaSettings


@dataclass(frozen=True)
class Received:
    """One message with its CloudEvents headers. `payload` is JSON's value, or the text that is none."""

    topic: str
    partition: int
    offset: int
    time: datetime
    key: str | None
    headers: dict[str, str]
    payload: Any


def kafka_settings(home: Home) -> KafkaSettings:
    """How to reach the Kafka of this home's stack. Raises `not_started`."""
    return KafkaSettings(kafka_bootstrap_servers=kafka_environment(home)["KAFKA_BOOTSTRAP_SERVERS"])


async def read_topic(
    settings: KafkaSettings, topic: str, *, from_start: bool
) -> AsyncGenerator[Received, None]:
    """All messages as they come, for ever. Raises `kafka_unreachable`, `unknown_topic`."""
    reset = "earliest" if from_start else "latest"
    async with open_consumer(settings, reset) as consumer:
        await check_topic(consumer, settings.kafka_topic_prefix, topic)
        consumer.subscribe([settings.kafka_topic_prefix + topic])
        async for record in consumer:
            yield _received(topic, record)


@asynccontextmanager
async def open_consumer(
    settings: KafkaSettings, offset_reset: str, group: str | None = None
) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer that commits nothing by itself. Raises `kafka_unreachable`."""
    consumer = AIOKafkaConsumer(
        **client_options(settings),
        client_id="callvault",
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset=offset_reset,
        max_partition_fetch_bytes=MAX_DEAD_LETTER_BYTES,
    )
    try:
        await consumer.start()
        yield consumer
    except (KafkaError, OSError) as error:
        message = f"Kafka at {settings.kafka_bootstrap_servers} does not answer: {type(error).__name__}."
        raise CallvaultError("kafka_unreachable", message, "See `callvault status`.") from error
    finally:
        await consumer.stop()


async def check_topic(consumer: AIOKafkaConsumer, prefix: str, topic: str) -> None:
    """Raises `unknown_topic`."""
    known = await consumer.topics()
    if prefix + topic not in known:
        ours = sorted(name.removeprefix(prefix) for name in known if name.startswith(prefix))
        remedy = f"There are: {', '.join(ours) or 'none'}."
        raise CallvaultError("unknown_topic", f"There is no topic {topic}.", remedy)


def _received(topic: str, record: "ConsumerRecord[bytes, bytes]") -> Received:
    return Received(
        topic=topic,
        partition=record.partition,
        offset=record.offset,
        time=datetime.fromtimestamp(record.timestamp / 1000, UTC),
        key=None if record.key is None else record.key.decode(errors="replace"),
        headers={name: value.decode(errors="replace") for name, value in record.headers},
        payload=_read_json(record.value),
    )


def _read_json(value: bytes | None) -> Any:
    try:
        return None if value is None else json.loads(value)
    except ValueError:
        return (value or b"").decode(errors="replace")
