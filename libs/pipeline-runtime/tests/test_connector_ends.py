"""The connector kit where something lasts, is refused for good, or comes back: on its tables, with a provider of
the tests' own."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from structlog.testing import capture_logs
from tests.support.eventually import eventually
from tests.support.kit import TICKET, Bench
from tests.support.ledger import admit, end, item_of

from pipeline_contracts import FetchRequested
from pipeline_runtime.connectors import Http, Page, Window, connecting, resuming, stopping
from pipeline_runtime.connectors.refreshing import ReconnectNeeded
from pipeline_runtime.connectors.resuming import Resumption
from pipeline_runtime.connectors.values import Account, Item
from pipeline_runtime.connectors.workers import TRIES, Workers
from pipeline_runtime.failures import SOURCE_UNAVAILABLE, Transient
from pipeline_runtime.tasks import POLL_SECONDS, Bell, Worker

REFUSAL = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'never'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON sync_job_items FOR EACH ROW EXECUTE FUNCTION refuse();
"""


async def one_call(http: Http, window: Window) -> Any:
    yield Page([Item(external_id="call", title="A call")])


async def test_a_listing_that_the_database_refuses_again_and_again_ends_and_says_so(bench: Bench) -> None:
    await bench.stack.owner.execute(REFUSAL)
    kit = replace(bench.kit, connector=replace(bench.kit.connector, pages=one_call))
    account = await bench.account(await bench.stack.person())
    job = await bench.job(account)
    await bench.hand(FetchRequested(job_id=job, account_id=account, trigger="manual"))
    worker, workers = Worker(kit.engine, kit.listing), Workers(kit, {kit.listing: Bell("", kit.listing)})
    for _ in range(TRIES):
        await bench.stack.owner.execute("UPDATE tasks SET not_before = now()")
        task = await worker.claim()
        assert task is not None
        with capture_logs():  # tracebacks for people take seconds
            await workers._do(worker, task, workers._list)
    assert await bench.stack.owner.fetchval("SELECT count(*) FROM tasks") == 0
    row = await bench.stack.owner.fetchrow("SELECT * FROM sync_jobs WHERE id = $1", job)
    assert row is not None
    assert (row["code"], row["discovery_ended_at"] is not None) == ("internal_error", True)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, {"error": "invalid_client"}),
        (400, {"error": "unauthorized_client"}),
        (400, {"error": "unsupported_grant_type"}),
        (401, None),
        (403, None),
    ],
)
async def test_a_client_that_is_refused_is_not_the_users_consent_gone(
    bench: Bench, status: int, body: Any
) -> None:
    account = await bench.account(await bench.stack.person())
    await bench.secret(account, access_token="a", refresh_token="r")
    bench.answer = lambda _: httpx.Response(status, json=body) if body else httpx.Response(status, text="<p>")
    stale = await bench.kit.refresher.current(account)
    for _ in range(2):  # the lease is given back, as nothing was spent
        with pytest.raises(Transient) as raised:
            await bench.kit.refresher.renewed(stale)
        assert raised.value.code == "client_refused"
    row = await bench.stack.owner.fetchrow("SELECT * FROM source_credentials")
    assert row is not None
    assert row["spent_at"] is None
    assert (await bench.row(account))["status"] == "active"


@pytest.mark.parametrize("body", [{"error": "invalid_grant"}, {"error": "what_is_this"}, ["x"], None])
async def test_a_refused_grant_is_one_by_its_word_or_by_its_status(bench: Bench, body: Any) -> None:
    account = await bench.account(await bench.stack.person())
    await bench.secret(account, access_token="a", refresh_token="r")
    await bench.stack.owner.execute("UPDATE source_credentials SET spent_at = now() - interval '1 hour'")
    bench.answer = lambda _: httpx.Response(400, json=body) if body else httpx.Response(400)
    with pytest.raises(ReconnectNeeded):
        await bench.kit.refresher.renewed(await bench.kit.refresher.current(account))


async def test_a_client_that_is_refused_when_a_user_connects_is_told_as_such(bench: Bench) -> None:
    await bench.attempt(await bench.stack.person())
    bench.answer = lambda _: httpx.Response(401, json={"error": "invalid_client"})
    assert await connecting.connect_next(bench.kit)
    assert await bench.stack.owner.fetchval("SELECT reason FROM connect_attempts") == "client_refused"


async def test_what_is_put_back_for_a_moment_is_taken_when_the_moment_is_over(bench: Bench) -> None:
    """And not only at the bell's next poll, seconds later."""
    kit, bell = bench.kit, Bell("", bench.kit.listing)
    account = await bench.account(await bench.stack.person())
    await bench.hand(FetchRequested(job_id=await bench.job(account), account_id=account, trigger="manual"))
    worker = Worker(kit.engine, kit.listing)
    task = await worker.claim()
    assert task is not None
    problem = Transient(SOURCE_UNAVAILABLE, retry_after=0.5)
    kit = replace(kit, settings=kit.settings.model_copy(update={"connector_retry_seconds": 0.1}))
    assert await Workers(kit, {kit.listing: bell})._later(worker, task, problem) == "later"
    assert await worker.claim() is None
    await asyncio.wait_for(bell._rung.wait(), POLL_SECONDS / 2)
    assert await worker.claim() is not None


async def test_a_listing_that_is_not_as_documented_is_the_sources_fault(bench: Bench) -> None:
    async def pages(http: Http, window: Window) -> Any:
        yield Page({}["items"])  # type: ignore[index]

    kit = replace(bench.kit, connector=replace(bench.kit.connector, pages=pages))
    account = await bench.account(await bench.stack.person())
    with pytest.raises(Transient) as raised:
        await bench.sync(kit, account)
    assert raised.value.code == "source_unreadable"


async def test_an_attempt_that_takes_longer_than_its_lease_is_taken_by_nobody_else(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "LEASE", timedelta(seconds=0.6))
    attempt = await bench.attempt(await bench.stack.person())
    bench.answer = lambda _: httpx.Response(200, json={"access_token": "a", "refresh_token": "r"})
    taken_by_another = []

    async def account(http: Http) -> Account:
        until = await bench.stack.owner.fetchval("SELECT now() + interval '1.5 seconds'")

        async def late() -> bool:
            return bool(await bench.stack.owner.fetchval("SELECT now() > $1", until))

        await eventually(late)
        taken_by_another.append(await connecting.connect_next(bench.kit))
        return Account("ada")

    kit = replace(bench.kit, connector=replace(bench.kit.connector, account=account))
    assert await connecting.connect_next(kit)
    assert taken_by_another == [False]
    status = await bench.stack.owner.fetchval("SELECT status FROM connect_attempts WHERE id = $1", attempt)
    assert (status, bench.asked) == ("done", ["POST /token"])


async def failed_calls(bench: Bench, account: UUID, count: int) -> UUID:
    """So many calls that failed for want of a connection."""
    job = await bench.job(account)
    names = [f"call-{n}" for n in range(count)]
    tickets = [
        {"external_id": one, "ticket": {"source_item": {"external_id": one, "title": one}}} for one in names
    ]
    await admit(bench.stack.owner, job, *tickets, last=True)
    for one in names:
        await end(bench.stack, job, one, "failed", code="reconnect_needed")
    return job


async def under_way(bench: Bench) -> int:
    return int(await bench.stack.owner.fetchval("SELECT count(*) FROM tasks WHERE kind = 'fetch:sample'"))


async def test_an_account_that_recovers_by_itself_has_its_calls_fetched(bench: Bench) -> None:
    account = await bench.account(await bench.stack.person(), status="error", reason="reconnect_needed",
                                  generation=3, options='{"loud": true}')  # fmt: skip
    await failed_calls(bench, account, 2)
    resumption = Resumption()
    await resumption.round(bench.kit)
    assert await under_way(bench) == 0  # it is still asked to reconnect
    await bench.kit.accounts.recovered(account)
    await resumption.round(bench.kit)
    assert await under_way(bench) == 2
    payload = await bench.stack.owner.fetchval("SELECT payload FROM tasks ORDER BY id LIMIT 1")
    assert '"generation": 3' in payload
    assert '"options": {"loud": true}' in payload


async def test_more_failed_calls_than_one_round_takes_are_all_fetched(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resuming, "AT_ONCE", 2)
    ada = await bench.stack.person()
    await failed_calls(bench, await bench.account(ada), 5)
    await Resumption().round(bench.kit)
    assert await under_way(bench) == 5


async def test_what_a_quota_keeps_failed_is_left_alone_for_a_while(bench: Bench) -> None:
    ada = await bench.stack.person("free")
    await failed_calls(bench, await bench.account(ada), 3)
    await bench.stack.owner.execute("UPDATE import_usage SET used = 1000000 WHERE owner_user_id = $1", ada.id)
    resumption = Resumption()
    await asyncio.wait_for(resumption.round(bench.kit), 10)
    await resumption.round(bench.kit)
    assert await under_way(bench) == 0
    assert len(resumption._left) == 3


@pytest.mark.parametrize("order", [1, -1], ids=["as they came", "the other way round"])
async def test_jobs_that_are_stopped_together_are_locked_in_the_order_of_their_ids(
    bench: Bench, order: int
) -> None:
    account = await bench.account(await bench.stack.person(), status="disconnected")
    low, high = sorted([uuid4(), uuid4()])
    for job, trigger in ((low, "webhook"), (high, "retry"))[::order]:  # in the table, and by their time
        await bench.stack.owner.execute(
            "INSERT INTO sync_jobs (id, owner_user_id, source_app, account_id, trigger) "
            "SELECT $1, user_id, source_app, id, $3 FROM import_sources WHERE id = $2", job, account, trigger,
        )  # fmt: skip
    other = await asyncpg.connect(bench.stack.url("callvault_owner"))
    lock = "SELECT id FROM sync_jobs WHERE id = $1 FOR UPDATE"
    async with other.transaction():
        await other.fetchval(lock, low)
        stopping_it = asyncio.create_task(stopping.stop_account(bench.kit, account))

        async def waits() -> bool:
            return bool(await bench.stack.owner.fetchval(
                "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) "
                "WHERE datname = current_database() AND NOT granted"
            ))  # fmt: skip

        await eventually(waits)
        await other.fetchval(f"{lock} NOWAIT", high)  # who waits for the first holds no other
    await stopping_it
    await other.close()


@pytest.mark.parametrize("known", [True, False], ids=["at a known time", "at an unknown time"])
async def test_a_reconnection_lists_again_what_a_disconnection_stopped(bench: Bench, known: bool) -> None:
    through = datetime.now(UTC)
    account = await bench.account(await bench.stack.person(), status="disconnected", synced_through=through)
    began = through - timedelta(days=9)
    job = await bench.job(account)
    item = TICKET["source_item"] | ({"started_at": began.isoformat()} if known else {})
    await admit(bench.stack.owner, job, {"external_id": "call", "ticket": {"source_item": item}}, last=True)
    await stopping.stop_account(bench.kit, account)
    assert (await item_of(bench.stack, job, "call"))["status"] == "found"  # the recorder ends it
    now_through = (await bench.row(account))["synced_through"]
    assert now_through == (began - timedelta(seconds=1) if known else None)
