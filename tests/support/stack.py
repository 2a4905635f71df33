"""A stack of one test's own: a clone of the migrated database, and topics that no other test knows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from aiokafka import AIOKafkaConsumer

from pipeline_contracts import Encoded
from pipeline_runtime.kafka import Publisher
from pipeline_runtime.settings import KafkaSettings
from tests.support.servers import ROLE_VARIABLES, Servers


@dataclass
class Person:
    """A user with a personal bank and vault."""

    id: UUID
    bank: UUID
    vault: UUID


@dataclass
class Stack:
    """What a test works with. `owner` is a connection of the tables' owner, who sees everything."""

    servers: Servers
    database: str
    prefix: str
    owner: asyncpg.Connection[asyncpg.Record]
    publisher: Publisher
    _consumers: list[AIOKafkaConsumer] = field(default_factory=list)

    @property
    def kafka(self) -> KafkaSettings:
        """Kafka's settings, with the test's prefix."""
        return KafkaSettings(kafka_bootstrap_servers=self.servers.kafka, kafka_topic_prefix=self.prefix)

    def url(self, role: str) -> str:
        """The role's URL on the test's database."""
        return self.servers.url(role, self.database)

    def environment(self) -> dict[str, str]:
        """What a service process needs to work on this stack."""
        urls = {name: self.url(role) for role, name in ROLE_VARIABLES.items()}
        return urls | {
            "KAFKA_BOOTSTRAP_SERVERS": self.servers.kafka,
            "KAFKA_TOPIC_PREFIX": self.prefix,
        }

    async def publish(self, message: Encoded) -> None:
        """Put a message on its topic and wait for Kafka."""
        await self.publisher.send(message)

    async def listen(self, topic: str) -> AIOKafkaConsumer:
        """A reader of a topic from its start, stopped with the test."""
        consumer = AIOKafkaConsumer(
            self.prefix + topic,
            bootstrap_servers=self.servers.kafka,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            group_id=None,
            max_partition_fetch_bytes=10 * 1024 * 1024,
        )
        await consumer.start()
        self._consumers.append(consumer)
        return consumer

    async def messages(self, topic: str, at_least: int = 0, within: float = 15.0) -> list[Any]:
        """What lies on a topic; waits for a number of them first."""
        consumer = await self.listen(topic)
        ends = await consumer.end_offsets(consumer.assignment())
        found: list[Any] = []
        waited = 0.0
        while len(found) < at_least or any([await consumer.position(tp) < end for tp, end in ends.items()]):
            got = await consumer.getmany(timeout_ms=200)
            found += [record for records in got.values() for record in records]
            waited += 0 if got else 0.2
            if waited > within:
                raise TimeoutError(f"{len(found)} messages on {topic}, not {at_least}")
        return found

    async def close(self) -> None:
        """Stop what the test has opened."""
        for consumer in self._consumers:
            await consumer.stop()

    async def person(self, plan: str = "unlimited") -> Person:
        """A new user with a personal bank and vault."""
        person = Person(uuid4(), uuid4(), uuid4())
        async with self.owner.transaction():
            await self.owner.execute(
                "INSERT INTO users (id, email, plan) VALUES ($1, $2, $3)",
                person.id, f"{person.id.hex}@example.com", plan,
            )  # fmt: skip
            await self.owner.execute(
                "INSERT INTO banks (id, name, personal_of) VALUES ($1, 'Personal', $2)", person.bank, person.id
            )
            await self.owner.execute(
                "INSERT INTO bank_memberships (bank_id, user_id) VALUES ($1, $2)", person.bank, person.id
            )
            await self.owner.execute(
                "INSERT INTO vaults (id, bank_id, name, personal_of) VALUES ($1, $2, 'Personal', $3)",
                person.vault, person.bank, person.id,
            )  # fmt: skip
        return person

    async def job(self, person: Person, external_ids: Sequence[str], *, source: str = "file_upload") -> UUID:
        """A job that has found these items and will find no more."""
        job = uuid4()
        await self.owner.execute(
            "INSERT INTO sync_jobs (id, owner_user_id, source_app, trigger) VALUES ($1, $2, $3, 'upload')",
            job, person.id, source,
        )  # fmt: skip
        await self.admit(job, external_ids)
        return job

    async def admit(self, job: UUID, external_ids: Sequence[str], **more: Any) -> list[asyncpg.Record]:
        """Admit items to a job, as its last page; `more` goes into each item."""
        items = json.dumps([{"external_id": one, "title": one, **more} for one in external_ids])
        return await self.owner.fetch("SELECT * FROM admit($1, $2, true)", job, items)

    async def books(self, job: UUID) -> dict[str, Any]:
        """A job's row, after checking that its counters are those of its items."""
        found = await self.owner.fetchrow(  # one statement: a result may come in between two
            "SELECT j.*, (SELECT json_object_agg(c.status, c.count) FROM (SELECT i.status, count(*) AS count "
            "FROM sync_job_items i WHERE i.job_id = j.id GROUP BY 1) c) AS items FROM sync_jobs j WHERE j.id = $1",
            job,
        )
        row = dict(found or {})
        items = json.loads(row.pop("items") or "{}")
        told = {"imported": row["imported"], "duplicate": row["duplicates"], "failed": row["failed"],
                "skipped": row["skipped"], "found": row["open"]}  # fmt: skip
        assert {status: count for status, count in told.items() if count} == items
        assert row["found"] == sum(items.values())
        return row
