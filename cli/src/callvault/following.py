"""Following jobs to their end by the event stream, which may be cut, and by asking."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Collection

from pydantic import ValidationError

from callvault.errors import CallvaultError
from callvault.gateway import Gateway, Job
from pipeline_contracts import ImportActivity

_LOOK_SECONDS = 10.0
_RECONNECT_SECONDS = 1.0
_PATIENCE_SECONDS = 120.0
"""How long a gateway may be away, being started again, before we give up."""

_PASSING = {"not_reachable", "not_ready", "gateway_failed", "service_unavailable"}

OnActivity = Callable[[ImportActivity], None]
OnEnded = Callable[[Job], None]


async def follow(
    gateway: Gateway, jobs: Collection[str], *, on_activity: OnActivity, on_ended: OnEnded
) -> None:
    """Return when all jobs have ended; each is handed over once, as the gateway answers it then.

    An event only says that it is time to look: the truth is asked for. Without events it is looked
    every ten seconds. Raises `not_reachable` when the gateway stays away.
    """
    wanted = set(jobs)
    hints: asyncio.Queue[str] = asyncio.Queue()
    listener = asyncio.create_task(_listen(gateway, frozenset(wanted), hints, on_activity))
    try:
        patience = _Patience()
        look_at = set(wanted)
        while wanted:
            for job_id in sorted(look_at & wanted):
                job = await patience.ask(gateway, job_id)
                if job and job.ended_at:
                    wanted.discard(job_id)
                    on_ended(job)
            look_at = await _next_hints(hints, wanted) if wanted else set()
    finally:
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)


async def _next_hints(hints: asyncio.Queue[str], wanted: set[str]) -> set[str]:
    """The jobs of which something was heard; all when nothing was for a while."""
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            heard = {await hints.get()}
    except TimeoutError:
        return set(wanted)
    while not hints.empty():
        heard.add(hints.get_nowait())
    return heard


class _Patience:
    """Asks for jobs, and bears with a gateway that is away for a while."""

    def __init__(self) -> None:
        self._last_answer = time.monotonic()

    async def ask(self, gateway: Gateway, job_id: str) -> Job | None:
        try:
            job = await gateway.job(job_id)
        except CallvaultError as error:
            if error.code not in _PASSING or time.monotonic() - self._last_answer > _PATIENCE_SECONDS:
                raise
            return None
        self._last_answer = time.monotonic()
        return job


async def _listen(
    gateway: Gateway, jobs: frozenset[str], hints: asyncio.Queue[str], on_activity: OnActivity
) -> None:
    """Read the stream for ever. After a cut the next snapshot says what was missed."""
    while True:
        with contextlib.suppress(CallvaultError):
            async for event in gateway.events():
                _read(event.event, event.data, jobs, hints, on_activity)
        await asyncio.sleep(_RECONNECT_SECONDS)


def _read(
    kind: str, data: str, jobs: frozenset[str], hints: asyncio.Queue[str], on_activity: OnActivity
) -> None:
    if kind == "activity":
        with contextlib.suppress(ValidationError):
            activity = ImportActivity.model_validate_json(data)
            if str(activity.job_id) in jobs:
                on_activity(activity)
        return
    for job_id in _ended_jobs(kind, data):
        if job_id in jobs:
            hints.put_nowait(job_id)


def _ended_jobs(kind: str, data: str) -> list[str]:
    """The jobs that an event says are over; none where the event cannot be read."""
    try:
        content = json.loads(data)
        if kind == "progress":
            content = {"jobs": [content | {"id": content["job_id"]}]}
        if kind not in ("progress", "snapshot"):
            return []
        return [job["id"] for job in content["jobs"] if job["status"] not in ("queued", "running")]
    except (ValueError, KeyError, TypeError):
        return []
