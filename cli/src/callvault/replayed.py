"""Which dead letters were sent again already: remembered by Kafka itself, beside a group's offset.

The group `callvault-replay` reads nothing; the metadata of its offset in a dead-letter partition holds the
offsets that were replayed, as `0-5,9,12-40`. Kafka forgets it a week after the last replay; by then
a letter that is sent twice finds its item ended, and changes nothing.
"""

from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata

from callvault.errors import CallvaultError
from pipeline_runtime.kafka import client_options
from pipeline_runtime.settings import KafkaSettings

GROUP = "callvault-replay"
_LONGEST = 4000
"""Characters; brokers take 4,096 bytes."""


def read_ranges(text: str) -> set[int]:
    """The offsets in `0-5,9`; none for what is not written so."""
    found: set[int] = set()
    for word in filter(None, text.split(",")):
        first, _, last = word.partition("-")
        try:
            found.update(range(int(first), int(last or first) + 1))
        except ValueError:
            return set()
    return found


def write_ranges(offsets: Iterable[int]) -> str:
    """Offsets as `0-5,9`."""
    ranges: list[list[int]] = []
    for offset in sorted(offsets):
        if ranges and ranges[-1][1] == offset - 1:
            ranges[-1][1] = offset
        else:
            ranges.append([offset, offset])
    return ",".join(f"{first}-{last}" if last > first else str(first) for first, last in ranges)


async def find_replayed(
    settings: KafkaSettings, consumer: AIOKafkaConsumer, partition: TopicPartition
) -> set[int]:
    """The offsets of a dead-letter partition that were replayed."""
    if await consumer.committed(partition) is None:  # waits where the brokers have no group's book open yet
        return set()
    options = {name: value for name, value in client_options(settings).items() if value is not None}
    admin = AIOKafkaAdminClient(**options)
    await admin.start()
    try:
        known = await admin.list_consumer_group_offsets(
            settings.kafka_topic_prefix + GROUP, partitions=[partition]
        )
    finally:
        await admin.close()
    found = known.get(partition)
    return read_ranges(found.metadata or "") if found and found.offset >= 0 else set()


async def keep_replayed(consumer: AIOKafkaConsumer, partition: TopicPartition, offsets: set[int]) -> None:
    """Remember them. Raises `too_scattered` where they are too many single ones to be remembered."""
    text = write_ranges(offsets)
    require_short(text)
    await consumer.commit({partition: OffsetAndMetadata(max(offsets) + 1, text)})


def require_short(text: str) -> None:
    """Raises `too_scattered`."""
    if len(text) > _LONGEST:
        message = "These letters are too scattered to remember which were replayed."
        raise CallvaultError("too_scattered", message, "Replay them all, with --all.")
