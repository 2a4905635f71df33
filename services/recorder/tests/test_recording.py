"""From a result on Kafka to the library, the books and the event."""

from __future__ import annotations

import json
from dataclasses import replace
from uuid import UUID, uuid4

import asyncpg
import pytest
from tests.support.eventually import eventually
from tests.support.results import failure, record
from tests.support.stack import Person, Stack

from pipeline_runtime.database import STANDSTILL_SECONDS
from recorder.writer import SESSION

pytestmark = pytest.mark.usefixtures("recorder")


async def ended(stack: Stack, job: UUID) -> dict:
    async def probe() -> bool:
        return await stack.owner.fetchval("SELECT ended_at IS NOT NULL FROM sync_jobs WHERE id = $1", job)

    await eventually(probe)
    return await stack.books(job)


async def item_of(stack: Stack, job: UUID) -> dict:
    return dict(await stack.owner.fetchrow("SELECT * FROM sync_job_items WHERE job_id = $1", job))


async def test_a_record_becomes_a_recording_a_vault_entry_and_an_event(stack: Stack) -> None:
    ada = await stack.person()
    job = await stack.job(ada, ["call-1"])
    segments = [{"start": 0, "end": 1.5, "speaker": "Ada", "text": "What was said"}]
    await stack.publish(record(ada, job, "call-1", segments=segments))
    books = await ended(stack, job)
    assert (books["status"], books["imported"], books["open"]) == ("completed", 1, 0)

    row = await stack.owner.fetchrow("SELECT * FROM recordings")
    assert (row["owner_user_id"], row["bank_id"]) == (ada.id, ada.bank)
    assert row["full_transcript"] == "What was said in call-1."
    assert row["duration"] == 61.5
    assert row["recording_start_time"].isoformat() == "2026-11-20T09:00:00+00:00"
    assert json.loads(row["source_metadata"])["filename"] == "call.m4a"
    assert json.loads(row["segments"])[0]["speaker"] == "Ada"
    assert (
        await stack.owner.fetchval("SELECT vault_id FROM vault_entries WHERE recording_id = $1", row["id"])
        == ada.vault
    )

    (event,) = await stack.messages("recording.created", at_least=1)
    headers = dict(event.headers)
    payload = json.loads(event.value)
    assert headers["ce_id"] == f"recording.created:{row['id']}".encode()
    assert headers["ce_type"] == b"callvault.recording.created.v1"
    assert event.key == str(ada.id).encode()
    assert payload["recording_id"] == str(row["id"])
    assert payload["transcript_length"] == len(row["full_transcript"])
    assert "What was said" not in event.value.decode()


async def test_progress_is_told_with_a_rising_version(stack: Stack) -> None:
    ada = await stack.person()
    job = await stack.job(ada, ["call-1", "call-2"])
    for one in ("call-1", "call-2"):
        await stack.publish(record(ada, job, one))
    await ended(stack, job)

    async def all_told() -> list[dict] | None:
        told = [json.loads(message.value) for message in await stack.messages("import.progress")]
        return told if any(one["status"] == "completed" for one in told) else None

    told = await eventually(all_told)
    last = max(told, key=lambda one: one["version"])
    assert (last["status"], last["imported"], last["open"]) == ("completed", 2, 0)
    assert len({one["version"] for one in told}) == len(told)


async def test_a_redelivered_record_changes_nothing(stack: Stack) -> None:
    ada = await stack.person()
    job = await stack.job(ada, ["call-1"])
    for _ in range(3):
        await stack.publish(record(ada, job, "call-1"))
    await ended(stack, job)
    again = await stack.job(ada, ["call-2"])
    await stack.publish(record(ada, job, "call-1"))
    await stack.publish(record(ada, again, "call-2"))
    await ended(stack, again)
    assert (await stack.books(job))["imported"] == 1
    assert await stack.owner.fetchval("SELECT count(*) FROM recordings") == 2
    assert len(await stack.messages("recording.created", at_least=2)) == 2


async def test_of_several_jobs_with_one_call_one_imports_and_the_others_point_to_it(stack: Stack) -> None:
    ada = await stack.person()
    jobs = [await stack.job(ada, ["call-1"]) for _ in range(3)]
    await stack.publish(record(ada, jobs[1], "call-1"))
    for job in jobs:
        await ended(stack, job)
    books = [await stack.books(job) for job in jobs]
    assert [one["imported"] for one in books] == [0, 1, 0]
    assert [one["duplicates"] for one in books] == [1, 0, 1]
    recording = await stack.owner.fetchval("SELECT id FROM recordings")
    assert {
        row["recording_id"] for row in await stack.owner.fetch("SELECT recording_id FROM sync_job_items")
    } == {recording}


async def test_the_same_id_from_two_owners_or_two_sources_is_two_recordings(stack: Stack) -> None:
    ada, bob = await stack.person(), await stack.person()
    jobs = [(ada, "file_upload"), (bob, "file_upload"), (ada, "zoom")]
    for person, source in jobs:
        job = await stack.job(person, ["call-1"], source=source)
        await stack.publish(record(person, job, "call-1", source_app=source))
        await ended(stack, job)
    assert await stack.owner.fetchval("SELECT count(*) FROM recordings") == 3


async def test_a_failed_attempt_ends_the_item_with_its_code_and_the_job_as_failed(stack: Stack) -> None:
    ada = await stack.person()
    job = await stack.job(ada, ["call-1"])
    item = await item_of(stack, job)
    await stack.publish(failure(ada, job, item["id"]))
    books = await ended(stack, job)
    assert (books["status"], books["failed"]) == ("failed", 1)
    item = await item_of(stack, job)
    assert (item["code"], item["message"], item["retry_at"]) == ("no_speech", "It did not work.", None)


async def test_failures_of_an_older_attempt_or_of_another_job_are_ignored(stack: Stack) -> None:
    ada = await stack.person()
    job, other = await stack.job(ada, ["call-1"]), await stack.job(ada, ["call-2"])
    item = await item_of(stack, job)
    await stack.owner.execute("UPDATE sync_job_items SET attempt = 2 WHERE id = $1", item["id"])
    await stack.publish(failure(ada, job, item["id"], attempt=1))
    await stack.publish(failure(ada, other, item["id"], attempt=2))
    await stack.publish(record(ada, other, "call-2"))
    await ended(stack, other)
    assert (await item_of(stack, job))["status"] == "found"


async def test_a_record_that_comes_after_the_failure_imports_the_item(stack: Stack) -> None:
    ada = await stack.person()
    job = await stack.job(ada, ["call-1"])
    item = await item_of(stack, job)
    await stack.publish(failure(ada, job, item["id"]))
    await ended(stack, job)
    await stack.publish(record(ada, job, "call-1"))

    async def completed() -> bool:
        return await stack.owner.fetchval("SELECT status = 'completed' FROM sync_jobs WHERE id = $1", job)

    await eventually(completed)
    books = await stack.books(job)
    assert (books["imported"], books["failed"]) == (1, 0)


async def test_an_imported_item_never_fails(stack: Stack) -> None:
    ada = await stack.person()
    job, other = await stack.job(ada, ["call-1"]), await stack.job(ada, ["call-2"])
    item = await item_of(stack, job)
    await stack.publish(record(ada, job, "call-1"))
    await stack.publish(failure(ada, job, item["id"]))
    await stack.publish(record(ada, other, "call-2"))
    await ended(stack, other)
    assert (await ended(stack, job))["imported"] == 1


async def test_one_bad_record_in_a_batch_is_reported_and_all_others_are_inserted(stack: Stack) -> None:
    ada = await stack.person()
    ids = [f"call-{n}" for n in range(20)] + ["nul", "date", "huge", "junk"]
    job = await stack.job(ada, ids)
    items = {
        r["external_id"]: r["id"] for r in await stack.owner.fetch("SELECT id, external_id FROM sync_job_items")
    }
    good = [record(ada, job, one, item=items[one]) for one in ids]
    bad = {
        "nul": good[20].value.replace(b"What was", b"What\\u0000was"),
        "date": good[21].value.replace(b"2026-11-20T", b"2026-13-45T"),
        "huge": good[22].value.replace(b"What was said", b"What was said " * 700_000),
        "junk": b"\xff\xfe no json",
    }
    messages = [replace(one, value=bad.get(ids[n], one.value)) for n, one in enumerate(good)]
    for message in messages[:10] + messages[20:] + messages[10:20]:
        await stack.publish(message)
    books = await ended(stack, job)
    assert (books["imported"], books["failed"], books["status"]) == (20, 4, "partial")
    codes = await stack.owner.fetch("SELECT external_id, code FROM sync_job_items WHERE status = 'failed'")
    assert dict(codes) == {
        "nul": "invalid_record",
        "date": "invalid_record",
        "huge": "transcript_too_large",
        "junk": "invalid_record",
    }
    parked = await stack.messages("import.results.dead", at_least=4)
    reasons = sorted(dict(one.headers)["dead_reason"].decode() for one in parked)
    assert reasons == ["invalid_message", "invalid_message", "message_too_large", "nul_character"]


async def test_what_only_the_database_refuses_is_found_by_halves(stack: Stack) -> None:
    ada = await stack.person()
    ids = [f"call-{n}" for n in range(9)]
    job = await stack.job(ada, ids)
    items = {
        r["external_id"]: r["id"] for r in await stack.owner.fetch("SELECT id, external_id FROM sync_job_items")
    }
    for one in ids:
        message = record(ada, job, one, item=items[one])
        if one == "call-4":  # a number that JSON in Python takes and jsonb does not
            message = replace(message, value=message.value.replace(b'"filename":', b'"size":NaN,"filename":'))
        await stack.publish(message)
    books = await ended(stack, job)
    assert (books["imported"], books["failed"]) == (8, 1)
    assert (
        await stack.owner.fetchval("SELECT code FROM sync_job_items WHERE external_id = 'call-4'")
        == "invalid_record"
    )


async def test_a_record_for_no_item_of_its_job_is_parked(stack: Stack) -> None:
    ada, eve = await stack.person(), await stack.person()
    job = await stack.job(ada, ["call-1"])
    await stack.publish(record(eve, uuid4(), "call-1"))
    await stack.publish(record(eve, job, "call-2"))
    await stack.publish(record(eve, job, "call-1", source_app="zoom"))
    parked = await stack.messages("import.results.dead", at_least=3)
    assert [dict(one.headers)["dead_reason"] for one in parked] == [
        b"not_admitted",
        b"not_admitted",
        b"source_mismatch",
    ]
    assert await stack.owner.fetchval("SELECT count(*) FROM recordings") == 0


async def test_the_owner_is_the_jobs_and_never_the_messages(stack: Stack) -> None:
    ada, eve = await stack.person(), await stack.person()
    job = await stack.job(ada, ["call-1"])
    await stack.publish(record(eve, job, "call-1"))
    await ended(stack, job)
    assert await stack.owner.fetchval("SELECT owner_user_id FROM recordings") == ada.id


async def test_a_vault_of_others_is_refused_and_a_shared_one_taken(stack: Stack) -> None:
    ada, eve = await stack.person(), await stack.person()
    job = await stack.job(ada, ["mine", "theirs", "shared"])
    await stack.owner.execute(
        "INSERT INTO bank_memberships (bank_id, user_id) VALUES ($1, $2)", eve.bank, ada.id
    )
    stranger: Person = await stack.person()
    await stack.publish(record(ada, job, "mine", bank_id=str(ada.bank), vault_id=str(ada.vault)))
    await stack.publish(record(ada, job, "theirs", bank_id=str(stranger.bank), vault_id=str(stranger.vault)))
    await stack.publish(record(ada, job, "shared", bank_id=str(eve.bank), vault_id=str(eve.vault)))
    books = await ended(stack, job)
    assert (books["imported"], books["failed"]) == (2, 1)
    assert (
        await stack.owner.fetchval("SELECT code FROM sync_job_items WHERE external_id = 'theirs'")
        == "forbidden_vault"
    )


async def test_messages_in_any_order_end_in_the_same_books(stack: Stack) -> None:
    ada = await stack.person()
    jobs = [await stack.job(ada, [f"call-{n}", f"call-{n + 1}"]) for n in range(6)]
    messages = [record(ada, job, f"call-{n + k}") for n, job in enumerate(jobs) for k in (0, 1)]
    for message in [*reversed(messages), *messages]:
        await stack.publish(message)
    for job in jobs:
        books = await ended(stack, job)
        assert books["status"] == "completed"
        assert books["imported"] + books["duplicates"] == 2
    assert await stack.owner.fetchval("SELECT count(*) FROM recordings") == 7
    assert await stack.owner.fetchval("SELECT sum(imported) FROM sync_jobs") == 7


async def test_a_lane_that_stands_still_in_a_transaction_loses_its_session(stack: Stack) -> None:
    lane = await asyncpg.connect(stack.url("callvault_recorder"), server_settings=SESSION)
    try:
        assert await lane.fetchval("SHOW idle_in_transaction_session_timeout") == f"{STANDSTILL_SECONDS}s"
    finally:
        await lane.close()
