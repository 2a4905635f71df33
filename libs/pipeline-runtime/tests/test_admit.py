"""`admit`: what a job has found is entered into the books once, and the month's limit holds."""

from __future__ import annotations

import asyncio
from collections import Counter
from uuid import UUID, uuid4

from tests.support.database import Connect, Session
from tests.support.eventually import eventually
from tests.support.ledger import add_recording, admit, end, item_of, new_job, web_of
from tests.support.stack import Stack


async def test_fresh_calls_are_found_and_the_job_runs(tables: Stack, connect: Connect) -> None:
    ada = await tables.person()
    job, web = await new_job(tables, ada), await web_of(connect, ada)
    wanted = uuid4()
    page = [
        {"external_id": "call-1", "title": "One", "id": str(wanted), "ticket": {"n": 1}},
        {"external_id": "call-2"},
    ]
    assert await admit(web, job, *page) == {"call-1": "found", "call-2": "found"}
    books = await tables.books(job)
    assert (books["status"], books["found"], books["open"]) == ("running", 2, 2)
    assert books["started_at"] is not None
    item = await item_of(tables, job, "call-1")
    assert (item["id"], item["title"], item["ticket"], item["attempt"]) == (wanted, "One", '{"n": 1}', 1)
    assert (item["owner_user_id"], item["source_app"]) == (ada.id, "zoom")
    assert item["ticketed_at"] is not None


async def test_a_call_without_a_title_is_called_by_its_id(tables: Stack, connect: Connect) -> None:
    ada = await tables.person()
    job, web = await new_job(tables, ada), await web_of(connect, ada)
    await admit(web, job, {"external_id": "call-1", "title": ""}, {"external_id": "call-2", "title": None})
    assert (await item_of(tables, job, "call-1"))["title"] == "call-1"
    assert (await item_of(tables, job, "call-2"))["title"] == "call-2"


async def test_the_same_page_twice_is_known_and_counted_once(tables: Stack, connect: Connect) -> None:
    ada = await tables.person()
    job, web = await new_job(tables, ada), await web_of(connect, ada)
    await admit(web, job, "call-1", "call-2")
    first = await item_of(tables, job, "call-1")
    assert await admit(web, job, "call-1", "call-2", "call-3") == {
        "call-1": "known", "call-2": "known", "call-3": "found",
    }  # fmt: skip
    await end(tables, job, "call-2", "failed")
    assert await admit(web, job, "call-2", "call-2") == {"call-2": "known"}  # however it stands by now
    assert (await tables.books(job))["found"] == 3
    assert await item_of(tables, job, "call-1") == first


async def test_a_call_twice_on_one_page_is_entered_once(tables: Stack, connect: Connect) -> None:
    ada = await tables.person()
    job, web = await new_job(tables, ada), await web_of(connect, ada)
    assert await admit(web, job, "call-1", "call-1") == {"call-1": "found"}
    assert (await tables.books(job))["found"] == 1


async def test_a_call_that_is_in_the_library_is_a_duplicate_that_points_to_it(
    tables: Stack, connect: Connect
) -> None:
    ada = await tables.person()
    job, web = await new_job(tables, ada), await web_of(connect, ada)
    recording = await add_recording(tables, job, "call-1")
    assert await admit(web, job, "call-1", "call-2") == {"call-1": "duplicate", "call-2": "found"}
    item = await item_of(tables, job, "call-1")
    assert (item["status"], item["recording_id"]) == ("duplicate", recording)
    books = await tables.books(job)
    assert (books["duplicates"], books["open"]) == (1, 1)


async def test_the_same_id_of_another_source_or_owner_is_another_call(tables: Stack, connect: Connect) -> None:
    ada, eve = await tables.person(), await tables.person()
    await add_recording(tables, await new_job(tables, ada, source="fathom"), "call-1")
    await add_recording(tables, await new_job(tables, eve), "call-1")
    await admit(await web_of(connect, eve), await new_job(tables, eve), "call-2")
    web = await web_of(connect, ada)
    assert await admit(web, await new_job(tables, ada), "call-1", "call-2") == {
        "call-1": "found", "call-2": "found",
    }  # fmt: skip


async def test_a_call_that_another_job_works_on_is_joined_and_has_no_ticket_of_its_own(
    tables: Stack, connect: Connect
) -> None:
    ada = await tables.person()
    first, second = await new_job(tables, ada), await new_job(tables, ada)
    web = await web_of(connect, ada)
    await admit(web, first, "call-1")
    assert await admit(web, second, "call-1") == {"call-1": "joined"}
    item = await item_of(tables, second, "call-1")
    assert (item["status"], item["ticketed_at"]) == ("found", None)
    assert (await tables.books(second))["open"] == 1


async def test_ten_at_once_make_one_found_and_nine_joined(tables: Stack, connect: Connect) -> None:
    ada = await tables.person()
    jobs = [await new_job(tables, ada) for _ in range(10)]
    sessions = [await web_of(connect, ada) for _ in jobs]
    answers = await asyncio.gather(
        *(admit(web, job, "call-1", "call-2") for web, job in zip(sessions, jobs, strict=True))
    )
    for call in ("call-1", "call-2"):
        assert Counter(answer[call] for answer in answers) == {"found": 1, "joined": 9}
    assert [(await tables.books(job))["open"] for job in jobs] == [2] * 10


async def test_a_resighting_behind_the_cursor_makes_no_item_and_is_not_counted(
    tables: Stack, connect: Connect
) -> None:
    ada, account = await tables.person(), uuid4()
    web = await web_of(connect, ada)
    earlier = await new_job(tables, ada, account=account)
    await admit(web, earlier, "open", "failed", "imported", "not-ready", "cancelled", last=True)
    await end(tables, earlier, "failed", "failed")
    await end(tables, earlier, "imported", "imported")
    await end(tables, earlier, "not-ready", "skipped", code="not_ready")
    await end(tables, earlier, "cancelled", "skipped", code="cancelled")
    names = ("open", "failed", "imported", "not-ready", "cancelled", "new")
    seen = [{"external_id": one, "behind_cursor": True} for one in names]
    job = await new_job(tables, ada, account=account)
    assert await admit(web, job, *seen, last=True) == {
        "open": "seen", "failed": "seen", "imported": "seen", "not-ready": "seen", "cancelled": "found",
        "new": "found",
    }  # fmt: skip
    assert (await tables.books(job))["found"] == 2
    assert (await tables.books(job))["seen"] == 4
    other = await new_job(tables, ada, account=uuid4())
    assert await admit(web, other, *seen[:3]) == {"open": "joined", "failed": "found", "imported": "seen"}
    ahead = await new_job(tables, ada, account=account)
    assert await admit(web, ahead, "failed", "imported") == {"failed": "joined", "imported": "duplicate"}


async def test_discovery_ends_once_and_the_version_rises_with_every_page(
    tables: Stack, connect: Connect
) -> None:
    ada = await tables.person()
    job, web = await new_job(tables, ada), await web_of(connect, ada)
    await admit(web, job, "call-1")
    assert (await tables.books(job))["discovery_ended_at"] is None
    await admit(web, job, last=True)
    ended = await tables.books(job)
    assert ended["discovery_ended_at"] is not None
    await admit(web, job, "call-2", last=True)
    again = await tables.books(job)
    assert again["discovery_ended_at"] == ended["discovery_ended_at"]
    assert (ended["version"], again["version"]) == (3, 4)
    assert again["started_at"] == ended["started_at"]


FAIL = "UPDATE sync_job_items SET status = 'failed', code = 'no_speech', ended_at = now() WHERE id = $1"
BLOCKED = "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'"


async def test_an_admission_that_meets_the_recorders_two_steps_waits_for_it(
    tables: Stack, connect: Connect, admin: Session
) -> None:
    """It ends an item first and then those that wait for it, whichever has the lower id."""
    ada = await tables.person()
    jobs, web = [await new_job(tables, ada) for _ in range(3)], await web_of(connect, ada)
    first, waiting = UUID(int=2**127), UUID(int=2**64)
    await admit(web, jobs[0], {"external_id": "call-1", "id": str(first)})
    await admit(web, jobs[1], {"external_id": "call-1", "id": str(waiting)})
    recorder = await connect("callvault_recorder")

    async def blocked() -> bool:
        return await admin.fetchval(BLOCKED, tables.database)

    await recorder.execute("BEGIN")
    await recorder.execute(FAIL, first)
    admitted = asyncio.create_task(admit(web, jobs[2], "call-1"))
    await eventually(blocked)
    await recorder.execute(FAIL, waiting)
    await recorder.execute("COMMIT")
    assert await admitted == {"call-1": "found"}  # nobody works on it any more


async def test_an_id_that_is_none_enters_nothing_of_its_page(tables: Stack, connect: Connect) -> None:
    ada = await tables.person()
    job, web = await new_job(tables, ada), await web_of(connect, ada)
    for bad in ("", "x" * 513):
        try:
            await admit(web, job, "call-1", bad)
        except Exception as error:
            assert "check constraint" in str(error)  # noqa: PT017  either of two errors
    assert (await tables.books(job))["found"] == 0
