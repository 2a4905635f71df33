"""Dead letters: what nobody can read is parked with the reason, and confirmed, before the offset moves."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import accumulate

import structlog

from pipeline_contracts import Headers, Topic
from pipeline_runtime import metrics
from pipeline_runtime.kafka import MAX_BATCH_BYTES, Publisher

LONGEST_VALUE = MAX_BATCH_BYTES
LONGEST_KEY = 256 * 1024
LONGEST_HEADERS = 512 * 1024
"""What is kept of a message, in bytes. Compressed it may have held far more than a topic takes uncompressed."""

OWNERS_IN_A_ROW = 3
HOLD_SECONDS = 60.0

log = structlog.get_logger()


async def park(
    publisher: Publisher, topic: Topic, *, key: bytes | None, value: bytes | None,
    headers: Sequence[tuple[str, bytes]], origin: str, reason: str, detail: str = "",
) -> None:  # fmt: skip
    """Put a message on `<topic>.dead` with its own headers, where it was, and why it lies there.

    `origin` is "topic/partition/offset". Returns when Kafka has confirmed it. What is too long for the topic
    is cut, and a header `dead_value_bytes`, `dead_key_bytes` or `dead_headers_bytes` says how long it was.
    """
    cuts: Headers = []
    added: Headers = [
        ("dead_reason", reason.encode()),
        ("dead_detail", detail[:500].encode()),
        ("dead_origin", origin.encode()),
    ]
    kept = _headers_within([one for one in headers if not one[0].startswith("dead_")], cuts)
    key, value = _within(LONGEST_KEY, key, "key", cuts), _within(LONGEST_VALUE, value, "value", cuts)
    if key is None and value is None:
        key = b""  # the client takes no record without both
    await publisher.send_raw(topic.dead, key, value, kept + added + cuts)
    metrics.DEAD_LETTERS.labels(topic.name, reason).inc()
    log.error("message.parked", topic=topic.name, reason=reason, detail=detail[:500], origin=origin)


def _within(longest: int, body: bytes | None, name: str, cuts: Headers) -> bytes | None:
    """The body, or its beginning; a cut is noted."""
    if body is None or len(body) <= longest:
        return body
    cuts.append((f"dead_{name}_bytes", str(len(body)).encode()))
    return body[:longest]


def _headers_within(headers: Headers, cuts: Headers) -> Headers:
    """The headers, without those that are too many; a cut is noted."""
    lengths = [len(name.encode()) + len(body or b"") for name, body in headers]
    if sum(lengths) <= LONGEST_HEADERS:
        return headers
    cuts.append(("dead_headers_bytes", str(sum(lengths)).encode()))
    return [one for one, up_to in zip(headers, accumulate(lengths), strict=True) if up_to <= LONGEST_HEADERS]


class Suspicion:
    """Tells one user's junk from a broken deploy.

    Unexpected errors of OWNERS_IN_A_ROW owners one after another mean that the fault is ours: then
    nothing more is parked; the topic is held and one message a minute tried, until one goes through.
    """

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self._owners: deque[bytes | None] = deque(maxlen=OWNERS_IN_A_ROW)
        self._held = False
        metrics.PARTITION_HELD.labels(topic.name)  # 0 from the start

    def unexpected(self, owner: bytes | None) -> bool:
        """Note an unexpected error; True where the topic has to be held."""
        self._owners.append(owner)
        if not self._held and len(set(self._owners)) >= OWNERS_IN_A_ROW:
            self._held = True  # and stays so: the held message fails again and again, and is one owner's
            metrics.PARTITION_HELD.labels(self._topic.name).inc()
        if self._held:
            log.critical("topic.held", topic=self._topic.name, seconds=HOLD_SECONDS)
        return self._held

    def worked(self) -> None:
        """A message went through."""
        self._owners.clear()
        if self._held:
            self._held = False
            metrics.PARTITION_HELD.labels(self._topic.name).dec()
