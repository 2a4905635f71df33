"""The workers: take a task under a lease, do it, say what came of it. Live items before backfill.

One worker takes live items alone, so that no backlog ever holds today's call. A task is taken and
kept only while its account stands: not paused, and not disconnected since (`generation`).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import structlog
from aiokafka.errors import MessageSizeTooLargeError
from sqlalchemy.exc import SQLAlchemyError

from pipeline_contracts import IMPORT_AUDIO, Encoded
from pipeline_runtime import metrics
from pipeline_runtime.connectors import fetching, listing
from pipeline_runtime.connectors.admission import Stopped
from pipeline_runtime.connectors.kit import Kit
from pipeline_runtime.connectors.refreshing import ReconnectNeeded
from pipeline_runtime.database import is_away
from pipeline_runtime.failures import (
    INTERNAL_ERROR,
    SOURCE_RATE_LIMITED,
    TRANSCRIPT_TOO_LARGE,
    ItemProblem,
    Transient,
)
from pipeline_runtime.tasks import Bell, LeaseLost, Task, Worker

TRIES = 6
LONGEST_WAIT = 3600.0
_RUNG_WITHIN = timedelta(seconds=60)
"""Who waits for longer than that is found by the bell's own poll."""
_PAUSE = 1.0
_COUNTED_EVERY = 10.0
_STANDS = """(t.account_id IS NULL OR EXISTS (
    SELECT FROM import_sources s WHERE s.id = t.account_id AND s.status IN ('active', 'error')
      AND s.generation = CAST(t.payload ->> 'generation' AS integer)))"""

Work = Callable[[Worker, Task], Awaitable[str]]
log = structlog.get_logger()


class Workers:
    """All workers of a process: one that lists, one for live items, the others for any."""

    def __init__(self, kit: Kit, bells: dict[str, Bell]) -> None:
        self._kit = kit
        self._bells = bells
        lease = kit.times.lease
        self._listers = [Worker(kit.engine, kit.listing, lease=lease, rule=_STANDS) for _ in range(2)]
        live = Worker(kit.engine, kit.fetching, lease=lease, rule=f"t.priority = 0 AND {_STANDS}")
        count = kit.settings.connector_workers - 1
        others = [Worker(kit.engine, kit.fetching, lease=lease, rule=_STANDS) for _ in range(count)]
        self._fetchers = [live, *others]

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for worker in self._listers:
                group.create_task(self._work_on(worker, self._list))
            for worker in self._fetchers:
                group.create_task(self._work_on(worker, self._fetch))
            group.create_task(self._count())

    async def _work_on(self, worker: Worker, work: Work) -> None:
        while True:
            task = await self._claim(worker)
            if task is None:
                await self._bells[worker.kind].wait()
            else:
                self._bells[worker.kind].ring()  # there may be more for the others
                await self._do(worker, task, work)

    async def _claim(self, worker: Worker) -> Task | None:
        try:
            return await worker.claim()
        except (SQLAlchemyError, OSError) as error:
            log.warning("task.not_claimed", error=type(error).__name__)
            await asyncio.sleep(_PAUSE)
            return None

    async def _do(self, worker: Worker, task: Task, work: Work) -> None:
        """One try, whatever comes of it."""
        names = {"job": str(task.job_id), "item": str(task.item_id), "attempt": task.attempt}
        with structlog.contextvars.bound_contextvars(**names):
            outcome = "interrupted"
            try:
                async with worker.holding(task):
                    outcome = await work(worker, task)
            except LeaseLost:
                outcome = "lease_lost"
            except asyncio.CancelledError:
                await self._put_back(worker, task, timedelta(0))
                raise
            except Exception:
                log.exception("task.interrupted")
                await self._put_back(worker, task, self._wait_before(task))
            finally:
                metrics.TASKS_ENDED.labels(worker.kind, outcome).inc()
                log.info("task.ended", outcome=outcome, tries=task.tries)

    async def _list(self, worker: Worker, task: Task) -> str:
        """One listing: `listed`, `later`, `stopped` or `failed`."""
        found = await listing.begin(self._kit, task)
        try:
            if found is not None:
                await found.run()
        except Stopped:
            await worker.done(task)
            return "stopped"
        except Exception as error:
            if _may_pass(error, task):
                raise
            problem = await self._problem(task, error)
            if (waiting := await self._later(worker, task, problem)) is not None:
                return waiting
            await listing.give_up(self._kit, task, problem)
            await worker.done(task)
            return "failed"
        await worker.done(task)
        return "listed"

    async def _fetch(self, worker: Worker, task: Task) -> str:
        """One call: `sent`, `handed_on` (its sound is the transcriber's now), `later` or `failed`."""
        outcome, handed_on = "sent", False
        try:
            message = await fetching.fetch(self._kit, task)
            handed_on = message.topic == IMPORT_AUDIO.name
        except Exception as error:
            if _may_pass(error, task):
                raise
            problem = await self._problem(task, error)
            if (waiting := await self._later(worker, task, problem)) is not None:
                return waiting
            log.warning("task.failed", code=problem.code)
            message, outcome = self._kit.messages.failed(task, problem), "failed"
        await self._send(message, task)
        with suppress(LeaseLost):  # the recorder was quicker: the item has ended, the row is gone
            await (worker.done(task) if handed_on else worker.sent(task))
        return "handed_on" if handed_on else outcome

    async def _problem(self, task: Task, error: Exception) -> ItemProblem:
        """What went wrong, as a problem; a lost consent is told on the card, too."""
        if isinstance(error, ReconnectNeeded) and task.account_id is not None:
            await self._kit.accounts.lost(task.account_id, int(task.payload["generation"]))
        if isinstance(error, ItemProblem):
            return error
        log.exception("task.bug", exc_info=error)
        return Transient(INTERNAL_ERROR)

    async def _later(self, worker: Worker, task: Task, problem: ItemProblem) -> str | None:
        """Put it back where another try is worth it; None where this was the last."""
        limited = problem.code == SOURCE_RATE_LIMITED.code
        if not isinstance(problem, Transient) or (task.tries >= TRIES and not limited):
            return None
        wait = self._wait_before(task, problem.retry_after)
        log.info("task.later", code=problem.code, seconds=wait.total_seconds())
        await worker.later(task, wait, counted=not limited)
        self._ring_after(worker, wait)
        if task.item_id is not None:
            with suppress(Exception):  # nobody waits for it
                await self._kit.publisher.send(self._kit.messages.waiting(task, datetime.now(UTC) + wait))
        return "later"

    async def _send(self, message: Encoded, task: Task) -> None:
        """Until Kafka has it; only a lost lease ends the trying."""
        while True:
            try:
                await self._kit.publisher.send(message)
            except MessageSizeTooLargeError:
                message = self._kit.messages.failed(task, ItemProblem(TRANSCRIPT_TOO_LARGE))
            except Exception as error:
                log.warning("result.not_sent", error=type(error).__name__)
                await asyncio.sleep(_PAUSE)
            else:
                return

    async def _put_back(self, worker: Worker, task: Task, wait: timedelta) -> None:
        try:
            async with asyncio.timeout(3):
                await worker.later(task, wait)
        except Exception as error:
            log.warning("task.not_put_back", error=type(error).__name__)
        else:
            self._ring_after(worker, wait)

    def _wait_before(self, task: Task, asked: float | None = None) -> timedelta:
        return timedelta(seconds=wait_before(task.tries, asked, self._kit.settings.connector_retry_seconds))

    def _ring_after(self, worker: Worker, wait: timedelta) -> None:
        """So that it is taken when its time has come, and not at the bell's next poll."""
        if wait < _RUNG_WITHIN:
            asyncio.get_running_loop().call_later(wait.total_seconds(), self._bells[worker.kind].ring)

    async def _count(self) -> None:
        while True:
            try:
                for worker in (self._listers[0], self._fetchers[-1]):
                    metrics.TASKS_WAITING.labels(worker.kind).set(await worker.waiting())
            except (SQLAlchemyError, OSError) as error:
                log.warning("tasks.not_counted", error=type(error).__name__)
            await asyncio.sleep(_COUNTED_EVERY)


def _may_pass(error: Exception, task: Task) -> bool:
    """A database that is away is waited for; one that refuses again and again will refuse for ever."""
    return isinstance(error, SQLAlchemyError) and (is_away(error) or task.tries < TRIES)


def wait_before(tries: int, asked: float | None, first: float) -> float:
    """Seconds until the next try: twice as long each time, with jitter, and never before the source wants."""
    own = first * 2.0 ** min(max(tries - 1, 0), 8) * random.uniform(1.0, 1.5)  # noqa: S311  no secret
    return min(max(own, (asked or 0.0) * random.uniform(1.0, 1.1)), max(LONGEST_WAIT, asked or 0.0))  # noqa: S311
