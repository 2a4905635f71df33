"""The outbox: what is committed goes out, what is rolled back does not, one bad row holds nobody."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from pydantic import TypeAdapter
from tests.support.eventually import eventually
from tests.support.stack import Stack

from pipeline_contracts import DiscoveryEnded, Encoded, Envelope, encode
from pipeline_runtime import kafka
from pipeline_runtime.database import make_engine
from pipeline_runtime.outbox import Relay, rows_of
from pipeline_runtime.settings import DatabaseUrl


def nudge(fact: str | None = None) -> Encoded:
    job = uuid4()
    envelope = Envelope(DiscoveryEnded.event_type, "/tests", id=fact or str(uuid4()))
    return encode(DiscoveryEnded(job_id=job), key=job, envelope=envelope)


@pytest.fixture
async def relay(stack: Stack):
    url = TypeAdapter(DatabaseUrl).validate_python(stack.url("callvault_intake"))
    engine = make_engine(url, app="tests")
    yield Relay(engine, stack.publisher, service="ingest-gateway")
    await engine.dispose()


async def rows_left(stack: Stack) -> int:
    return int(await stack.owner.fetchval("SELECT count(*) FROM outbox"))


async def test_a_committed_message_is_published_and_its_row_is_gone(stack: Stack, relay: Relay) -> None:
    running = asyncio.create_task(relay.run())
    async with relay.transaction() as transaction:
        transaction.emit(nudge("fact-1"))
    (message,) = await stack.messages("import.results", at_least=1)
    assert dict(message.headers)["ce_id"] == b"fact-1"

    async def gone() -> bool:
        return await rows_left(stack) == 0

    await eventually(gone)
    running.cancel()


async def test_a_rolled_back_message_is_never_published(stack: Stack, relay: Relay) -> None:
    async def change_my_mind() -> None:
        async with relay.transaction() as transaction:
            transaction.emit(nudge())
            raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError, match="changed my mind"):
        await change_my_mind()
    await relay.drain()
    assert await rows_left(stack) == 0
    assert await stack.messages("import.results") == []


async def test_rows_of_a_dead_process_are_published_by_the_next_one(stack: Stack, relay: Relay) -> None:
    async with relay.transaction() as transaction:
        transaction.emit(nudge("left-behind"))
    await stack.owner.execute("UPDATE outbox SET not_before = now()")  # the hold is over, nobody published
    successor = Relay(relay._engine, stack.publisher, service="ingest-gateway")
    running = asyncio.create_task(successor.run())
    (message,) = await stack.messages("import.results", at_least=1)
    assert dict(message.headers)["ce_id"] == b"left-behind"
    running.cancel()


async def test_what_a_relay_has_in_hand_is_left_to_it_by_its_own_poll(stack: Stack, relay: Relay) -> None:
    async with relay.transaction() as transaction:
        for n in range(3):
            transaction.emit(nudge(f"fact-{n}"))
    await stack.owner.execute("UPDATE outbox SET not_before = now()")  # the hold is over: Kafka was slow
    assert await relay._claim() == []
    await relay.drain()
    found = await stack.messages("import.results", at_least=3)
    assert sorted(dict(message.headers)["ce_id"] for message in found) == [b"fact-0", b"fact-1", b"fact-2"]
    assert await rows_left(stack) == 0


async def test_a_row_that_kafka_refuses_backs_off_alone(
    stack: Stack, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "BEGIN_SECONDS", 0.5)  # how long it waits for a topic that never comes
    bad = Encoded("no.such topic", b"k", b"{}", nudge().headers)
    async with relay.transaction() as transaction:
        transaction.emit(bad)
        transaction.emit(nudge("good"))
    await relay.drain()
    (message,) = await stack.messages("import.results", at_least=1)
    assert dict(message.headers)["ce_id"] == b"good"
    assert await stack.owner.fetchval("SELECT aggregatetype FROM outbox") == "no.such topic"


async def test_a_service_sees_only_its_own_rows(stack: Stack, relay: Relay) -> None:
    async with relay.transaction() as transaction:
        transaction.emit(nudge())
    await stack.owner.execute("UPDATE outbox SET service = 'recorder', not_before = now()")
    assert await relay._claim() == []
    assert len(rows_of([nudge()])) == 1
