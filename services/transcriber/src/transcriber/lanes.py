"""Lanes: some workers side by side that take tasks of one kind and do one thing with them.

A worker that dies leaves its row to the next one: the lease ends, and what was finished is in the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from pipeline_runtime import metrics
from pipeline_runtime.tasks import Bell, LeaseLost, Task, Worker
from transcriber.trying import Ended, wait_before

_PAUSE = 1.0  # seconds between tries at a database that does not answer
_COUNTED_EVERY = 10.0
_RUNG_WITHIN = 60.0  # seconds; a task that waits for longer is found by the bell's own poll

log = structlog.get_logger()


class Work(Protocol):
    """What a lane does with its tasks."""

    async def work(self, lease: Worker, task: Task) -> Ended:
        """One try at a task. Raises LeaseLost, and what puts it back for later."""


class Lane:
    """Workers, each with leases of its own, and the bell that tells them of new tasks."""

    def __init__(self, name: str, work: Work, leases: Sequence[Worker], bell: Bell) -> None:
        self._name = name
        self._work = work
        self._leases = leases
        self._bell = bell

    async def run(self) -> None:
        """Work until cancelled. Then what is under way is put back, for whoever comes next."""
        async with asyncio.TaskGroup() as group:
            for lease in self._leases:
                group.create_task(self._run(lease))

    async def _run(self, lease: Worker) -> None:
        while True:
            task = await self._claim(lease)
            if task is None:
                await self._bell.wait()
            else:
                await self._try(lease, task)

    async def _claim(self, lease: Worker) -> Task | None:
        try:
            return await lease.claim()
        except (SQLAlchemyError, OSError) as error:
            log.warning("task.not_claimed", error=type(error).__name__)
            await asyncio.sleep(_PAUSE)
            return None

    async def _try(self, lease: Worker, task: Task) -> None:
        """One try at a task, whatever comes of it."""
        with structlog.contextvars.bound_contextvars(
            job=str(task.job_id), item=str(task.item_id), owner=str(task.owner_user_id), attempt=task.attempt,
            part=task.part, lane=self._name,
        ):  # fmt: skip
            log.info("task.begun", tries=task.tries)
            ended = Ended("interrupted")
            try:
                ended = await self._work.work(lease, task)
            except LeaseLost:
                ended = Ended("lease_lost")
            except asyncio.CancelledError:
                await _put_back(lease, task, 0.0)
                raise
            except Exception as error:  # the database is away, most likely: the lease ends, or we put it back
                log.exception("task.interrupted", error=type(error).__name__)
                ended = Ended("interrupted", wait_before(task.tries, None))
                await _put_back(lease, task, ended.again_in)
            finally:
                metrics.TASKS_ENDED.labels(lease.kind, ended.how).inc()
                log.info("task.ended", outcome=ended.how)
            if ended.again_in is not None and ended.again_in < _RUNG_WITHIN:
                asyncio.get_running_loop().call_later(ended.again_in, self._bell.ring)


async def keep_counting(leases: Sequence[Worker]) -> None:
    """Tell how many tasks of each kind wait, by one worker of each, until cancelled."""
    while True:
        for lease in leases:
            try:
                metrics.TASKS_WAITING.labels(lease.kind).set(await lease.waiting())
            except (SQLAlchemyError, OSError) as error:
                log.warning("tasks.not_counted", error=type(error).__name__)
        await asyncio.sleep(_COUNTED_EVERY)


async def _put_back(lease: Worker, task: Task, seconds: float | None) -> None:
    """Give the row up before its lease ends, as far as the database lets us."""
    try:
        async with asyncio.timeout(3):
            await lease.later(task, timedelta(seconds=seconds or 0.0))
    except Exception as error:
        log.warning("task.not_put_back", error=type(error).__name__)
