"""Subscribe with at-least-once delivery: decode, handle, retry, park, and only then move the offset."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from pipeline_contracts import Message, Topic, Unreadable, decode
from pipeline_runtime import deadletters
from pipeline_runtime.kafka import FETCH_WAIT_MS, MAX_DEAD_LETTER_BYTES, METADATA_MS, Publisher, ssl_context
from pipeline_runtime.settings import KafkaSettings

HEARTBEAT_MS = 1000
"""A group waits for each member's next heartbeat before another one may join it."""
TRIES = 3
PAUSE_SECONDS = 0.5

Handle = Callable[[Message], Awaitable[None]]
OnUnreadable = Callable[[list[tuple[str, bytes]], str], Awaitable[None]]

log = structlog.get_logger()


def make_broker(settings: KafkaSettings, *, app: str) -> KafkaBroker:
    """The broker that a service's subscribers hang on. Messages go out by the Publisher."""
    return KafkaBroker(
        settings.kafka_bootstrap_servers.split(","),
        client_id=app,
        consumer_only=True,
        metadata_max_age_ms=METADATA_MS,
        security=_security(settings),
        apply_types=False,
        logger=None,
        graceful_timeout=10,
    )


def _security(settings: KafkaSettings) -> BaseSecurity | None:
    context = ssl_context(settings)
    if not settings.kafka_security_protocol.startswith("SASL"):
        return BaseSecurity(ssl_context=context) if context else None
    scheme = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}
    password = settings.kafka_sasl_password
    return scheme[settings.kafka_sasl_mechanism](
        username=settings.kafka_sasl_username or "",
        password=password.get_secret_value() if password else "",
        ssl_context=context,
        use_ssl=context is not None,
    )


async def _as_it_came(message: KafkaMessage) -> KafkaMessage:
    return message


def subscribe(
    broker: KafkaBroker, topic: Topic, *, group: str, settings: KafkaSettings, publisher: Publisher,
    handle: Handle, on_unreadable: OnUnreadable, passing: Callable[[Exception], bool] = lambda _: False,
) -> None:  # fmt: skip
    """Hand each message of a topic to `handle`, one at a time, in the order of its partition.

    `on_unreadable` gets the headers and the reason of a message that is parked, before it is parked:
    it ends the item. Errors that are `passing` (the database is away) are tried again for as
    long as they last and never park. A handler that raises Unreadable refuses the message for good.
    """
    reader = _Reader(topic, publisher, handle, on_unreadable, passing)
    register = broker.subscriber(
        settings.kafka_topic_prefix + topic.name,
        group_id=settings.kafka_topic_prefix + group,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.MANUAL,
        decoder=_as_it_came,
        max_partition_fetch_bytes=MAX_DEAD_LETTER_BYTES,
        fetch_max_wait_ms=FETCH_WAIT_MS,
        heartbeat_interval_ms=HEARTBEAT_MS,
        max_workers=1,
    )
    register(reader.on_message)


class _Reader:
    """One subscription."""

    def __init__(
        self, topic: Topic, publisher: Publisher, handle: Handle, on_unreadable: OnUnreadable,
        passing: Callable[[Exception], bool],
    ) -> None:  # fmt: skip
        self._topic = topic
        self._publisher = publisher
        self._handle = handle
        self._on_unreadable = on_unreadable
        self._passing = passing
        self._suspicion = deadletters.Suspicion(topic)

    async def on_message(self, message: KafkaMessage) -> None:
        raw: Any = message.raw_message
        with structlog.contextvars.bound_contextvars(origin=f"{raw.topic}/{raw.partition}/{raw.offset}"):
            if await self._read(raw):
                await message.ack()
            else:
                await asyncio.sleep(deadletters.HOLD_SECONDS)
                await message.nack()

    async def _read(self, raw: Any) -> bool:
        """True where the offset may move."""
        try:
            failure = await self._try(decode(self._topic, raw.value, raw.headers))
        except Unreadable as error:
            await self._park(raw, error.reason, error.detail)
            return True
        if failure is None:
            self._suspicion.worked()
            return True
        if self._suspicion.unexpected(raw.key):
            return False
        await self._park(raw, "internal_error", repr(failure))
        return True

    async def _try(self, decoded: Message) -> Exception | None:
        """Handle with a few tries; None where it went through, else the last error. Raises Unreadable."""
        last: Exception | None = None
        tries = 0
        while tries < TRIES:
            try:
                await self._handle(decoded)
            except Unreadable:
                raise
            except Exception as error:
                if self._passing(error):
                    log.warning("message.waits", error=type(error).__name__)
                else:
                    log.exception("message.failed")
                    last, tries = error, tries + 1
            else:
                return None
            await asyncio.sleep(PAUSE_SECONDS)
        return last

    async def _park(self, raw: Any, reason: str, detail: str) -> None:
        """Until it is parked, the offset stays: Kafka or the database may be away for a while."""
        while True:
            try:
                await self._on_unreadable(list(raw.headers), reason)
                await deadletters.park(
                    self._publisher, self._topic, key=raw.key, value=raw.value, headers=raw.headers,
                    origin=f"{raw.topic}/{raw.partition}/{raw.offset}", reason=reason, detail=detail,
                )  # fmt: skip
            except Exception:
                log.exception("message.not_parked")
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                return
