"""The workers that check whole uploads: tasks under a lease, so that another replica goes on."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from ingest_gateway.queries import incoming
from ingest_gateway.queries.incoming import KIND
from ingest_gateway.resumable.checking import Checking
from pipeline_runtime import metrics
from pipeline_runtime.database import is_away, speaking_for
from pipeline_runtime.failures import DAMAGED_FILE, FILE_MISSING, INTERNAL_ERROR, ItemProblem, Problem
from pipeline_runtime.tasks import Bell, LeaseLost, Task, Worker

WORKERS = 2
LEASE = timedelta(seconds=10)
BEGUN_AT_MOST = 10
"""A file that kills whoever looks into it must not do so for ever."""
MISSED_AT_MOST = 40
"""How often replicas may look for bytes that they do not have, before they count as lost."""
LONGEST_WAIT = 60.0
_PAUSE = 1.0
_COUNTED_EVERY = 10.0

log = structlog.get_logger()


class Checks:
    """Some workers side by side in one process."""

    def __init__(self, intake: AsyncEngine, checking: Checking, bell: Bell, lease: timedelta = LEASE) -> None:
        self._checking = checking
        self._bell = bell
        self._workers = [Worker(intake, KIND, lease=lease) for _ in range(WORKERS)]

    async def run(self) -> None:
        """Work until cancelled. What is under way then is put back, for whoever comes next."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._bell.run())
            for worker in self._workers:
                group.create_task(self._work_on(worker))
            group.create_task(self._count())

    async def _work_on(self, worker: Worker) -> None:
        while True:
            try:
                task = await worker.claim()
            except (SQLAlchemyError, OSError) as error:
                log.warning("check.not_claimed", error=type(error).__name__)
                await asyncio.sleep(_PAUSE)
                continue
            if task is None:
                await self._bell.wait()
            else:
                await self._work(worker, task)

    async def _work(self, worker: Worker, task: Task) -> None:
        """One try, whatever comes of it."""
        name, outcome = UUID(task.payload["upload_id"]), "interrupted"
        with structlog.contextvars.bound_contextvars(upload=str(name), owner=str(task.owner_user_id)):
            try:
                async with worker.holding(task):
                    outcome = await self._check(task, name)
                    await worker.done(task)
            except LeaseLost:
                outcome = "lease_lost"
            except asyncio.CancelledError:
                await _put_back(worker, task, timedelta(0), counted=False)
                raise
            except Exception as error:
                outcome = "later"
                log.warning("check.later", error=type(error).__name__, exc_info=not _passes(error))
                await _put_back(worker, task, _wait(task.tries), counted=not _passes(error))
            finally:
                metrics.TASKS_ENDED.labels(KIND, outcome).inc()
                log.info("check.ended", outcome=outcome, tries=task.tries)

    async def _check(self, task: Task, name: UUID) -> str:
        if task.tries > BEGUN_AT_MOST and self._is_here(name):
            return await self._give_up(task, name, DAMAGED_FILE)
        try:
            return await self._checking.check(name, task.owner_user_id)
        except FileNotFoundError:
            if task.tries < MISSED_AT_MOST:
                raise
            return await self._give_up(task, name, FILE_MISSING)
        except (OSError, SQLAlchemyError):
            raise
        except Exception:
            if task.tries < BEGUN_AT_MOST:
                raise
            log.exception("check.bug")
            return await self._give_up(task, name, INTERNAL_ERROR)

    def _is_here(self, name: UUID) -> bool:
        return self._checking.storage.partial(name).exists()

    async def _give_up(self, task: Task, name: UUID, problem: Problem) -> str:
        async with speaking_for(self._checking.web, task.owner_user_id) as connection:
            found = await incoming.find_incoming(connection, upload=name)
        if found is None or found.state != "checking":
            return "decided before"
        return await self._checking.refuse(found, ItemProblem(problem))

    async def _count(self) -> None:
        while True:
            with suppress(SQLAlchemyError, OSError):
                metrics.TASKS_WAITING.labels(KIND).set(await self._workers[0].waiting())
            await asyncio.sleep(_COUNTED_EVERY)


def _passes(error: Exception) -> bool:
    """Storage and database come back by themselves, however long it takes; the bytes are safe meanwhile."""
    return not isinstance(error, FileNotFoundError) and (isinstance(error, OSError) or is_away(error))


def _wait(tries: int) -> timedelta:
    """Twice as long each time, with jitter."""
    return timedelta(seconds=min(2.0 ** min(tries - 1, 6), LONGEST_WAIT) * random.uniform(1.0, 1.5))  # noqa: S311


async def _put_back(worker: Worker, task: Task, wait: timedelta, *, counted: bool) -> None:
    """Give the row up before its lease ends, as far as the database lets us."""
    try:
        async with asyncio.timeout(3):
            await worker.later(task, wait, counted=counted)
    except Exception as error:
        log.warning("check.not_put_back", error=type(error).__name__)
