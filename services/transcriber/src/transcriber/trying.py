"""Tries: how often a task is tried, how long it waits in between, and what any error means for it."""

from __future__ import annotations

import random
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from pipeline_runtime.failures import ENGINE_RATE_LIMITED, INTERNAL_ERROR, ItemProblem, Problem, Transient
from pipeline_runtime.tasks import LeaseLost, Task

TRIES = 5
"""Of a recording, and of a part that is all of it, with waits of 3, 6, 12, 24 seconds and up to half more."""
PATIENT_TRIES = 8
"""Of one part among others, whose words would be lost for nothing: that makes six minutes and more."""
BUSY_TRIES = 20
"""Of a part that an engine has no room for: all of them wait, and each gets its turn."""
STARTS = 25
"""How often a task may be begun: one that kills its worker each time must not do so for ever."""
FIRST_WAIT = 3.0
LONGEST_WAIT = 3600.0

Result = TypeVar("Result")
log = structlog.get_logger()


@dataclass(frozen=True)
class Ended:
    """How a try at a task ended, and in how many seconds there is another one, if there is."""

    how: str
    again_in: float | None = None


def check_starts(task: Task) -> None:
    """Raises internal_error for a task that was begun too often."""
    if task.tries > STARTS:
        raise ItemProblem(INTERNAL_ERROR)


async def attempt(task: Task, work: Awaitable[Result], *, tries: int = TRIES) -> Result | ItemProblem:
    """The result, or the problem with it, which is Transient where it shall be tried again.

    Raises SQLAlchemyError and LeaseLost: those are no problem of the recording's.
    """
    try:
        return await work
    except (SQLAlchemyError, LeaseLost):
        raise
    except ItemProblem as problem:
        found = problem
    except Exception:
        log.exception("task.bug")
        found = Transient(INTERNAL_ERROR)
    if not isinstance(found, Transient) or task.tries < _most(found, tries):
        return found
    return ItemProblem(Problem(found.code, found.message, found.retryable))


def _most(problem: Transient, tries: int) -> int:
    return BUSY_TRIES if problem.code == ENGINE_RATE_LIMITED.code else tries


def wait_before(tries: int, asked: float | None) -> float:
    """Seconds until the next try: twice as long each time, with jitter, and never before the engine wants."""
    own = FIRST_WAIT * 2.0 ** min(tries - 1, 6) * random.uniform(1.0, 1.5)  # noqa: S311  no secret
    return min(max(own, asked or 0.0), LONGEST_WAIT)
