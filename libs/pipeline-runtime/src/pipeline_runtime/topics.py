"""`python -m pipeline_runtime.topics`: makes the topics that are missing, with the contracts' settings."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from pipeline_contracts import DEAD_LETTERS_KEPT, TOPICS, Topic
from pipeline_runtime.kafka import MAX_BATCH_BYTES, MAX_DEAD_LETTER_BYTES, client_options
from pipeline_runtime.settings import KafkaSettings


def _new(
    name: str,
    partitions: int,
    keep: timedelta,
    max_bytes: int,
    settings: KafkaSettings,
    *,
    policy: str = "delete",
) -> NewTopic:
    return NewTopic(
        settings.kafka_topic_prefix + name,
        partitions,
        settings.kafka_replication,
        topic_configs={
            "retention.ms": str(int(keep.total_seconds() * 1000)),
            "cleanup.policy": policy,
            "max.message.bytes": str(max_bytes),
            "compression.type": "producer",
        },
    )


def wanted(settings: KafkaSettings, topics: Iterable[Topic] = TOPICS) -> list[NewTopic]:
    """These topics (all of the contracts), and the dead letters of those that have them."""
    found = []
    for topic in topics:
        policy = "compact" if topic.compacted else "delete"
        found.append(_new(topic.name, topic.partitions, topic.keep, MAX_BATCH_BYTES, settings, policy=policy))
        if topic.dead_letters:
            found.append(_new(topic.dead, 1, DEAD_LETTERS_KEPT, MAX_DEAD_LETTER_BYTES, settings))
    return found


async def make_topics(settings: KafkaSettings, topics: Iterable[Topic] = TOPICS) -> list[str]:
    """Make those that are missing; answers their full names. Raises KafkaError where Kafka refuses one."""
    admin = AIOKafkaAdminClient(**_without_none(client_options(settings)))
    await admin.start()
    try:
        answer = await admin.create_topics(wanted(settings, topics))
    finally:
        await admin.close()
    if (task := asyncio.current_task()) and task.cancelling():
        raise asyncio.CancelledError  # that came while it closed, and was taken for that of its own task
    made = []
    for name, code, *rest in answer.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise error(f"{name}: {rest[0] if rest else ''}")
        if not code:
            made.append(name)
    return made


def _without_none(options: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}


if __name__ == "__main__":
    asyncio.run(make_topics(KafkaSettings()))
