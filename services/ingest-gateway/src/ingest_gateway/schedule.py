"""The schedule: syncs that are due, items worth another look, deliveries that waited; and what grows old."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import structlog
from sqlalchemy import Row

from ingest_gateway.manifests import Manifests
from ingest_gateway.messages import fetch_requested
from ingest_gateway.problems import DATABASE_AWAY
from ingest_gateway.queries import schedule as queries
from pipeline_contracts import FetchRequested
from pipeline_runtime.outbox import Relay, Transaction

TICK_SECONDS = 2.0
TIDY_SECONDS = 60.0
CHECKED_DAYS = timedelta(days=3)
"""How far back the nightly check goes: late and edited calls fall behind the cursor."""

log = structlog.get_logger()


class Schedule:
    """One loop in each gateway. `every` is about how often an account is synced."""

    def __init__(self, relay: Relay, manifests: Manifests, every: timedelta) -> None:
        self._relay = relay
        self._manifests = manifests
        self._every = every
        self._bell = asyncio.Event()

    def ring(self) -> None:
        """Something may be due now."""
        self._bell.set()

    async def run(self) -> None:
        """Look until cancelled."""
        clock = asyncio.get_running_loop().time
        tidy_at = clock()
        while True:
            await self._guarded(self.round)
            if clock() >= tidy_at:
                await self._guarded(self.tidy)
                tidy_at = clock() + TIDY_SECONDS
            await self._pause()

    async def round(self) -> None:
        """Take what is due, of the sources whose connectors run; the others' turn comes when they do."""
        if sources := self._manifests.running():
            await self._sync(sources)
            await self._revisit(sources)
            await self._replay_held(sources)

    async def tidy(self) -> None:
        """Expire, erase, forget."""
        async with self._relay.transaction() as transaction:
            done = await queries.tidy(transaction.connection)
        if any(done.values()):
            log.info("schedule.tidied", **done)

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(TICK_SECONDS * random.uniform(0.8, 1.2)):  # noqa: S311 - jitter
                await self._bell.wait()
        except TimeoutError:
            return
        self._bell.clear()

    async def _guarded(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except DATABASE_AWAY as error:
            log.warning("schedule.postponed", error=type(error).__name__)
        except Exception:
            log.exception("schedule.failed")

    async def _sync(self, sources: list[str]) -> None:
        async with self._relay.transaction() as transaction:
            for account in await queries.find_due_accounts(transaction.connection, sources=sources):
                await self._sync_one(transaction, account)

    async def _sync_one(self, transaction: Transaction, account: Row[tuple[object, ...]]) -> None:
        """An hourly sync goes on from the cursor; once a day the last days are gone through instead."""
        job, source = uuid4(), account.source_app
        since = datetime.now(UTC) - CHECKED_DAYS if account.wants_check else None
        request = {"check": True, "window_from": since.isoformat()} if since else {}
        is_new = await queries.add_job(
            transaction.connection, job=job, owner=account.user_id, source=source, account=account.id,
            trigger="schedule", request=request,
        )  # fmt: skip
        await queries.set_next_sync(
            transaction.connection,
            account=account.id,
            every=self._every,
            is_checked=is_new and since is not None,
        )
        if is_new:
            message = FetchRequested(
                job_id=job,
                account_id=account.id,
                trigger="schedule",
                window_from=since,
                options=account.options,
            )
            transaction.emit(fetch_requested(message, source=source, key=account.id, fact=f"sync.{job}"))
            log.info("sync.due", source=source, account=str(account.id), job=str(job), check=since is not None)

    async def _revisit(self, sources: list[str]) -> None:
        """A job of one item for each: the job that skipped it has ended."""
        async with self._relay.transaction() as transaction:
            for item in await queries.take_revisits(transaction.connection, sources=sources):
                job, owner = uuid4(), item.owner_user_id
                await queries.add_job(
                    transaction.connection, job=job, owner=owner, source=item.source_app,
                    account=item.account_id, trigger="retry", request={"revisit": str(item.id)},
                )  # fmt: skip
                message = FetchRequested(
                    job_id=job, account_id=item.account_id, trigger="retry", item_ids=(item.id,)
                )
                key: UUID = item.account_id or owner
                transaction.emit(
                    fetch_requested(message, source=item.source_app, key=key, fact=f"revisit.{job}")
                )
                log.info("item.revisited", source=item.source_app, item=str(item.id), job=str(job))

    async def _replay_held(self, sources: list[str]) -> None:
        async with self._relay.transaction() as transaction:
            for held in await queries.take_held(transaction.connection, sources=sources):
                message = FetchRequested(account_id=held.account_id, trigger="webhook", inbox_id=held.inbox_id)
                fact = f"held.{held.inbox_id}.{held.account_id}"
                transaction.emit(
                    fetch_requested(message, source=held.source_app, key=held.account_id, fact=fact)
                )
