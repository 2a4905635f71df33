"""Dead letters: what nobody can read is parked with the reason, and confirmed, before the offset moves."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import structlog

from pipeline_contracts import Headers, Topic
from pipeline_runtime import metrics
from pipeline_runtime.kafka import Publisher

OWNERS_IN_A_ROW = 3
HOLD_SECONDS = 60.0

log = structlog.get_logger()


async def park(
    publisher: Publisher, topic: Topic, *, key: bytes | None, value: bytes | None,
    headers: Sequence[tuple[str, bytes]], origin: str, reason: str, detail: str = "",
) -> None:  # fmt: skip
    """Put a message on `<topic>.dead` with its own headers, where it was, and why it lies there.

    `origin` is "topic/partition/offset". Returns when Kafka has confirmed it.
    """
    added: Headers = [
        ("dead_reason", reason.encode()),
        ("dead_detail", detail[:500].encode()),
        ("dead_origin", origin.encode()),
    ]
    kept = [(name, body) for name, body in headers if not name.startswith("dead_")]
    if key is None and value is None:
        key = b""  # the client takes no record without both
    await publisher.send_raw(topic.dead, key, value, kept + added)
    metrics.DEAD_LETTERS.labels(topic.name, reason).inc()
    log.error("message.parked", topic=topic.name, reason=reason, detail=detail[:500], origin=origin)


class Suspicion:
    """Tells one user's junk from a broken deploy.

    Unexpected errors of OWNERS_IN_A_ROW owners one after another mean that the fault is ours: then
    nothing more is parked; the topic is held and one message a minute tried, until one goes through.
    """

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self._owners: deque[bytes | None] = deque(maxlen=OWNERS_IN_A_ROW)
        self._held = False

    def unexpected(self, owner: bytes | None) -> bool:
        """Note an unexpected error; True where the topic has to be held."""
        self._owners.append(owner)
        # The held message fails again and again: it is one owner, and no reason to let go.
        self._held = self._held or len(set(self._owners)) >= OWNERS_IN_A_ROW
        if self._held:
            metrics.PARTITION_HELD.labels(self._topic.name).set(1)
            log.critical("topic.held", topic=self._topic.name, seconds=HOLD_SECONDS)
        return self._held

    def worked(self) -> None:
        """A message went through."""
        if self._owners:
            self._owners.clear()
            self._held = False
            metrics.PARTITION_HELD.labels(self._topic.name).set(0)
