"""What has gone out on one event stream, so that only what is newer follows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from pydantic import BaseModel

from ingest_gateway.schemas import Job
from ingest_gateway.schemas.events import ConnectorState, JobNews, Snapshot
from ingest_gateway.schemas.sources import Attempt
from pipeline_contracts import JobProgress, SourceChanged

UNDER_WAY = ("started", "submitted")


@dataclass
class Sightings:
    """The highest version of each job and account, the last state of what has none."""

    versions: dict[UUID, int] = field(default_factory=dict)
    jobs: dict[UUID, Job] = field(default_factory=dict)
    attempts: dict[UUID, str] = field(default_factory=dict)
    connectors: dict[str, bool] = field(default_factory=dict)

    @property
    def is_connecting(self) -> bool:
        """Whether a try at connecting is under way."""
        return any(status in UNDER_WAY for status in self.attempts.values())

    def begin(self, snapshot: Snapshot) -> None:
        """All of this has gone out."""
        self.know(snapshot.jobs)
        self.versions |= {one.id: one.version for one in snapshot.jobs}
        self.versions |= {one.id: one.version for one in snapshot.accounts}
        self.attempts = {one.id: one.status for one in snapshot.attempts}
        self.connectors = {one.source: one.is_running for one in snapshot.connectors}

    def is_new(self, news: BaseModel) -> bool:
        """Whether it is newer than what went out; then it goes out now. What has no version always is."""
        if not isinstance(news, JobProgress | SourceChanged):
            return True
        ident = news.job_id if isinstance(news, JobProgress) else news.account_id
        if news.version <= self.versions.get(ident, 0):
            return False
        self.versions[ident] = news.version
        return True

    def know(self, jobs: Iterable[Job]) -> None:
        """Whose they are, and how they are called."""
        self.jobs |= {job.id: job for job in jobs}

    def knows(self, news: JobProgress) -> bool:
        """False also where the job had no title yet and has found something since."""
        known = self.jobs.get(news.job_id)
        return known is not None and (known.title is not None or news.found == 0)

    def complete(self, news: BaseModel) -> BaseModel:
        """Progress with what is known of its job."""
        if not isinstance(news, JobProgress):
            return news
        known = self.jobs.get(news.job_id)
        more = known.model_dump(include={"account_id", "title", "created_at"}) if known else {}
        return JobNews(**dict(news), **more)

    def changed_attempts(self, attempts: Iterable[Attempt]) -> list[Attempt]:
        """Those that stand in another way than they did."""
        changed = [one for one in attempts if self.attempts.get(one.id) != one.status]
        self.attempts |= {one.id: one.status for one in changed}
        return changed

    def changed_connectors(self, states: Iterable[ConnectorState]) -> list[ConnectorState]:
        """Those that have come, or begun or ceased to run."""
        changed = [one for one in states if self.connectors.get(one.source) != one.is_running]
        self.connectors |= {one.source: one.is_running for one in changed}
        return changed
