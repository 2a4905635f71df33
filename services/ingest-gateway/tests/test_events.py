"""Live progress: a snapshot from Postgres, then what is newer."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from httpx_sse import ServerSentEvent, aconnect_sse
from sse_starlette import ServerSentEvent as SseEvent
from starlette.requests import Request
from tests.support.eventually import eventually
from tests.support.gateway import Gateway, GatewayProcess, upload_speech
from tests.support.stack import Person, Stack

from ingest_gateway.callers import Caller
from ingest_gateway.hub import ACTIVITIES_AT_MOST, QUEUED_AT_MOST, STREAMS_OF_ONE_OWNER, Cut, Hub, Listener
from ingest_gateway.manifests import SILENT_AFTER
from ingest_gateway.problems import ProblemError
from ingest_gateway.stream import Stream
from pipeline_contracts import About, Envelope, ImportActivity, JobProgress, encode

from .sources import source_of

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


async def connected(gateway: Gateway, look: float = 60.0) -> tuple[Person, Stream]:
    """A stream in this process, of somebody who has done nothing yet."""
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    token = client.headers["Authorization"].removeprefix("Bearer ")
    return person, Stream(request_with(token), Caller(person.id, "token"), gateway.app.state.deps, look=look)


async def next_from(events: AsyncIterator[SseEvent], kind: str) -> dict[str, Any]:
    """The data of the next event of a kind."""
    async with asyncio.timeout(15):
        async for event in events:
            if event.event == kind:
                return dict(json.loads(event.data or ""))
    raise AssertionError(f"the stream ended without {kind}")


async def test_progress_of_a_job_that_is_new_says_whose_it_is_and_its_title_once_that_is_known(
    gateway: Gateway,
) -> None:
    person, stream = await connected(gateway)
    deps, job, account = gateway.app.state.deps, uuid4(), uuid4()
    events = stream.events()
    await next_from(events, "snapshot")
    await gateway.stack.owner.execute(
        "INSERT INTO sync_jobs (id, owner_user_id, source_app, trigger, account_id) "
        "VALUES ($1, $2, 'youtube', 'manual', $3)", job, person.id, account,
    )  # fmt: skip
    deps.hub.tell(person.id, progress(job, 1, found=0, open=0))
    first = await next_from(events, "progress")
    await gateway.stack.owner.execute(
        "SELECT admit($1, $2)", job, json.dumps([{"external_id": "v", "title": "A talk"}])
    )
    deps.hub.tell(person.id, progress(job, 2))
    second = await next_from(events, "progress")

    assert (first["account_id"], first["title"]) == (str(account), None)
    assert (second["account_id"], second["title"], second["version"]) == (str(account), "A talk", 2)


async def test_a_snapshot_says_what_tasks_were_heard_to_do(gateway: Gateway) -> None:
    person, stream = await connected(gateway)
    client = await gateway.client_of(person)
    told = (await upload_speech(client, "budget.mp3")).json()
    item = UUID(told["item_id"])
    activity = ImportActivity(job_id=told["job_id"], item_id=item, doing="transcribing", seconds_done=3)
    hub = gateway.app.state.deps.hub
    await publish(gateway.stack, person, activity)
    await publish(gateway.stack, person, activity.model_copy(update={"job_id": uuid4(), "item_id": uuid4()}))

    async def was_heard() -> bool:
        return bool(hub.activities_of({activity.job_id}))

    await eventually(was_heard)
    snapshot = await next_from(stream.events(), "snapshot")
    assert [(one["item_id"], one["seconds_done"]) for one in snapshot["activities"]] == [(str(item), 3)]


async def test_what_a_task_did_is_forgotten_when_its_wait_is_over_or_nothing_is_heard_for_long() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    hub, job = Hub(clock=lambda: now), uuid4()
    for until in (None, now + timedelta(seconds=40), now + timedelta(hours=1)):
        hub.remember(ImportActivity(job_id=job, item_id=uuid4(), doing="waiting", until=until))
    counts = []
    for later in (0, 41, 400, 4000):
        now = datetime(2026, 11, 22, tzinfo=UTC) + timedelta(seconds=later)
        counts.append(len(hub.activities_of({job})))

    assert counts == [3, 2, 1, 0]
    assert hub.activities_of({uuid4()}) == []
    for _ in range(ACTIVITIES_AT_MOST + 1):
        hub.remember(ImportActivity(job_id=job, item_id=uuid4(), doing="reading"))
    assert len(hub.activities_of({job})) == ACTIVITIES_AT_MOST


async def test_a_try_at_connecting_is_followed_to_its_end(gateway: Gateway) -> None:
    person, stream = await connected(gateway)
    client, source = await gateway.client_of(person), await source_of(gateway)
    events = stream.events()
    snapshot = await next_from(events, "snapshot")
    wish = {"method": "api_key", "api_key": "k1"}
    told = (await client.post(f"/api/sources/{source.name}/connect", json=wish)).json()
    begun = await next_from(events, "attempt")
    await gateway.stack.owner.execute(
        "UPDATE connect_attempts SET status = 'failed', reason = 'credentials_refused' WHERE id = $1",
        UUID(told["attempt_id"]),
    )  # fmt: skip
    ended = await next_from(events, "attempt")

    assert snapshot["attempts"] == []
    assert (begun["id"], begun["status"]) == (told["attempt_id"], "submitted")
    assert (ended["id"], ended["status"]) == (told["attempt_id"], "failed")
    assert ended["message"] == "Zoomer did not accept the sign-in or the key. Try again."
    _, later = await connected(gateway)
    assert [one["id"] for one in (await next_from(later.events(), "snapshot"))["attempts"]] == []


async def test_a_connector_that_comes_and_falls_silent_is_told(gateway: Gateway) -> None:
    _, stream = await connected(gateway)
    events = stream.events()
    await next_from(events, "snapshot")
    source = await source_of(gateway)

    async def states() -> bool:
        while (told := await next_from(events, "connector"))["source"] != source.name:
            pass
        return bool(told["is_running"])

    assert await states() is True
    await source.say(sent_at=datetime.now(UTC) - 2 * SILENT_AFTER)
    gateway.app.state.deps.manifests._known[source.name] = source.manifest
    assert await states() is False


async def test_after_a_cut_the_next_stream_shows_all_that_was_missed(process: GatewayProcess) -> None:
    person = await process.stack.person()
    async with await process.client_of(person) as client:
        job = (await upload_speech(client, "budget.mp3")).json()["job_id"]
        async with following(client) as events:
            _, before = await next_of(events)
        await process.stack.owner.execute(
            "UPDATE sync_job_items SET status = 'imported', ended_at = now() WHERE job_id = $1", UUID(job)
        )
        await process.stack.owner.execute(
            "UPDATE sync_jobs SET imported = 1, status = 'completed', ended_at = now(), version = version + 7 "
            "WHERE id = $1", UUID(job),
        )  # fmt: skip
        async with following(client) as events:
            _, after = await next_of(events)
            version = after["jobs"][0]["version"]
            await publish(process.stack, person, progress(UUID(job), version - 1))
            await publish(process.stack, person, progress(UUID(job), version + 1, imported=1, open=0))
            _, news = await next_of(events)

    assert version == before["jobs"][0]["version"] + 7
    assert (after["jobs"][0]["imported"], after["jobs"][0]["status"]) == (1, "completed")
    assert news["version"] == version + 1
