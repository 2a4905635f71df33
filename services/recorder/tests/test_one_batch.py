"""Results of one batch: what names another job stands in the way of nothing that is written with it."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.support.database import Connect
from tests.support.results import SOURCE, Raw, failure, record
from tests.support.stack import Person, Stack

from pipeline_contracts import About, Encoded, Envelope, ItemSkipped, TranscriptAmended, encode
from recorder.batch import Batch
from recorder.books import Connection
from recorder.results import read

in_both_orders = pytest.mark.parametrize("first", ["the right one first", "the wrong one first"])


@pytest.fixture
async def connection(connect: Connect) -> Connection:
    return await connect("callvault_recorder")


async def write(connection: Connection, *messages: Encoded) -> None:
    await Batch(connection, "http://test").write([read(Raw(one)) for one in messages])


async def item_of(tables: Stack, job: UUID) -> dict[str, Any]:
    return dict(await tables.owner.fetchrow("SELECT * FROM sync_job_items WHERE job_id = $1", job) or {})


def in_order(right: Encoded, wrong: Encoded, first: str) -> tuple[Encoded, Encoded]:
    return (wrong, right) if first.startswith("the wrong") else (right, wrong)


def amended(person: Person, job: UUID, item: UUID, version: int) -> Encoded:
    message = TranscriptAmended(
        job_id=job, item_id=item, version=version, full_transcript=f"Version {version}.", source_metadata={}
    )
    return encode(
        message, key=person.id, envelope=Envelope(message.event_type, SOURCE, about=About(job, item, 1))
    )


def skipped(person: Person, job: UUID, item: UUID, code: str) -> Encoded:
    message = ItemSkipped(job_id=job, item_id=item, attempt=1, code=code, message="Nothing there.")
    return encode(
        message, key=person.id, envelope=Envelope(message.event_type, SOURCE, about=About(job, item, 1))
    )


@in_both_orders
async def test_an_amendment_is_written(tables: Stack, connection: Connection, first: str) -> None:
    person = await tables.person()
    job = await tables.job(person, ["call-1"])
    await write(connection, record(person, job, "call-1"))
    item = (await item_of(tables, job))["id"]

    right, wrong = amended(person, job, item, 2), amended(person, uuid4(), item, 9)
    await write(connection, *in_order(right, wrong, first))

    row = await tables.owner.fetchrow("SELECT full_transcript, version FROM recordings")
    assert (row["full_transcript"], row["version"]) == ("Version 2.", 2)


@in_both_orders
async def test_a_failed_attempt_ends_its_item(tables: Stack, connection: Connection, first: str) -> None:
    person = await tables.person()
    job = await tables.job(person, ["call-1"])
    item = (await item_of(tables, job))["id"]

    right, wrong = failure(person, job, item), failure(person, uuid4(), item, code="token_expired")
    await write(connection, *in_order(right, wrong, first))

    ended = await item_of(tables, job)
    assert (ended["status"], ended["code"]) == ("failed", "no_speech")


@in_both_orders
async def test_a_skipped_item_ends(tables: Stack, connection: Connection, first: str) -> None:
    person = await tables.person()
    job = await tables.job(person, ["call-1"])
    item = (await item_of(tables, job))["id"]

    right, wrong = skipped(person, job, item, "not_ready"), skipped(person, uuid4(), item, "cancelled")
    await write(connection, *in_order(right, wrong, first))

    ended = await item_of(tables, job)
    assert (ended["status"], ended["code"]) == ("skipped", "not_ready")


async def test_the_work_of_an_item_is_kept_until_its_own_amendment_comes(
    tables: Stack, connection: Connection
) -> None:
    person = await tables.person()
    job = await tables.job(person, ["call-1"])
    await write(connection, record(person, job, "call-1"))
    item = (await item_of(tables, job))["id"]
    await tables.owner.execute(
        "INSERT INTO tasks (kind, job_id, item_id, owner_user_id, attempt, payload, sent_at) "
        "VALUES ('transcribe', $1, $2, $3, 1, $4, now())",
        job, item, person.id, json.dumps({}),
    )  # fmt: skip

    async def tasks() -> int:
        return await tables.owner.fetchval("SELECT count(*) FROM tasks")

    await write(connection, amended(person, uuid4(), item, 9))
    assert await tasks() == 1
    await write(connection, amended(person, job, item, 2))
    assert await tasks() == 0
