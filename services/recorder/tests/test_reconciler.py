"""Nothing stays open for ever."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID, uuid4

from tests.support.eventually import eventually
from tests.support.stack import Person, Stack

from recorder.reconciler import Reconciler


def ticket_for(job: UUID, item: UUID) -> dict:
    sha = "ab" * 32
    audio = {"key": f"k/{item}", "size": 3, "sha256": sha, "content_type": "audio/mpeg", "filename": "a.mp3"}
    draft = {
        "external_id": sha, "source_app": "file_upload", "title": "a", "source_metadata": {"external_id": sha},
        "recording_start_time": "2026-11-20T10:00:00Z",
    }  # fmt: skip
    return {"job_id": str(job), "item_id": str(item), "attempt": 1, "audio": audio, "draft": draft}


async def open_item(stack: Stack, person: Person, external_id: str = "call") -> tuple[UUID, UUID]:
    job, item = uuid4(), uuid4()
    await stack.owner.execute(
        "INSERT INTO sync_jobs (id, owner_user_id, source_app, trigger) VALUES ($1, $2, 'file_upload', 'upload')",
        job, person.id,
    )  # fmt: skip
    await stack.admit(job, [external_id], id=str(item), ticket=ticket_for(job, item))
    return job, item


async def age(stack: Stack, item: UUID, by: timedelta) -> None:
    await stack.owner.execute(
        "UPDATE sync_job_items SET opened_at = opened_at - $2::interval, ticketed_at = ticketed_at - $2::interval WHERE id = $1",
        item, by,
    )  # fmt: skip


async def tickets(stack: Stack) -> list[dict]:
    rows = await stack.owner.fetch("SELECT payload FROM outbox WHERE aggregatetype = 'import.audio'")
    return [json.loads(row["payload"]) for row in rows]


async def test_a_fresh_item_is_left_alone(stack: Stack, reconciler: Reconciler) -> None:
    await open_item(stack, await stack.person())
    assert not await reconciler.round()


async def test_an_open_item_that_nobody_works_on_gets_its_ticket_again(
    stack: Stack, reconciler: Reconciler
) -> None:
    job, item = await open_item(stack, await stack.person())
    await age(stack, item, timedelta(minutes=2))
    assert await reconciler.round() == {"reticketed": 1}
    assert await tickets(stack) == [ticket_for(job, item)]
    assert not await reconciler.round()


async def test_an_item_with_a_task_is_left_to_its_worker(stack: Stack, reconciler: Reconciler) -> None:
    person = await stack.person()
    job, item = await open_item(stack, person)
    await age(stack, item, timedelta(days=2))
    await stack.owner.execute(
        "INSERT INTO tasks (kind, job_id, item_id, owner_user_id, attempt, payload) VALUES ('transcribe', $1, $2, $3, 1, '{}')",
        job, item, person.id,
    )  # fmt: skip
    assert not await reconciler.round()


async def test_of_items_waiting_for_one_call_one_gets_the_ticket_when_the_first_is_gone(
    stack: Stack, reconciler: Reconciler
) -> None:
    ada = await stack.person()
    _, first = await open_item(stack, ada)
    others = [await open_item(stack, ada) for _ in range(3)]
    for item in [first, *(item for _, item in others)]:
        await age(stack, item, timedelta(minutes=2))
    await stack.owner.execute(
        "UPDATE sync_job_items SET status = 'skipped', code = 'cancelled', ended_at = now() WHERE id = $1",
        first,
    )
    assert (await reconciler.round())["reticketed"] == 1


async def test_open_items_whose_call_is_in_the_library_end_as_duplicates(
    stack: Stack, reconciler: Reconciler
) -> None:
    ada = await stack.person()
    job, _ = await open_item(stack, ada)
    recording = uuid4()
    await stack.owner.execute(
        """INSERT INTO recordings (id, bank_id, owner_user_id, title, full_transcript, source_app, external_id,
             source_metadata, recording_start_time, imported_by_item)
           VALUES ($1, $2, $3, 't', 'x', 'file_upload', 'call', '{"external_id": "call"}', now(), $4)""",
        recording, ada.bank, ada.id, uuid4(),
    )  # fmt: skip
    assert (await reconciler.round())["finished"] == 1
    books = await stack.books(job)
    assert (books["duplicates"], books["status"]) == (1, "completed")


async def test_an_item_open_for_a_day_without_work_is_failed_as_lost(
    stack: Stack, reconciler: Reconciler
) -> None:
    job, item = await open_item(stack, await stack.person())
    await age(stack, item, timedelta(days=1, minutes=1))
    assert (await reconciler.round())["lost"] == 1
    books = await stack.books(job)
    assert (books["failed"], books["status"]) == (1, "failed")
    assert await stack.owner.fetchval("SELECT code FROM sync_job_items") == "lost"


async def test_a_retryable_failure_reopens_by_itself_when_its_time_has_come(
    stack: Stack, reconciler: Reconciler
) -> None:
    job, item = await open_item(stack, await stack.person())
    await stack.owner.execute(
        """UPDATE sync_job_items SET status = 'failed', code = 'engine_unavailable', retryable = true,
             ended_at = now(), first_failed_at = now(), retry_at = now() - interval '1 second'"""
    )
    await stack.owner.execute("UPDATE sync_jobs SET failed = 1, status = 'failed', ended_at = now()")
    assert await reconciler.round() == {"reopened": 1}
    (ticket,) = await tickets(stack)
    assert (ticket["item_id"], ticket["attempt"]) == (str(item), 2)
    books = await stack.books(job)
    assert (books["status"], books["open"], books["failed"]) == ("running", 1, 0)


async def test_what_was_over_the_limit_does_not_reopen_by_itself(stack: Stack, reconciler: Reconciler) -> None:
    ada = await stack.person("free")
    for n in range(11):
        await open_item(stack, ada, f"call-{n}")
    assert (
        await stack.owner.fetchval("SELECT retry_at FROM sync_job_items WHERE code = 'quota_exceeded'") is None
    )
    mended = await reconciler.round()
    assert mended["reopened"] == 0


async def test_a_job_that_is_over_is_closed(stack: Stack, reconciler: Reconciler) -> None:
    ada = await stack.person()
    job = await stack.job(ada, [])
    assert await reconciler.round() == {"closed": 1}
    assert (await stack.books(job))["status"] == "completed"


async def test_topics_that_are_gone_are_made_again(stack: Stack, reconciler: Reconciler) -> None:
    from aiokafka.admin import AIOKafkaAdminClient

    admin, topic = AIOKafkaAdminClient(bootstrap_servers=stack.servers.kafka), stack.prefix + "import.audio"

    async def is_there() -> bool:
        return topic in await admin.list_topics()

    async def is_gone() -> bool:
        return not await is_there()

    await admin.start()
    try:
        await admin.delete_topics([topic])
        await eventually(is_gone)
        await reconciler.round()
        await eventually(is_there)
    finally:
        await admin.close()
