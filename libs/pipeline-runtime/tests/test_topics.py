"""The topics are made as the contracts say; made again, nothing happens."""

from __future__ import annotations

import asyncio
from functools import partial
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from tests.support.eventually import eventually
from tests.support.servers import Servers

from pipeline_contracts import DEAD_LETTERS_KEPT, IMPORT_ACTIVITY, TOPICS
from pipeline_runtime.kafka import MAX_BATCH_BYTES, MAX_DEAD_LETTER_BYTES
from pipeline_runtime.settings import KafkaSettings
from pipeline_runtime.topics import make_topics

DAY = 24 * 60 * 60 * 1000


async def test_topics_are_made_once_with_the_settings_that_the_contracts_want(running_servers: Servers) -> None:
    prefix = f"test_{uuid4().hex[:12]}."
    settings = KafkaSettings(kafka_bootstrap_servers=running_servers.kafka, kafka_topic_prefix=prefix)
    names = {prefix + topic.name for topic in TOPICS} | {
        prefix + topic.dead for topic in TOPICS if topic.dead_letters
    }
    assert set(await make_topics(settings)) == names
    assert await make_topics(settings) == []

    admin = AIOKafkaAdminClient(bootstrap_servers=running_servers.kafka)
    await admin.start()
    partitions = await eventually(partial(partitions_of, admin, prefix, names))
    found = await configs(admin, prefix, names)
    await admin.delete_topics([prefix + IMPORT_ACTIVITY.name])
    await admin.close()

    for topic in TOPICS:
        assert partitions[topic.name] == topic.partitions
        assert found[topic.name]["retention.ms"] == str(int(topic.keep.total_seconds() * 1000))
        assert found[topic.name]["max.message.bytes"] == str(MAX_BATCH_BYTES)
        assert found[topic.name]["compression.type"] == "producer"
        if topic.dead_letters:
            assert partitions[topic.dead] == 1
            assert found[topic.dead]["retention.ms"] == str(DEAD_LETTERS_KEPT.days * DAY)
            assert found[topic.dead]["max.message.bytes"] == str(MAX_DEAD_LETTER_BYTES)
    assert await make_topics(settings) == [prefix + IMPORT_ACTIVITY.name]  # what is gone is made again


async def test_a_cancellation_that_comes_while_the_client_closes_is_heeded(
    running_servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = AIOKafkaAdminClient.close

    async def cancelled_in_closing(admin: AIOKafkaAdminClient) -> None:
        making.cancel()
        await close(admin)

    monkeypatch.setattr(AIOKafkaAdminClient, "close", cancelled_in_closing)
    prefix = f"test_{uuid4().hex[:12]}."
    settings = KafkaSettings(kafka_bootstrap_servers=running_servers.kafka, kafka_topic_prefix=prefix)
    making = asyncio.create_task(make_topics(settings, [IMPORT_ACTIVITY]))
    with pytest.raises(asyncio.CancelledError):
        await making


async def partitions_of(admin: AIOKafkaAdminClient, prefix: str, names: set[str]) -> dict[str, int] | None:
    """How many each topic has, by its unprefixed name, once the broker knows them all: it hears of them later."""
    described = await admin.describe_topics(sorted(names))
    found = {each["topic"].removeprefix(prefix): len(each["partitions"]) for each in described}
    return found if all(found.values()) else None


async def configs(admin: AIOKafkaAdminClient, prefix: str, names: set[str]) -> dict[str, dict[str, str]]:
    """Each topic's settings, by its unprefixed name."""
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    return {
        resource[3].removeprefix(prefix): {entry[0]: entry[1] for entry in resource[4]}
        for answer in answers
        for resource in answer.resources
    }
