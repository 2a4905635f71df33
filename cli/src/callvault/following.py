"""Following jobs to their end by the event stream, which may be cut, and by asking."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Collection

from pydantic import ValidationError

from callvault.errors import CallvaultError
from callvault.gateway import Gateway, Job
from pipeline_contracts import ImportActivity, JobProgress

_LOOK_SECONDS = 10.0
_RECONNECT_SECONDS = 1.0
_PATIENCE_SECONDS = 120.0
"""How long a gateway may be away, being started again, before we give up."""

_PASSING = {"not_reachable", "not_ready", "gateway_failed", "service_unavailable"}

_OVER = ("completed", "partial", "failed", "cancelled")

OnActivity = Callable[[ImportActivity], None]
OnProgress = Callable[[JobProgress], None]
OnEnded = Callable[[Job], None]


def unheard(_: object) -> None:
    """For whoever does not want to know."""


async def follow(
    gateway: Gateway,
    jobs: Collection[str],
    *,
    on_ended: OnEnded,
    on_activity: OnActivity = unheard,
    on_progress: OnProgress = unheard,
) -> None:
    """Return when all jobs have ended; each is handed over once, as the gateway answers it then.

    Until then `on_progress` hears their counters, as the stream tells them.

    An event only says that it is time to look: the truth is asked for. Without events it is looked
    every ten seconds. Raises `not_reachable` when the gateway stays away.
    """
    wanted = set(jobs)
    hints: asyncio.Queue[str] = asyncio.Queue()
    ear = _Ear(frozenset(wanted), hints, on_activity, on_progress)
    listener = asyncio.create_task(ear.listen(gateway))
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


class _Ear:
    """Listens for some jobs. What the stream says is passed on, and that one is over becomes a hint."""

    def __init__(
        self, jobs: frozenset[str], hints: asyncio.Queue[str], on_activity: OnActivity, on_progress: OnProgress
    ) -> None:
        self._jobs = jobs
        self._hints = hints
        self._on_activity = on_activity
        self._on_progress = on_progress

    async def listen(self, gateway: Gateway) -> None:
        """Read the stream for ever. After a cut the next snapshot says what was missed."""
        while True:
            with contextlib.suppress(CallvaultError):
                async for event in gateway.events():
                    self._read(event.event, event.data)
            await asyncio.sleep(_RECONNECT_SECONDS)

    def _read(self, kind: str, data: str) -> None:
        if kind == "activity":
            with contextlib.suppress(ValidationError):
                activity = ImportActivity.model_validate_json(data)
                if str(activity.job_id) in self._jobs:
                    self._on_activity(activity)
            return
        for progress in _progress_in(kind, data):
            if str(progress.job_id) in self._jobs:
                self._on_progress(progress)
                if progress.status in _OVER:
                    self._hints.put_nowait(str(progress.job_id))


def _progress_in(kind: str, data: str) -> list[JobProgress]:
    """The counters that an event tells; none where it cannot be read."""
    try:
        content = json.loads(data)
        if kind == "progress":
            return [JobProgress.model_validate(content)]
        if kind != "snapshot":
            return []
        return [JobProgress.model_validate(job | {"job_id": job["id"]}) for job in content["jobs"]]
    except (ValueError, KeyError, TypeError):
        return []
