"""What is ready before a run: databases to clone, with users, jobs and open items; records on Kafka."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from pydantic import TypeAdapter

from benchmarks.corpus import Call, Corpus, Owner
from benchmarks.servers import Servers
from pipeline_contracts import IMPORT_RESULTS, About, ConnectorRecord, Encoded, Envelope, encode
from pipeline_runtime.kafka import MAX_BATCH_BYTES, client_options
from pipeline_runtime.migrate import make_role, migrate
from pipeline_runtime.settings import DatabaseUrl, KafkaSettings
from pipeline_runtime.topics import make_topics

SCHEMA = "bench_schema"
SOURCE_APP = "zoom"
PAGE = 1000
PRODUCER_BATCH = 256 * 1024

_url = TypeAdapter(DatabaseUrl).validate_python


@dataclass(frozen=True)
class Stage:
    """The servers, and the names of what belongs to one corpus on them."""

    servers: Servers
    corpus: Corpus

    @property
    def template(self) -> str:
        """The database that each run clones."""
        return f"bench_{self.corpus.name}"

    @cached_property
    def settings(self) -> KafkaSettings:
        """Kafka's settings, with the corpus's own topics."""
        return KafkaSettings(
            kafka_bootstrap_servers=self.servers.kafka, kafka_topic_prefix=f"bench.{self.corpus.name}."
        )

    @cached_property
    def topic(self) -> str:
        """The full name of import.results."""
        return self.settings.kafka_topic_prefix + IMPORT_RESULTS.name

    async def prepare(self) -> None:
        """Make database and topics, admit every item."""
        await clone(self.servers, SCHEMA, self.template)
        await make_topics(self.settings)
        owner = await asyncpg.connect(self.servers.url("callvault_owner", self.template))
        for person in self.corpus.owners:
            await _add(owner, person)
        await _admit(owner, self.corpus.calls)
        await owner.close()
        admin = await asyncpg.connect(self.servers.url("admin", self.template))
        await admin.execute("VACUUM ANALYZE")
        await admin.close()

    async def produce(self) -> None:
        """Put every record on import.results, in order, as the product encodes it."""
        producer = AIOKafkaProducer(
            **client_options(self.settings), acks="all", enable_idempotence=True, compression_type="zstd",
            max_batch_size=PRODUCER_BATCH, max_request_size=MAX_BATCH_BYTES, linger_ms=5,
        )  # fmt: skip
        await producer.start()
        last = None
        for call in self.corpus.calls:
            message = encoded(call)
            last = await producer.send(
                self.topic, value=message.value, key=message.key, headers=message.headers
            )
        if last is not None:
            await producer.flush()
        await producer.stop()


def metadata_of(call: Call) -> dict[str, str]:
    """What the source says of a call beside what has a field of its own."""
    return {"external_id": call.external_id, "host": "host@example.com", "kind": "meeting"}


def encoded(call: Call) -> Encoded:
    """The record as a connector would send it."""
    record = ConnectorRecord(
        external_id=call.external_id,
        source_app=SOURCE_APP,
        title=call.title,
        full_transcript=call.transcript,
        recording_start_time=call.started_at,
        duration=call.duration,
        source_metadata=metadata_of(call),
    )
    about = About(call.job, call.item)
    envelope = Envelope(record.event_type, "/benchmark", about=about)
    return encode(record, key=call.owner.id, envelope=envelope)


async def make_schema(servers: Servers) -> None:
    """The migrated database that all others are cloned from, and the services' roles."""
    admin = await asyncpg.connect(servers.admin)
    await admin.execute(f"DROP DATABASE IF EXISTS {SCHEMA} WITH (FORCE)")
    await admin.execute(f"CREATE DATABASE {SCHEMA} OWNER callvault_owner")
    await admin.close()
    owner = await asyncpg.connect(servers.url("callvault_owner", SCHEMA))
    for role, url in servers.urls.items():
        if role != "callvault_owner":
            await make_role(owner, _url(url), role)
    await owner.close()
    await migrate(_url(servers.url("callvault_owner", SCHEMA)))


async def clone(servers: Servers, template: str, name: str) -> None:
    """A fresh copy of a database, on disk before anything is timed."""
    await drop(servers, name)
    admin = await asyncpg.connect(servers.admin)
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER callvault_owner")
    await admin.execute("CHECKPOINT")
    await admin.close()


async def drop(servers: Servers, name: str) -> None:
    """Drop a database with whoever is in it."""
    admin = await asyncpg.connect(servers.admin)
    await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await admin.close()


async def begin_again(settings: KafkaSettings, topic: str, group: str) -> None:
    """Let a group that nobody is in read the topic from its first record."""
    consumer = AIOKafkaConsumer(**client_options(settings), group_id=group, enable_auto_commit=False)
    places = [TopicPartition(topic, number) for number in range(IMPORT_RESULTS.partitions)]
    consumer.assign(places)
    await consumer.start()
    try:
        await consumer.commit(dict.fromkeys(places, 0))
    finally:
        await consumer.stop()


async def ends(settings: KafkaSettings, topic: str) -> dict[TopicPartition, int]:
    """The offsets behind the last record of each partition."""
    consumer = AIOKafkaConsumer(topic, **client_options(settings))
    await consumer.start()
    try:
        found: dict[TopicPartition, int] = await consumer.end_offsets(consumer.assignment())
        return found
    finally:
        await consumer.stop()


async def _add(owner: asyncpg.Connection[asyncpg.Record], person: Owner) -> None:
    """A user without a limit."""
    await owner.execute(
        "INSERT INTO users (id, email, plan) VALUES ($1, $2, 'unlimited')",
        person.id, f"{person.id.hex}@example.com",
    )  # fmt: skip
    await owner.execute(
        "INSERT INTO banks (id, name, personal_of) VALUES ($1, 'Personal', $2)", person.bank, person.id
    )
    await owner.execute(
        "INSERT INTO bank_memberships (bank_id, user_id) VALUES ($1, $2)", person.bank, person.id
    )
    await owner.execute(
        "INSERT INTO vaults (id, bank_id, name, personal_of) VALUES ($1, $2, 'Personal', $3)",
        person.vault, person.bank, person.id,
    )  # fmt: skip


async def _admit(owner: asyncpg.Connection[asyncpg.Record], calls: Sequence[Call]) -> None:
    """Enter every item through the product's own door, page by page; then say that no more is found."""
    pages: defaultdict[UUID, list[dict[str, str]]] = defaultdict(list)
    for job, person in {call.job: call.owner.id for call in calls}.items():
        await owner.execute(
            "INSERT INTO sync_jobs (id, owner_user_id, source_app, trigger) VALUES ($1, $2, $3, 'manual')",
            job, person, SOURCE_APP,
        )  # fmt: skip
    for call in calls:
        page = pages[call.job]
        page.append({"id": str(call.item), "external_id": call.external_id, "title": call.title})
        if len(page) == PAGE:
            await owner.execute("SELECT admit($1, $2)", call.job, json.dumps(page))
            page.clear()
    for job, page in pages.items():
        await owner.execute("SELECT admit($1, $2, true)", job, json.dumps(page))
