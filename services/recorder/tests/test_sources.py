"""Items of sources: skipped ones, those of jobs that were stopped, and what is asked for again where."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from starlette.applications import Starlette
from tests.support.eventually import eventually
from tests.support.results import failure, record
from tests.support.stack import Person, Stack

from pipeline_contracts import About, DiscoveryEnded, Envelope, ItemSkipped, encode
from recorder.reconciler import Reconciler

TICKET = {"source_item": {"external_id": "call", "title": "A call", "payload": {}}}


async def listed(stack: Stack, person: Person, *calls: str, ended: bool = True) -> tuple[UUID, dict[str, UUID]]:
    """A job of an account of Zoom, with these calls open."""
    job, account = uuid4(), uuid4()
    await stack.owner.execute(
        "INSERT INTO sync_jobs (id, owner_user_id, source_app, account_id, trigger) VALUES ($1, $2, 'zoom', $3, 'manual')",
        job, person.id, account,
    )  # fmt: skip
    items = json.dumps([{"external_id": one, "title": one, "ticket": TICKET} for one in calls])
    rows = await stack.owner.fetch("SELECT * FROM admit($1, $2, $3)", job, items, ended)
    return job, {row["external_id"]: row["item_id"] for row in rows}


async def skipped(stack: Stack, person: Person, job: UUID, item: UUID, **more: Any) -> None:
    fields = {"job_id": job, "item_id": item, "attempt": 1, "code": "not_ready", "message": "Not yet."}
    message = ItemSkipped.model_validate(fields | more)
    envelope = Envelope(message.event_type, "/tests", about=About(job, item, message.attempt))
    await stack.publish(encode(message, key=person.id, envelope=envelope))


async def ended(stack: Stack, job: UUID) -> dict[str, Any]:
    async def probe() -> bool:
        return bool(await stack.owner.fetchval("SELECT ended_at FROM sync_jobs WHERE id = $1", job))

    await eventually(probe)
    return await stack.books(job)


async def item(stack: Stack, item_id: UUID) -> dict[str, Any]:
    return dict(await stack.owner.fetchrow("SELECT * FROM sync_job_items WHERE id = $1", item_id) or {})


async def test_a_skipped_item_ends_its_job_and_keeps_the_time_to_look_again(
    stack: Stack, recorder: Starlette
) -> None:
    ada, again = await stack.person(), datetime.now(UTC) + timedelta(hours=1)
    job, items = await listed(stack, ada, "call")
    for _ in range(2):  # told twice, it counts once
        await skipped(stack, ada, job, items["call"], revisit_at=again)
    row = await ended(stack, job)
    assert (row["skipped"], row["status"]) == (1, "completed")
    found = await item(stack, items["call"])
    assert (found["code"], found["revisit_at"]) == ("not_ready", again)


async def test_only_the_attempt_under_way_is_skipped_and_a_record_in_flight_is_imported_after_all(
    stack: Stack, recorder: Starlette
) -> None:
    ada = await stack.person()
    job, items = await listed(stack, ada, "one", "two")
    await skipped(stack, ada, job, items["one"], attempt=2)
    await skipped(stack, ada, job, items["two"], code="cancelled")
    await stack.publish(record(ada, job, "two", source_app="zoom"))
    await stack.publish(record(ada, job, "one", source_app="zoom"))

    async def imported() -> bool:
        return (await stack.books(job))["imported"] == 2

    await eventually(imported)
    assert (await stack.books(job))["skipped"] == 0


async def test_others_that_wait_for_the_call_go_along_unless_its_job_was_stopped(
    stack: Stack, recorder: Starlette
) -> None:
    ada = await stack.person()
    for code, status in (("deleted", "skipped"), ("cancelled", "found")):
        first, mine = await listed(stack, ada, code)
        _, theirs = await listed(stack, ada, code)
        await skipped(stack, ada, first, mine[code], code=code)
        await ended(stack, first)
        assert (await item(stack, theirs[code]))["status"] == status


async def test_a_stopped_job_ends_as_cancelled_and_one_that_could_not_list_all_says_so(
    stack: Stack, recorder: Starlette
) -> None:
    ada = await stack.person()
    stopped, items = await listed(stack, ada, "call")
    await stack.owner.execute("UPDATE sync_jobs SET cancel_requested_at = now() WHERE id = $1", stopped)
    await skipped(stack, ada, stopped, items["call"], code="cancelled")
    assert (await ended(stack, stopped))["status"] == "cancelled"

    for calls, status in (((), "failed"), (("new",), "partial")):
        job, items = await listed(stack, ada, *calls)
        await stack.owner.execute("UPDATE sync_jobs SET code = 'source_unreadable' WHERE id = $1", job)
        for call in calls:
            await stack.publish(record(ada, job, call, source_app="zoom"))
        nudge = DiscoveryEnded(job_id=job)
        envelope = Envelope(nudge.event_type, "/tests", about=About(job))
        await stack.publish(encode(nudge, key=ada.id, envelope=envelope))
        assert (await ended(stack, job))["status"] == status


async def test_what_wants_a_reconnection_is_not_tried_again_by_itself(
    stack: Stack, recorder: Starlette
) -> None:
    ada = await stack.person()
    job, items = await listed(stack, ada, "one", "two")
    await stack.publish(failure(ada, job, items["one"], code="reconnect_needed", retryable=True))
    await stack.publish(failure(ada, job, items["two"], code="source_unavailable", retryable=True))
    await ended(stack, job)
    assert (await item(stack, items["one"]))["retry_at"] is None
    assert (await item(stack, items["two"]))["retry_at"] is not None


async def asked(stack: Stack) -> list[dict[str, Any]]:
    rows = await stack.owner.fetch("SELECT payload FROM outbox WHERE aggregatetype = 'import.fetch.zoom'")
    return [json.loads(row["payload"]) for row in rows]


async def test_a_call_that_nobody_works_on_is_asked_for_again_at_its_source(
    stack: Stack, reconciler: Reconciler
) -> None:
    job, items = await listed(stack, await stack.person(), "call")
    await stack.owner.execute(
        "UPDATE sync_job_items SET opened_at = now() - interval '2 minutes', ticketed_at = now() - interval '2 minutes'"
    )
    assert await reconciler.round() == {"reticketed": 1}
    [request] = await asked(stack)
    assert (request["job_id"], request["item_ids"]) == (str(job), [str(items["call"])])
    assert request["trigger"] == "retry"
    assert not await reconciler.round()


async def test_a_failed_call_whose_time_has_come_is_asked_for_at_its_source(
    stack: Stack, reconciler: Reconciler
) -> None:
    job, items = await listed(stack, await stack.person(), "call")
    await stack.owner.execute(
        "UPDATE sync_job_items SET status = 'failed', code = 'source_unavailable', ended_at = now(), "
        "first_failed_at = now(), retryable = true, retry_at = now()"
    )
    await stack.owner.execute("UPDATE sync_jobs SET failed = 1, ended_at = now(), status = 'failed'")
    assert await reconciler.round() == {"reopened": 1}
    assert [request["item_ids"] for request in await asked(stack)] == [[str(items["call"])]]
    assert (await stack.books(job))["open"] == 1


async def test_a_listing_that_nobody_works_on_is_asked_for_again_unless_it_was_stopped(
    stack: Stack, reconciler: Reconciler
) -> None:
    ada = await stack.person()
    job, _ = await listed(stack, ada, ended=False)
    stopped, _ = await listed(stack, ada, ended=False)
    await stack.owner.execute("UPDATE sync_jobs SET created_at = now() - interval '2 minutes'")
    await stack.owner.execute(
        "UPDATE sync_jobs SET request = $2 WHERE id = $1",
        job,
        json.dumps({"window_from": "2026-01-01T00:00:00Z"}),
    )
    await stack.owner.execute("UPDATE sync_jobs SET cancel_requested_at = now() WHERE id = $1", stopped)
    assert await reconciler.round() == {"relisted": 1}
    [request] = await asked(stack)
    assert (request["job_id"], request["window_from"]) == (str(job), "2026-01-01T00:00:00Z")
    assert not await reconciler.round()


async def test_an_item_that_was_to_be_looked_at_again_is_asked_for_again_where_the_request_got_lost(
    stack: Stack, reconciler: Reconciler
) -> None:
    ada, item_id = await stack.person(), uuid4()
    job, _ = await listed(stack, ada, ended=False)
    await stack.owner.execute(
        "UPDATE sync_jobs SET trigger = 'retry', request = $1, created_at = now() - interval '2 minutes'",
        json.dumps({"revisit": str(item_id)}),
    )
    assert await reconciler.round() == {"relisted": 1}
    [request] = await asked(stack)
    assert (request["job_id"], request["trigger"]) == (str(job), "retry")
    assert request["item_ids"] == [str(item_id)]


async def test_what_failed_in_a_job_that_was_stopped_is_not_tried_again_by_itself(
    stack: Stack, reconciler: Reconciler
) -> None:
    job, items = await listed(stack, await stack.person(), "call")
    await stack.owner.execute(
        "UPDATE sync_job_items SET status = 'failed', code = 'source_unavailable', ended_at = now(), "
        "first_failed_at = now(), retryable = true, retry_at = now()"
    )
    await stack.owner.execute("UPDATE sync_jobs SET failed = 1, cancel_requested_at = now()")
    await reconciler.round()
    assert await asked(stack) == []
    assert (await item(stack, items["call"]))["retry_at"] is None
    assert (await stack.books(job))["status"] == "cancelled"
