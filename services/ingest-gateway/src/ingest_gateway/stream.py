"""One event stream: a snapshot from Postgres, then what is newer, from Kafka, and looked up now and then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import anyio
import structlog
from sse_starlette import ServerSentEvent
from starlette.requests import Request

from ingest_gateway.callers import Caller
from ingest_gateway.deps import Deps
from ingest_gateway.hub import Cut, Listener, News
from ingest_gateway.problems import DATABASE_AWAY, ProblemError
from ingest_gateway.queries.jobs import list_recent_jobs
from ingest_gateway.queries.sources import list_accounts
from ingest_gateway.schemas import AccountState, Job, Snapshot
from pipeline_contracts import ImportActivity, JobProgress, SourceChanged
from pipeline_runtime.database import speaking_for

LOOK_SECONDS = 60.0
"""How often Postgres is asked for what Kafka may not have told, and the caller's token is checked again."""
RECONNECT_MILLISECONDS = 2000

_KINDS: dict[type[News], str] = {JobProgress: "progress", ImportActivity: "activity", SourceChanged: "source"}

log = structlog.get_logger()


class Stream:
    """What one caller sees. `sent` holds the highest version of each job and account that went out."""

    def __init__(self, request: Request, caller: Caller, deps: Deps, look: float = LOOK_SECONDS) -> None:
        self._request = request
        self._caller = caller
        self._deps = deps
        self._look_seconds = look
        self._sent: dict[UUID, int] = {}
        self._listener = Listener()
        self.draining = anyio.Event()

    async def end_when_draining(self) -> None:
        """Once `draining` is set, the stream ends in good order; the client comes back later."""
        await self.draining.wait()
        self._listener.cut()

    async def events(self) -> AsyncIterator[ServerSentEvent]:
        """Until the caller's token is over, or the stream has to begin again: the client reconnects."""
        try:
            async for event in self._events():
                yield event
        except (Cut, ProblemError) as reason:
            log.info("stream.ended", reason=type(reason).__name__)
        except DATABASE_AWAY as error:
            log.warning("stream.ended", reason=type(error).__name__)

    async def _events(self) -> AsyncIterator[ServerSentEvent]:
        clock = asyncio.get_running_loop().time
        with self._deps.hub.listening(self._caller.user, self._listener):
            # What comes while the snapshot is read waits in the listener: nothing is missed.
            yield await self._snapshot()
            due = clock() + self._look_seconds
            while True:
                if clock() >= due:
                    await self._deps.callers.identify(self._request)
                    for event in await self._missed():
                        yield event
                    due = clock() + self._look_seconds
                news = await self._listener.get(within=due - clock())
                if news is not None and self._is_new(news):
                    yield _event(news)

    async def _look(self) -> Snapshot:
        async with speaking_for(self._deps.web, self._caller.user) as connection:
            jobs = [Job(**row) for row in await list_recent_jobs(connection)]
            accounts = [AccountState(**row) for row in await list_accounts(connection)]
        return Snapshot(jobs=jobs, accounts=accounts)

    async def _snapshot(self) -> ServerSentEvent:
        found = await self._look()
        self._sent = {job.id: job.version for job in found.jobs}
        self._sent |= {account.id: account.version for account in found.accounts}
        data = found.model_dump_json()
        return ServerSentEvent(data, event="snapshot", retry=RECONNECT_MILLISECONDS)

    async def _missed(self) -> list[ServerSentEvent]:
        found = await self._look()
        changes = [_changed(account, self._caller.user) for account in found.accounts]
        news: list[News] = [*map(_progress, found.jobs), *changes]
        return [_event(one) for one in news if self._is_new(one)]

    def _is_new(self, news: News) -> bool:
        if isinstance(news, ImportActivity):
            return True
        ident = news.job_id if isinstance(news, JobProgress) else news.account_id
        if news.version <= self._sent.get(ident, 0):
            return False
        self._sent[ident] = news.version
        return True


def _event(news: News) -> ServerSentEvent:
    return ServerSentEvent(news.model_dump_json(), event=_KINDS[type(news)])


def _progress(job: Job) -> JobProgress:
    shared = job.model_dump(include=set(JobProgress.model_fields))
    return JobProgress(job_id=job.id, **shared)


def _changed(account: AccountState, owner: UUID) -> SourceChanged:
    return SourceChanged(account_id=account.id, owner_user_id=owner, **account.model_dump(exclude={"id"}))
