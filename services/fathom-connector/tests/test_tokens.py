"""Tokens that rotate, under everything that may go wrong with them."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from tests.support.eventually import eventually
from tests.support.sources import Process, Source, World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def connected(fathom: Source, world: World, user: str = "petra") -> UUID:
    """An account after its first sync."""
    await world.heal()
    account = await fathom.connect(await fathom.stack.person(), world, user)
    await fathom.ended(await fathom.first_job(account))
    return account


async def works(fathom: Source, account: UUID) -> None:
    """Another sync goes through."""
    assert (await fathom.ended(await fathom.sync(account)))["status"] == "completed"


@asynccontextmanager
async def stopped(process: Process) -> AsyncIterator[None]:
    """It stands still, until it is told to go on, at the end at the latest."""
    process.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.signal(signal.SIGCONT)


async def number(fathom: Source, account: UUID) -> int:
    return int(
        await fathom.stack.owner.fetchval(
            "SELECT number FROM source_credentials WHERE account_id = $1", account
        )
    )


async def test_twenty_calls_at_once_with_an_expired_token_cause_one_refresh(
    fathom: Source, world: World
) -> None:
    """Nobody can read the token until twenty want to; then all send the same one, which has run out meanwhile."""
    account, owner = await connected(fathom, world), fathom.stack.owner
    await world.admin("settings", fathom={"page_size": 100})
    await world.admin("meetings", source="fathom", host="petra", copies=20)
    await world.forget_calls()
    await world.fault(on="fathom.meetings", times=1, delay=0.5)
    await world.fault(on="fathom.token", times=None, delay=0.5)
    async with fathom.running(CONNECTOR_WORKERS="20"):
        job = await fathom.sync(account)

        async def the_list_is_asked_for() -> bool:
            return bool((await world.look("faults"))["faults"][0]["fired"])

        async def twenty_wait() -> bool:
            waiting = "relation = 'source_credentials'::regclass AND NOT granted"
            return int(await owner.fetchval(f"SELECT count(*) FROM pg_locks WHERE {waiting}")) >= 20

        await eventually(the_list_is_asked_for, every=0.01)
        async with owner.transaction():
            await owner.execute("LOCK TABLE source_credentials IN ACCESS EXCLUSIVE MODE")
            await eventually(twenty_wait)
            await world.admin("tokens/expire", provider="fathom", user="petra", kind="access")
        assert (await fathom.ended(job))["imported"] == 20
    statuses = (await world.look("calls", endpoint="fathom.transcript"))["statuses"]
    assert statuses == {"fathom.transcript 401": 20, "fathom.transcript 200": 20}
    assert await world.calls("fathom.token") == 1
    assert await number(fathom, account) == 2


async def test_a_reply_cut_after_the_provider_has_committed_leaves_a_working_connection(
    fathom: Source, world: World
) -> None:
    account = await connected(fathom, world)
    await world.admin("settings", fathom={"refresh_grace": 60})
    await world.admin("tokens/expire", provider="fathom", user="petra", kind="access")
    await world.fault(on="fathom.token", times=1, cut="after_commit")
    await works(fathom, account)
    assert (await fathom.account(account))["status"] == "active"
    await works(fathom, account)


async def test_a_holder_stopped_for_longer_than_its_lease_brings_its_answer_after_all(
    fathom: Source, world: World
) -> None:
    """The answer comes while the process stands still; another one finds the token spent, and waits."""
    account = await connected(fathom, world)
    holder = fathom.connectors[0]
    await world.admin("settings", fathom={"refresh_grace": 0})
    await world.admin("tokens/expire", provider="fathom", user="petra", kind="access")
    await world.forget_calls()
    await world.fault(on="fathom.token", times=1, delay=0.8)
    first = await fathom.sync(account)

    async def the_provider_is_at_it() -> bool:
        return bool((await world.look("faults"))["faults"][0]["fired"])

    await eventually(the_provider_is_at_it)
    async with stopped(holder), fathom.running():

        async def somebody_else_was_refused() -> bool:
            return bool(
                await fathom.stack.owner.fetchval(
                    "SELECT spent_at FROM source_credentials WHERE account_id = $1", account
                )
            )

        await eventually(somebody_else_was_refused, within=60)
        holder.signal(signal.SIGCONT)
        assert (await fathom.ended(first, within=90))["status"] == "completed"
        await works(fathom, account)
    assert (await fathom.becomes(account, "active"))["reason"] is None
    assert await number(fathom, account) == 2


async def test_an_answer_that_is_lost_and_then_its_asker_stopped_for_longer_than_its_lease_leave_a_working_connection(
    fathom: Source, world: World
) -> None:
    """The provider has rotated the token and nobody knows the new one; another process tries once more."""
    account = await connected(fathom, world)
    holder = fathom.connectors[0]
    await world.admin("settings", fathom={"refresh_grace": 60})
    await world.admin("tokens/expire", provider="fathom", user="petra", kind="access")
    await world.forget_calls()
    await world.fault(on="fathom.token", times=1, cut="after_commit")
    job = await fathom.sync(account)

    async def the_answer_is_lost() -> bool:
        return bool((await world.look("faults"))["faults"][0]["fired"])

    await eventually(the_answer_is_lost, every=0.01)
    async with stopped(holder), fathom.running():
        assert (await fathom.ended(job, within=90))["status"] == "completed"
        holder.signal(signal.SIGCONT)
        await works(fathom, account)
    await works(fathom, account)  # by the one that was stopped
    assert (await fathom.becomes(account, "active"))["reason"] is None
    assert await world.calls("fathom.token") <= 3  # it may have asked once more before it was stopped


async def test_a_refused_token_asks_for_a_reconnection_only_a_lease_later(fathom: Source, world: World) -> None:
    account = await connected(fathom, world, "ines")
    await world.admin("tokens/revoke", provider="fathom", user="ines")
    job = await fathom.ended(await fathom.sync(account), within=90)
    assert (job["status"], job["code"]) == ("failed", "reconnect_needed")
    row = await fathom.becomes(account, "error")
    assert row["reason"] == "reconnect_needed"


async def test_after_a_reconnection_what_failed_for_want_of_it_is_fetched_by_itself(
    fathom: Source, world: World
) -> None:
    ada = await fathom.stack.person()
    account = await fathom.connect(ada, world, "tom")
    await fathom.ended(await fathom.first_job(account))
    await world.admin("meetings", source="fathom", host="tom", title="In between", ended_minutes_ago=1)
    await world.fault(
        on="fathom.transcript", times=1, admin=[{"path": "tokens/revoke", "body": {"provider": "fathom", "user": "tom"}}],
        answer={"status": 401, "body": {}},
    )  # fmt: skip
    job = await fathom.sync(account)
    assert (await fathom.ended(job, within=90))["failed"] == 1
    assert (await fathom.becomes(account, "error"))["reason"] == "reconnect_needed"
    assert await fathom.connect(ada, world, "tom") == account

    async def imported() -> bool:
        return (await fathom.stack.books(job))["imported"] == 1

    await eventually(imported, within=30)
    assert (await fathom.becomes(account, "active"))["reason"] is None


async def test_a_refresh_answer_without_a_refresh_token_keeps_the_stored_one(
    fathom: Source, world: World
) -> None:
    account = await connected(fathom, world)
    await world.admin("tokens/expire", provider="fathom", user="petra", kind="access")
    issued = await world.admin("tokens/issue", provider="fathom", user="petra")
    token = issued["access_token"]
    await world.fault(
        on="fathom.token", times=1, answer={"status": 200, "body": {"access_token": token, "expires_in": 3600}}
    )
    await works(fathom, account)
    await world.admin("tokens/expire", provider="fathom", user="petra", kind="access")
    await works(fathom, account)  # by the refresh token of before


async def test_no_token_and_no_key_is_ever_in_a_log(fathom: Source, world: World) -> None:
    rows = await fathom.stack.owner.fetch("SELECT secret FROM source_credentials")
    secrets = [value for row in rows for value in fathom.keys.decrypt(row["secret"]).values()]
    words = [str(value) for value in secrets if isinstance(value, str)]
    assert len(words) >= 4
    for each in fathom.connectors:
        assert not [word for word in words if word in each.said()]
        assert "sandbox-secret" not in each.said()


async def test_the_books_of_every_job_balance(fathom: Source, world: World) -> None:
    jobs = await fathom.stack.owner.fetch("SELECT id FROM sync_jobs")
    for job in jobs:
        await fathom.stack.books(job["id"])
