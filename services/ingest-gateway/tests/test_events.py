"""Live progress: a snapshot from Postgres, then what is newer."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from httpx_sse import ServerSentEvent, aconnect_sse
from starlette.requests import Request
from tests.support.eventually import eventually
from tests.support.gateway import Gateway, GatewayProcess, upload_speech
from tests.support.stack import Person, Stack

from ingest_gateway.callers import Caller
from ingest_gateway.hub import QUEUED_AT_MOST, STREAMS_OF_ONE_OWNER, Cut, Hub, Listener
from ingest_gateway.problems import ProblemError
from ingest_gateway.stream import Stream
from pipeline_contracts import About, Envelope, ImportActivity, JobProgress, encode

pytestmark = pytest.mark.asyncio(loop_scope="session")


def progress(job: UUID, version: int, **more: Any) -> JobProgress:
    counts = {"found": 1, "imported": 0, "duplicates": 0, "failed": 0, "skipped": 0, "open": 1}
    return JobProgress.model_validate(
        {
            "job_id": job,
            "version": version,
            "source_app": "file_upload",
            "trigger": "upload",
            "status": "running",
        }
        | counts
        | more
    )


async def publish(stack: Stack, person: Person, message: JobProgress | ImportActivity) -> None:
    envelope = Envelope(message.event_type, "tests", about=About(message.job_id))
    await stack.publish(encode(message, key=person.id, envelope=envelope))


@asynccontextmanager
async def following(client: httpx.AsyncClient) -> AsyncIterator[AsyncIterator[ServerSentEvent]]:
    async with aconnect_sse(client, "GET", "/api/events") as source:
        assert source.response.headers["content-type"].startswith("text/event-stream")
        yield source.aiter_sse()


async def next_of(events: AsyncIterator[ServerSentEvent]) -> tuple[str, dict[str, Any]]:
    async with asyncio.timeout(15):
        event = await anext(events)
    return event.event, json.loads(event.data)


async def test_a_stream_begins_with_a_snapshot_and_goes_on_with_higher_versions_alone(
    process: GatewayProcess,
) -> None:
    person, stranger = await process.stack.person(), await process.stack.person()
    async with await process.client_of(person) as client:
        told = (await upload_speech(client, "budget.mp3")).json()
        job = UUID(told["job_id"])
        async with following(client) as events:
            kind, snapshot = await next_of(events)
            [shown] = snapshot["jobs"]
            version = shown["version"]
            assert (kind, shown["id"], shown["status"], shown["open"]) == ("snapshot", str(job), "running", 1)

            activity = ImportActivity(
                job_id=job, item_id=UUID(told["item_id"]), doing="transcribing", seconds_done=3
            )
            await publish(process.stack, stranger, progress(uuid4(), 99))
            await publish(process.stack, person, progress(job, version))
            await publish(process.stack, person, activity)
            await publish(
                process.stack, person, progress(job, version + 2, status="completed", imported=1, open=0)
            )
            await publish(process.stack, person, progress(job, version + 1))
            await publish(process.stack, person, progress(job, version + 3))
            seen = [await next_of(events) for _ in range(3)]

    assert sorted(kind for kind, _ in seen) == ["activity", "progress", "progress"]
    assert [one["version"] for kind, one in seen if kind == "progress"] == [version + 2, version + 3]
    assert [one["seconds_done"] for kind, one in seen if kind == "activity"] == [3]


async def test_a_snapshot_holds_open_jobs_and_those_that_ended_in_the_last_hour(
    process: GatewayProcess,
) -> None:
    person = await process.stack.person()
    async with await process.client_of(person) as client:
        jobs = [
            (await upload_speech(client, name)).json()["job_id"]
            for name in ("budget.mp3", "hiring.wav", "support.m4a")
        ]
        for job, ago in zip(jobs[:2], ("2 hours", "20 minutes"), strict=True):
            await process.stack.owner.execute(
                f"UPDATE sync_jobs SET ended_at = now() - interval '{ago}', status = 'completed' WHERE id = $1",
                UUID(job),
            )
        async with following(client) as events:
            _, snapshot = await next_of(events)

    assert [job["id"] for job in snapshot["jobs"]] == [jobs[2], jobs[1]]


async def test_a_stream_needs_a_caller(process: GatewayProcess) -> None:
    async with httpx.AsyncClient(base_url=process.url) as client:
        assert (await client.get("/api/events")).json()["code"] == "not_signed_in"


def request_with(token: str) -> Request:
    headers = [(b"authorization", f"Bearer {token}".encode())]
    return Request(
        {"type": "http", "method": "GET", "path": "/api/events", "headers": headers, "query_string": b""}
    )


async def test_what_kafka_did_not_tell_is_looked_up_and_a_token_that_is_over_ends_the_stream(
    gateway: Gateway,
) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    job = (await upload_speech(client, "budget.mp3")).json()["job_id"]
    token = client.headers["Authorization"].removeprefix("Bearer ")
    stream = Stream(request_with(token), Caller(person.id, "token"), gateway.app.state.deps, look=0.05)
    events = stream.events()
    first = await anext(events)
    version = json.loads(first.data or "")["jobs"][0]["version"]
    await gateway.stack.owner.execute("UPDATE sync_jobs SET version = version + 1 WHERE id = $1", UUID(job))
    async with asyncio.timeout(15):
        second = await anext(events)

    assert (second.event, json.loads(second.data or "")["version"]) == ("progress", version + 1)
    await gateway.stack.owner.execute("DELETE FROM api_tokens WHERE user_id = $1", person.id)
    async with asyncio.timeout(15):
        assert [event async for event in events] == []


async def test_a_message_that_nobody_can_read_disturbs_no_stream(process: GatewayProcess) -> None:
    person = await process.stack.person()
    async with await process.client_of(person) as client, following(client) as events:
        await next_of(events)
        for key in (b"no owner", str(person.id).encode()):
            await process.stack.publisher.send_raw("import.progress", key, b"{", [])
        await publish(process.stack, person, progress(uuid4(), 1))
        kind, _ = await next_of(events)

    assert kind == "progress"
    assert "news.unreadable" in process.log.read_text()


async def test_a_reader_that_does_not_keep_up_is_cut() -> None:
    listener = Listener()
    for version in range(1, QUEUED_AT_MOST + 2):
        listener.put(progress(uuid4(), version))

    with pytest.raises(Cut):
        await listener.get(within=1)


async def test_streams_of_one_owner_are_limited() -> None:
    hub, owner = Hub(), uuid4()
    open_streams = [hub.listening(owner, Listener()) for _ in range(STREAMS_OF_ONE_OWNER)]
    for stream in open_streams:
        hub.require_room(owner)
        stream.__enter__()
    with pytest.raises(ProblemError):
        hub.require_room(owner)
    for stream in open_streams:
        stream.__exit__(None, None, None)

    assert not hub.has(owner)


async def test_after_an_interruption_every_stream_begins_again() -> None:
    hub, owner, listener = Hub(), uuid4(), Listener()
    with hub.listening(owner, listener):
        hub.cut_all()
        with pytest.raises(Cut):
            await listener.get(within=1)


async def test_closed_streams_are_forgotten(process: GatewayProcess) -> None:
    person = await process.stack.person()
    async with await process.client_of(person) as client:
        async with following(client) as events:
            await next_of(events)

        async def none_open() -> bool:
            return "callvault_event_streams 0.0" in (await client.get("/metrics/")).text

        await eventually(none_open)
