"""The publisher: one by one or many at once, a message lands in the same place and is confirmed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from tests.support.road import Road, open_road
from tests.support.servers import Servers

from callvault.embedded.kafka import Kafka
from pipeline_contracts import Encoded
from pipeline_runtime import kafka
from pipeline_runtime.kafka import PACK_BYTES, Publisher
from pipeline_runtime.settings import KafkaSettings

WIDE = "tests.wide"


@pytest.fixture
async def road(running_servers: Servers) -> AsyncIterator[Road]:
    async with open_road(running_servers.kafka) as made:
        await made.make(WIDE, partitions=4)
        yield made


def message(key: str, value: bytes, topic: str = WIDE) -> Encoded:
    return Encoded(topic, key.encode(), value, [("ce_id", value[:20])])


async def landed(road: Road, expected: int) -> list[Any]:
    reader = AIOKafkaConsumer(
        road.name(WIDE), bootstrap_servers=road.settings.kafka_bootstrap_servers, auto_offset_reset="earliest",
        group_id=None, max_partition_fetch_bytes=10 * 1024 * 1024,
    )  # fmt: skip
    await reader.start()
    try:
        found: list[Any] = []
        while len(found) < expected:
            found += [one for some in (await reader.getmany(timeout_ms=200)).values() for one in some]
        return found
    finally:
        await reader.stop()


async def test_many_at_once_go_where_each_alone_would_and_stay_in_the_order_of_their_key(road: Road) -> None:
    keys = [str(uuid4()) for _ in range(30)]
    for key in keys:
        await road.publisher.send(message(key, b"0"))
    many = [message(key, str(n).encode()) for n in range(1, 6) for key in keys]
    assert await road.publisher.send_all(many) == [None] * len(many)
    found = await landed(road, len(keys) + len(many))
    assert len(found) == len(keys) + len(many)
    assert len({one.partition for one in found}) > 1
    for key in keys:
        own = [one for one in found if one.key == key.encode()]
        assert len({one.partition for one in own}) == 1
        assert [one.value for one in sorted(own, key=lambda one: one.offset)] == [
            str(n).encode() for n in range(6)
        ]
        assert all(dict(one.headers)["ce_id"] == one.value for one in own)


async def test_messages_larger_than_a_pack_travel_among_small_ones(road: Road) -> None:
    sizes = [10, PACK_BYTES - 1, PACK_BYTES, PACK_BYTES + 1, 10, 8 * 1024 * 1024, 10]
    assert await road.publisher.send_all([message("ada", b"x" * size) for size in sizes]) == [None] * len(sizes)
    found = sorted(await landed(road, len(sizes)), key=lambda one: one.offset)
    assert [len(one.value) for one in found] == sizes


async def test_what_a_topic_that_is_not_there_takes_is_an_error_for_each_and_soon(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "BEGIN_SECONDS", 0.2)
    errors = await road.publisher.send_all([message("ada", b"x", "tests.nowhere") for _ in range(3)])
    assert len(errors) == 3
    assert all(isinstance(error, Exception) for error in errors)


async def test_a_publisher_that_was_not_started_says_so(road: Road) -> None:
    idle = Publisher(road.settings, app="tests")
    with pytest.raises(RuntimeError, match="not started"):
        await idle.send(message("ada", b"x"))
    with pytest.raises(RuntimeError, match="not started"):
        await idle.ping()
    await idle.stop()
    await road.publisher.ping()


async def test_where_kafka_is_gone_a_ping_says_so(tmp_path: Path) -> None:
    with Kafka(tmp_path) as broker:
        idle = Publisher(KafkaSettings(kafka_bootstrap_servers=broker.bootstrap), app="tests")
        await idle.start()
        await idle.ping()
    try:
        with pytest.raises(KafkaError):
            await idle.ping()
    finally:
        await idle.stop()


async def test_one_that_has_sent_nothing_asks_for_no_topics_of_others(road: Road) -> None:
    idle = Publisher(road.settings, app="tests")
    await idle.start()
    await idle.ping()
    assert idle._producer
    known = idle._producer.client.cluster.topics(exclude_internal_topics=False)
    await idle.stop()
    assert not {name for name in known if not name.startswith(road.settings.kafka_topic_prefix)}
