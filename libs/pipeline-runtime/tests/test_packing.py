"""Many messages at once: each lands on its key's partition, in order, whatever its size."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from os import urandom
from uuid import uuid4

from tests.support.stack import Stack

from pipeline_contracts import DiscoveryEnded, Encoded, Envelope, encode
from pipeline_runtime.kafka import PACK_BYTES


def numbered(key: bytes, number: int, size: int = 0) -> Encoded:
    envelope = Envelope(DiscoveryEnded.event_type, "/tests", id=str(number))
    message = encode(DiscoveryEnded(job_id=uuid4()), key=key.decode(), envelope=envelope)
    return Encoded(message.topic, key, message.value + b" " * size, message.headers)


async def test_packed_messages_keep_partition_order_and_size(stack: Stack) -> None:
    keys = [f"owner-{n}".encode() for n in range(9)]
    sizes = {100: PACK_BYTES + 1, 101: 3 * PACK_BYTES, 102: PACK_BYTES - 500}
    messages = [numbered(keys[n % 9], n, sizes.get(n, n)) for n in range(600)]
    single = [numbered(key, 600 + n) for n, key in enumerate(keys)]
    assert await stack.publisher.send_all(messages) == [None] * 600
    for message in single:  # as the client itself chooses a partition
        await stack.publisher.send(message)

    numbers: defaultdict[bytes, list[int]] = defaultdict(list)
    partitions: defaultdict[bytes, set[int]] = defaultdict(set)
    for record in await stack.messages("import.results", at_least=609):
        numbers[record.key].append(int(dict(record.headers)["ce_id"]))
        partitions[record.key].add(record.partition)
        assert len(record.value) == len((messages + single)[numbers[record.key][-1]].value)
    assert numbers == {key: [*range(n, 600, 9), 600 + n] for n, key in enumerate(keys)}
    assert all(len(places) == 1 for places in partitions.values())


async def test_one_message_that_is_too_large_is_refused_alone(stack: Stack) -> None:
    large = replace(numbered(b"owner", 1), value=urandom(9_500_000))  # the broker sees what is compressed
    messages = [numbered(b"owner", 0), large, numbered(b"owner", 2)]
    first, second, third = await stack.publisher.send_all(messages)
    assert (first, third) == (None, None)
    assert type(second).__name__ == "MessageSizeTooLargeError"
