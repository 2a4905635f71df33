"""Work that lasts: a ticket becomes a row, workers take rows under a lease.

Times are set and compared by the database's clock. A worker that was away for longer than its
lease finds its row changed and stops; what it made in between is refused or the same.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from pipeline_runtime import metrics

LEASE = timedelta(seconds=30)
RESEND_AFTER = timedelta(minutes=2)
"""A result that was confirmed by Kafka but ended no item in this time is made again."""
POLL_SECONDS = 5.0
CHANNEL = "callvault_tasks"

log = structlog.get_logger()

_ADD = text("""
INSERT INTO tasks (kind, job_id, item_id, part, owner_user_id, account_id, priority, attempt, payload)
SELECT :kind, i.job_id, i.id, :part, i.owner_user_id, CAST(:account AS uuid), :priority, i.attempt,
    CAST(:payload AS jsonb)
FROM sync_job_items i
WHERE i.id = :item AND i.job_id = :job AND i.attempt = :attempt AND i.status = 'found'
ON CONFLICT ON CONSTRAINT one_task_per_part DO NOTHING
RETURNING id
""")
_NOTIFY = text("SELECT pg_notify(:channel, :kind)")
_CLAIM = """
WITH running AS (
    SELECT owner_user_id, count(*) AS n FROM tasks WHERE kind = :kind AND lease_until > now() GROUP BY 1
), next AS (
    SELECT t.id FROM tasks t LEFT JOIN running r USING (owner_user_id)
    WHERE t.kind = :kind AND t.not_before <= now() AND (t.lease_until IS NULL OR t.lease_until <= now())
      AND (t.sent_at IS NULL OR t.sent_at < now() - CAST(:resend AS interval)) AND {rule}
    ORDER BY t.priority, coalesce(r.n, 0), {turn} NULLS FIRST, t.id
    LIMIT 1 FOR UPDATE OF t SKIP LOCKED
)
UPDATE tasks t SET lease_until = now() + CAST(:lease AS interval), leased_by = :worker, tries = tries + 1,
    sent_at = NULL
FROM next WHERE t.id = next.id
RETURNING t.id, t.kind, t.job_id, t.item_id, t.part, t.owner_user_id, t.attempt, t.tries, t.payload,
    t.account_id, t.priority
"""
_RENEW = """
UPDATE tasks t SET lease_until = now() + CAST(:lease AS interval)
WHERE id = :id AND leased_by = :worker AND lease_until > now() AND {rule} RETURNING id
"""
_SENT = text("""
UPDATE tasks SET sent_at = now(), lease_until = NULL, leased_by = NULL
WHERE id = :id AND leased_by = :worker RETURNING id
""")
_LATER = text("""
UPDATE tasks SET not_before = now() + CAST(:wait AS interval), lease_until = NULL, leased_by = NULL,
    tries = tries - CAST(:uncounted AS integer)
WHERE id = :id AND leased_by = :worker RETURNING id
""")
_DONE = text("DELETE FROM tasks WHERE id = :id AND leased_by = :worker RETURNING id")
_WAITING = """
SELECT count(*) FROM tasks t WHERE t.kind = :kind AND t.not_before <= now() AND t.sent_at IS NULL
    AND (t.lease_until IS NULL OR t.lease_until <= now()) AND {rule}
"""


@dataclass(frozen=True)
class Task:
    """A leased row. `tries` counts this one; `payload` is the ticket's message.

    `item_id` is None for work on a whole job; `priority` is 0 for live, 1 for backfill.
    """

    id: int
    kind: str
    job_id: UUID
    item_id: UUID | None
    part: int
    owner_user_id: UUID
    attempt: int
    tries: int
    payload: dict[str, Any]
    account_id: UUID | None = None
    priority: int = 0


class LeaseLost(Exception):
    """The row belongs to somebody else by now, or its item has ended: stop, and publish nothing."""


async def add(
    connection: AsyncConnection, *, kind: str, job: UUID, item: UUID, attempt: int, payload: dict[str, Any],
    part: int = 0, account: UUID | None = None, priority: int = 0,
) -> bool:  # fmt: skip
    """Make the row of a ticket. False where it is there already, or the item is not open at that attempt."""
    values = {"kind": kind, "job": job, "item": item, "attempt": attempt, "part": part}
    values |= {"account": account, "priority": priority}
    made = await connection.scalar(_ADD, {**values, "payload": json.dumps(payload)})
    if made is not None:
        await notify(connection, kind)
    return made is not None


async def notify(connection: AsyncConnection, kind: str) -> None:
    """Ring the bells of this kind when the transaction commits."""
    await connection.execute(_NOTIFY, {"channel": CHANNEL, "kind": kind})


class Worker:
    """One worker's hold on the tasks of a kind. Its leases carry its own id.

    `rule` is a condition on a task `t`, in SQL: others are not taken, and whoever holds one loses it.
    `turn` says, in SQL too, who comes first of owners with as many under way: the one with the least.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        kind: str,
        *,
        lease: timedelta = LEASE,
        rule: str = "true",
        turn: str = "t.id",
    ) -> None:
        self.kind = kind
        self.lease = lease
        self._engine = engine
        self._id = uuid4()
        self._gives_up: int | None = None  # the task whose row we are done with, or about to be
        self._claim = text(_CLAIM.format(rule=rule, turn=turn))
        self._renew = text(_RENEW.format(rule=rule))
        self._waiting = text(_WAITING.format(rule=rule))

    async def claim(self) -> Task | None:
        """Take the next row: live before backfill, owners with less under way first, then the oldest."""
        values = {"kind": self.kind, "worker": self._id, "lease": self.lease, "resend": RESEND_AFTER}
        async with self._engine.begin() as connection:
            row = (await connection.execute(self._claim, values)).one_or_none()
        self._gives_up = None
        if row is None:
            return None
        metrics.TASKS_TAKEN.labels(self.kind).inc()
        return Task(**row._mapping)

    async def sent(self, task: Task) -> None:
        """The result is with Kafka. Raises LeaseLost where the row is no longer ours."""
        await self._give_up(_SENT, task)

    async def later(
        self, task: Task, wait: timedelta, *, counted: bool = True, within: AsyncConnection | None = None
    ) -> None:
        """Try again after a wait; not `counted` where it was nobody's fault. Raises LeaseLost.

        `within` is the transaction that this is a part of, where it is one of another.
        """
        await self._give_up(_LATER, task, within, wait=wait, uncounted=0 if counted else 1)

    async def done(self, task: Task, *, within: AsyncConnection | None = None) -> None:
        """Remove the row: nothing of it is left to do. Raises LeaseLost where it is no longer ours."""
        await self._give_up(_DONE, task, within)

    async def waiting(self) -> int:
        """How many rows could be taken now."""
        async with self._engine.connect() as connection:
            return int(await connection.scalar(self._waiting, {"kind": self.kind}) or 0)

    @asynccontextmanager
    async def holding(self, task: Task) -> AsyncIterator[None]:
        """Renew the lease while the body works; cancel the body at two thirds of a lease not renewed.

        Raises LeaseLost in place of the cancellation.
        """
        body = asyncio.current_task()
        assert body is not None
        lost = False

        async def renew() -> None:
            nonlocal lost
            try:
                await self._renew_until_lost(task)
            finally:
                # A renewal may wait for the very transaction in which the body gives the row up.
                if not done and self._gives_up != task.id:
                    lost = True
                    body.cancel()

        done = False
        keeper = asyncio.create_task(renew())
        try:
            yield
        except asyncio.CancelledError:
            if lost and body.uncancel() == 0:
                raise LeaseLost(task.id) from None
            raise
        finally:
            done = True
            keeper.cancel()
            try:
                await asyncio.gather(keeper, return_exceptions=True)
            except asyncio.CancelledError:
                if not lost or body.uncancel() > 0:  # else the body had ended, and its row with it
                    raise

    async def _renew_until_lost(self, task: Task) -> None:
        """Return when the lease is someone else's, or could not be renewed for two thirds of its time."""
        loop = asyncio.get_running_loop()
        third = self.lease.total_seconds() / 3
        give_up = loop.time() + 2 * third
        while loop.time() < give_up:
            await asyncio.sleep(third / 2)
            begun = loop.time()
            try:
                async with asyncio.timeout_at(give_up):
                    await self._change(self._renew, task, lease=self.lease)
                give_up = begun + 2 * third
            except LeaseLost:
                return
            except Exception as error:
                log.warning("lease.not_renewed", task=task.id, error=type(error).__name__)

    async def _give_up(
        self, statement: Any, task: Task, within: AsyncConnection | None = None, **values: Any
    ) -> None:
        self._gives_up = task.id
        await self._change(statement, task, within, **values)

    async def _change(
        self, statement: Any, task: Task, within: AsyncConnection | None = None, **values: Any
    ) -> None:
        async with nullcontext(within) if within is not None else self._engine.begin() as connection:
            changed = await connection.scalar(statement, {"id": task.id, "worker": self._id, **values})
        if changed is None:
            raise LeaseLost(task.id)


class Bell:
    """Rings when a task of a kind was added: by NOTIFY, and every POLL_SECONDS in any case."""

    def __init__(self, dsn: str, kind: str) -> None:
        self._dsn = dsn
        self._kind = kind
        self._rung = asyncio.Event()

    async def wait(self) -> None:
        """Return at the next ring."""
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._rung.wait()
        except TimeoutError:
            return
        self._rung.clear()

    def ring(self) -> None:
        """Wake the waiting worker."""
        self._rung.set()

    async def run(self) -> None:
        """Listen until cancelled, over reconnections."""
        while True:
            try:
                await self._listen()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("bell.disconnected", error=type(error).__name__)
            await asyncio.sleep(1)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(self._dsn, timeout=10)
        gone = asyncio.Event()
        connection.add_termination_listener(lambda _: gone.set())
        try:
            await connection.add_listener(CHANNEL, self._on_notify)
            await gone.wait()
        finally:
            await connection.close(timeout=2)

    def _on_notify(self, _connection: Any, _pid: int, _channel: str, payload: Any) -> None:
        if payload == self._kind:
            self._rung.set()
