"""One event stream: a snapshot from Postgres, then what is newer, from Kafka, and looked up now and then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import anyio
import structlog
from pydantic import BaseModel
from sse_starlette import ServerSentEvent
from starlette.requests import Request

from ingest_gateway.callers import Caller
from ingest_gateway.cards import Cards
from ingest_gateway.deps import Deps
from ingest_gateway.hub import Cut, Listener, News, Nudge
from ingest_gateway.problems import DATABASE_AWAY, ProblemError
from ingest_gateway.queries.jobs import find_job, list_recent_jobs
from ingest_gateway.queries.sources import list_accounts, list_attempts
from ingest_gateway.schemas import AccountState, Job
from ingest_gateway.schemas.events import ConnectorState, JobNews, Snapshot
from ingest_gateway.schemas.sources import Attempt
from ingest_gateway.sightings import Sightings
from pipeline_contracts import ImportActivity, JobProgress, SourceChanged
from pipeline_runtime.database import speaking_for

LOOK_SECONDS = 60.0
"""How often Postgres is asked for what Kafka may not have told, and the caller's token is checked again."""
CONNECTING_SECONDS = 1.0
"""How often it is asked how a try at connecting stands: of one that fails nobody tells."""
RECONNECT_MILLISECONDS = 2000

_KINDS: dict[type[BaseModel], str] = {
    JobNews: "progress", ImportActivity: "activity", SourceChanged: "source", Attempt: "attempt",
    ConnectorState: "connector",
}  # fmt: skip

log = structlog.get_logger()


class Stream:
    """What one caller sees: first how everything stands, then only what is newer than what went out."""

    def __init__(self, request: Request, caller: Caller, deps: Deps, look: float = LOOK_SECONDS) -> None:
        self._request = request
        self._caller = caller
        self._deps = deps
        self._look_seconds = look
        self._seen = Sightings()
        self._cards = Cards(deps.manifests, ())
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
            yield await self._snapshot()
            due = clock() + self._look_seconds
            while True:
                if clock() >= due:
                    await self._deps.callers.identify(self._request)
                    for event in await self._missed():
                        yield event
                    due = clock() + self._look_seconds
                for state in self._seen.changed_connectors(self._connectors()):
                    yield _event(state)
                news = await self._listener.get(within=min(due - clock(), CONNECTING_SECONDS))
                if isinstance(news, Nudge) or (news is None and self._seen.is_connecting):
                    for attempt in self._seen.changed_attempts(await self._attempts()):
                        yield _event(attempt)
                elif isinstance(news, BaseModel) and self._seen.is_new(news):
                    yield _event(await self._completed(news))

    async def _look(self) -> Snapshot:
        async with speaking_for(self._deps.web, self._caller.user) as connection:
            jobs = [Job(**row) for row in await list_recent_jobs(connection)]
            accounts = [AccountState(**row) for row in await list_accounts(connection)]
            attempts = [self._cards.attempt(row) for row in await list_attempts(connection)]
        activities = self._deps.hub.activities_of({job.id for job in jobs if job.ended_at is None})
        return Snapshot(
            jobs=jobs, accounts=accounts, attempts=attempts, activities=activities,
            connectors=self._connectors(),
        )  # fmt: skip

    async def _attempts(self) -> list[Attempt]:
        async with speaking_for(self._deps.web, self._caller.user) as connection:
            return [self._cards.attempt(row) for row in await list_attempts(connection)]

    def _connectors(self) -> list[ConnectorState]:
        manifests = self._deps.manifests
        return [
            ConnectorState(source=one.source, is_running=manifests.is_running(one.source))
            for one in manifests.all()
        ]

    async def _snapshot(self) -> ServerSentEvent:
        found = await self._look()
        self._seen.begin(found)
        return ServerSentEvent(found.model_dump_json(), event="snapshot", retry=RECONNECT_MILLISECONDS)

    async def _missed(self) -> list[ServerSentEvent]:
        found = await self._look()
        self._seen.know(found.jobs)
        changes = [
            SourceChanged(account_id=one.id, owner_user_id=self._caller.user, **one.model_dump(exclude={"id"}))
            for one in found.accounts
        ]
        news: list[JobProgress | SourceChanged] = [*map(_progress, found.jobs), *changes]
        new: list[BaseModel] = [self._seen.complete(one) for one in news if self._seen.is_new(one)]
        return [_event(one) for one in (*new, *self._seen.changed_attempts(found.attempts))]

    async def _completed(self, news: News) -> BaseModel:
        """A job that this stream has not seen before, or whose title was not known yet, is looked up."""
        if isinstance(news, JobProgress) and not self._seen.knows(news):
            async with speaking_for(self._deps.web, self._caller.user) as connection:
                if row := await find_job(connection, job=news.job_id):
                    self._seen.know([Job(**row)])
        return self._seen.complete(news)


def _event(news: BaseModel) -> ServerSentEvent:
    return ServerSentEvent(news.model_dump_json(), event=_KINDS[type(news)])


def _progress(job: Job) -> JobProgress:
    shared = job.model_dump(include=set(JobProgress.model_fields))
    return JobProgress(job_id=job.id, **shared)
