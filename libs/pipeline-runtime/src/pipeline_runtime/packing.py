"""Many messages of one topic in as few of Kafka's batches as they fill.

One by one, the client's own bookkeeping costs more than the message: a future, a time-out and the
hash of its key for each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder

from pipeline_contracts import Encoded

LARGEST = 9 * 1024 * 1024 - 64 * 1024
"""In bytes of the value, with room for key, headers and what does not compress."""


@dataclass(slots=True)
class Pack:
    """A batch for one partition, and the places that its messages had among all."""

    partition: int
    builder: BatchBuilder
    places: list[int] = field(default_factory=list)

    def add(self, message: Encoded, place: int) -> bool:
        """False where the batch is full. A message larger than a batch fills an empty one alone."""
        added = self.builder.append(
            timestamp=None, key=message.key, value=message.value, headers=message.headers
        )
        if added is not None:
            self.places.append(place)
        return added is not None


def pack(
    messages: Sequence[Encoded], partitions: Sequence[int], create: Callable[[], BatchBuilder]
) -> list[Pack]:
    """Deal messages out by their keys; those of a partition stay in order.

    What no topic takes is left out: refused by Kafka, it would leave a gap in the producer's numbers,
    and the partition would take nothing more.
    """
    packs: list[Pack] = []
    latest: dict[int, Pack] = {}
    for place, message in enumerate(messages):
        if len(message.value) > LARGEST:
            continue
        partition = partitions[_hash(message.key) % len(partitions)]
        open_pack = latest.get(partition)
        if open_pack is None or not open_pack.add(message, place):
            latest[partition] = Pack(partition, create())
            packs.append(latest[partition])
            latest[partition].add(message, place)
    return packs


@lru_cache(maxsize=4096)
def _hash(key: bytes) -> int:
    """As all Kafka clients choose a partition. In Python it is slow, and owners come again and again."""
    return int(murmur2(key)) & 0x7FFFFFFF
