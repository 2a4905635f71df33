"""The month's limit: used and open calls together never exceed it."""

from __future__ import annotations

import asyncio
from collections import Counter

from tests.support.database import Connect
from tests.support.ledger import admit, end, item_of, new_job, web_of
from tests.support.stack import Stack

LIMIT = 10  # of the plan `free`


async def test_used_and_open_calls_together_reach_the_limit(tables: Stack, connect: Connect) -> None:
    ada = await tables.person("free")
    job, web = await new_job(tables, ada), await web_of(connect, ada)
    await admit(web, job, *(f"old-{n}" for n in range(7)))
    for n in range(4):
        await end(tables, job, f"old-{n}", "imported")
    answer = await admit(web, job, "a", "b", "c", "d", "e")  # 4 used, 3 open
    assert Counter(answer.values()) == {"found": 3, "quota_exceeded": 2}
    full = next(call for call, outcome in answer.items() if outcome == "quota_exceeded")
    item = await item_of(tables, job, full)
    assert (item["status"], item["code"], item["retryable"], item["retry_at"]) == (
        "failed",
        "quota_exceeded",
        True,
        None,
    )
    assert "used up" in item["message"]
    assert item["ended_at"] is not None
    books = await tables.books(job)
    assert (books["found"], books["failed"], books["open"]) == (12, 2, 6)


async def test_a_failed_call_gives_its_room_back_and_a_duplicate_takes_none(
    tables: Stack, connect: Connect
) -> None:
    ada = await tables.person("free")
    job, web = await new_job(tables, ada), await web_of(connect, ada)
    await admit(web, job, *(f"old-{n}" for n in range(LIMIT)))
    await end(tables, job, "old-0", "imported")
    await end(tables, job, "old-1", "failed")
    other = await new_job(tables, ada)
    assert await admit(web, other, "old-0", "new-1", "new-2") == {
        "old-0": "duplicate", "new-1": "found", "new-2": "quota_exceeded",
    }  # fmt: skip


async def test_the_newest_calls_come_first(tables: Stack, connect: Connect) -> None:
    ada = await tables.person("free")
    job, web = await new_job(tables, ada), await web_of(connect, ada)
    await admit(web, job, *(f"old-{n}" for n in range(LIMIT - 2)))
    page = [
        {"external_id": "undated"},
        {"external_id": "last-year", "started_at": "2025-01-01T10:00:00Z"},
        {"external_id": "today", "started_at": "2026-11-20T09:00:00+09:00"},
        {"external_id": "yesterday", "started_at": "2026-11-19T10:00:00Z"},
    ]
    answer = await admit(web, job, *page)
    assert {call for call, outcome in answer.items() if outcome == "found"} == {"today", "yesterday"}


async def test_a_joined_call_takes_no_room(tables: Stack, connect: Connect) -> None:
    ada = await tables.person("free")
    first, second, web = await new_job(tables, ada), await new_job(tables, ada), await web_of(connect, ada)
    calls = [f"call-{n}" for n in range(LIMIT)]
    await admit(web, first, *calls)
    assert set((await admit(web, second, *calls, "one-more")).values()) == {"joined", "quota_exceeded"}
    for call in calls:
        await end(tables, first, call, "failed")
    third = await new_job(tables, ada)
    assert await admit(web, third, "one-more") == {
        "one-more": "quota_exceeded"
    }  # the second job's are still open


async def test_an_unlimited_plan_and_last_months_usage_know_no_bounds(tables: Stack, connect: Connect) -> None:
    ada, eve = await tables.person("unlimited"), await tables.person("free")
    many = [f"call-{n}" for n in range(50)]
    answer = await admit(await web_of(connect, ada), await new_job(tables, ada), *many)
    assert set(answer.values()) == {"found"}
    await tables.owner.execute(
        "INSERT INTO import_usage VALUES ($1, (this_month() - interval '1 month')::date, 10)", eve.id
    )
    answer = await admit(await web_of(connect, eve), await new_job(tables, eve), *many[:LIMIT])
    assert set(answer.values()) == {"found"}


async def test_ten_admissions_at_once_never_exceed_the_limit(tables: Stack, connect: Connect) -> None:
    ada = await tables.person("free")
    jobs = [await new_job(tables, ada) for _ in range(10)]
    sessions = [await web_of(connect, ada) for _ in jobs]
    pages = [[f"call-{n}-{k}" for k in range(3)] + ["the-same"] for n in range(10)]
    answers = await asyncio.gather(
        *(admit(web, job, *page) for web, job, page in zip(sessions, jobs, pages, strict=True))
    )
    assert Counter(outcome for answer in answers for outcome in answer.values())["found"] == LIMIT
    open_calls = await tables.owner.fetchval(
        "SELECT count(DISTINCT external_id) FROM sync_job_items WHERE status = 'found'"
    )
    assert open_calls == LIMIT
    for job in jobs:
        assert (await tables.books(job))["found"] == 4
