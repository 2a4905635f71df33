"""Nothing is lost when a subscriber dies, nor when a batch over several partitions fails."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator

import pytest
from faststream import AckPolicy
from structlog.testing import capture_logs
from tests.support.eventually import eventually
from tests.support.road import Road, number_of, open_road
from tests.support.servers import Servers

from pipeline_contracts import Message
from pipeline_runtime.consume import make_broker

# A reader that stays in the middle of its second message. The group misses it after one second.
DIES_IN_THE_MIDDLE = """
import asyncio, functools
from faststream.kafka import KafkaBroker
from pipeline_runtime import consume
from pipeline_runtime.kafka import Publisher
from pipeline_runtime.settings import KafkaSettings
from tests.support.road import Road, number_of

KafkaBroker.subscriber = functools.partialmethod(KafkaBroker.subscriber, session_timeout_ms=1000)
consume.HEARTBEAT_MS = 250

async def handle(message):
    print(number_of(message), flush=True)
    if number_of(message) == 2:
        await asyncio.Event().wait()

async def main():
    settings = KafkaSettings()
    await Road(settings, Publisher(settings, app="dying"), None).broker(handle).start()
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
async def road(running_servers: Servers) -> AsyncIterator[Road]:
    with capture_logs():
        async with open_road(running_servers.kafka) as made:
            yield made


async def test_what_a_killed_process_was_at_comes_to_the_next_one(road: Road) -> None:
    for number in (1, 2, 3):
        await road.send(number)
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": road.settings.kafka_bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": road.settings.kafka_topic_prefix,
        "PYTHONPATH": os.pathsep.join(["."]),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DIES_IN_THE_MIDDLE, env=os.environ | environment, stdout=PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            assert [int(await process.stdout.readline()) for _ in range(2)] == [1, 2]
        assert await road.committed() == 1
    finally:
        process.kill()
        await process.wait()

    done: list[int] = []

    async def handle(message: Message) -> None:
        done.append(number_of(message))

    async with road.reading(handle):
        assert await road.reaches(3)
    assert done == [2, 3]


async def test_a_failed_batch_over_several_partitions_comes_again_as_a_whole(road: Road) -> None:
    """FastStream before 0.7.8 rewound the first partition alone and lost the records of the others."""
    topic, partitions, each = "tests.wide", 4, 5
    await road.make(topic, partitions=partitions)
    for number in range(partitions * each):
        where = number % partitions
        assert road.publisher._producer is not None
        await road.publisher._producer.send_and_wait(
            road.name(topic), str(number).encode(), key=b"k", partition=where
        )
    done: set[int] = set()
    failures = 0
    broker = make_broker(road.settings, app="tests")

    @broker.subscriber(
        road.name(topic), group_id=road.name("wide"), batch=True, batch_timeout_ms=500, max_records=100,
        auto_offset_reset="earliest", ack_policy=AckPolicy.NACK_ON_ERROR,
    )  # fmt: skip
    async def handle(bodies: list[object]) -> None:
        nonlocal failures
        numbers = [int(str(body)) for body in bodies]
        if failures == 0 and len({number % partitions for number in numbers}) > 1:
            failures += 1
            raise RuntimeError("this batch fails once")
        done.update(numbers)

    async def all_committed() -> bool:
        offsets = [await road.committed(n, topic, "wide") for n in range(partitions)]
        return offsets == [each] * partitions

    await broker.start()
    try:
        await eventually(all_committed)
    finally:
        await broker.stop()
    assert failures == 1
    assert done == set(range(partitions * each))
