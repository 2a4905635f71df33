"""Kafka: one set of connection options for all clients, and the publisher."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError

from pipeline_contracts import IMPORT_RESULTS, Encoded, Headers
from pipeline_runtime.packing import Pack, pack
from pipeline_runtime.settings import KafkaSettings

MAX_BATCH_BYTES = 9 * 1024 * 1024
"""What a topic takes: the largest message with its headers."""
MAX_DEAD_LETTER_BYTES = 10 * 1024 * 1024
"""What a dead-letter topic takes: what came, and why it lies there."""

METADATA_MS = 5_000
"""How long a client may not notice that a topic was deleted and made again."""
PACK_BYTES = 256 * 1024
"""How much travels in one batch. The client's default of 16 KB costs a request for thirty events."""

FETCH_WAIT_MS = 200
"""How long the broker holds a fetch that finds nothing. aiokafka has one fetch under way for each broker, which
leaves out the partitions whose messages are just being read: whatever comes there meanwhile waits for its end.
A shorter time costs an idle stack more."""

BEGIN_SECONDS = 3.0
"""How long a message may wait for its topic's metadata or for room in the buffer."""


def ssl_context(settings: KafkaSettings) -> ssl.SSLContext | None:
    """The TLS context, None for plain connections."""
    if "SSL" not in settings.kafka_security_protocol.split("_"):
        return None
    context = ssl.create_default_context(cafile=settings.kafka_ssl_ca_file)
    if settings.kafka_ssl_cert_file:
        context.load_cert_chain(settings.kafka_ssl_cert_file, settings.kafka_ssl_key_file)
    return context


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """What every aiokafka client needs to connect."""
    password = settings.kafka_sasl_password
    return {
        "bootstrap_servers": settings.kafka_bootstrap_servers.split(","),
        "metadata_max_age_ms": METADATA_MS,
        "security_protocol": settings.kafka_security_protocol,
        "ssl_context": ssl_context(settings),
        "sasl_mechanism": settings.kafka_sasl_mechanism,
        "sasl_plain_username": settings.kafka_sasl_username,
        "sasl_plain_password": password.get_secret_value() if password else None,
    }


class Publisher:
    """Sends messages and returns when Kafka has them: all replicas, no doubles by a retry of the client."""

    def __init__(self, settings: KafkaSettings, *, app: str) -> None:
        self._settings = settings
        self._app = app
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect. The producer belongs to the running loop."""
        self._producer = AIOKafkaProducer(
            **client_options(self._settings),
            client_id=self._app,
            acks="all",
            enable_idempotence=True,
            compression_type="zstd",
            max_batch_size=PACK_BYTES,
            max_request_size=MAX_DEAD_LETTER_BYTES,
            request_timeout_ms=15_000,
        )
        await self._producer.start()
        # One that knows of no topic asks for all that the cluster has, every few seconds.
        await self._producer.client.set_topics([self._settings.kafka_topic_prefix + IMPORT_RESULTS.name])

    async def stop(self) -> None:
        """Send what is under way, then disconnect."""
        if self._producer is not None:
            await self._producer.stop()

    async def ping(self) -> None:
        """Raise KafkaError where no broker answers."""
        if not await self._started().client.force_metadata_update():
            raise KafkaConnectionError("no broker answers")

    async def send(self, message: Encoded) -> None:
        """Send one message. Raises aiokafka's KafkaError where Kafka did not confirm it."""
        await self.send_raw(message.topic, message.key, message.value, message.headers)

    async def send_raw(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        """Send bytes as they are, to a topic by its unprefixed name."""
        await (await self._begin(topic, key, value, headers))

    async def send_all(self, messages: Sequence[Encoded]) -> list[BaseException | None]:
        """Send one or many of one topic at once; for each its error, or None where Kafka confirmed it.

        After one that could not even be begun, the rest is not tried: it would wait as long.
        """
        begun: list[tuple[Pack, asyncio.Future[Any]]] = []
        refused: BaseException | None = None
        try:
            await self._begin_all(messages, begun)
        except Exception as error:
            refused = error
        results = await asyncio.gather(*(future for _, future in begun), return_exceptions=True)
        errors = [refused or MessageSizeTooLargeError()] * len(messages)
        for (one, _), result in zip(begun, results, strict=True):
            for place in one.places:
                errors[place] = result if isinstance(result, BaseException) else None
        return errors

    async def _begin_all(
        self, messages: Sequence[Encoded], begun: list[tuple[Pack, asyncio.Future[Any]]]
    ) -> None:
        producer = self._started()
        topic = self._settings.kafka_topic_prefix + messages[0].topic
        async with asyncio.timeout(BEGIN_SECONDS):
            partitions = sorted(await producer.partitions_for(topic))
        for one in pack(messages, partitions, producer.create_batch):
            async with asyncio.timeout(BEGIN_SECONDS):
                future = await producer.send_batch(one.builder, topic, partition=one.partition)
            begun.append((one, future))

    async def _begin(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers
    ) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = await self._started().send(
            self._settings.kafka_topic_prefix + topic, value=value, key=key, headers=headers
        )
        return future

    def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise RuntimeError("the publisher is not started")
        return self._producer
