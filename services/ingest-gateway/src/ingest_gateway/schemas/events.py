"""The JSON of the event stream."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from ingest_gateway.schemas import AccountState, Job
from ingest_gateway.schemas.sources import Attempt
from pipeline_contracts import ImportActivity, JobProgress, SourceChanged


class ConnectorState(BaseModel):
    """Whether a source's connector works now."""

    source: str
    is_running: bool


class Snapshot(BaseModel):
    """What an event stream begins with: how everything stands.

    `jobs`: open ones and those that ended in the last hour. `attempts`: the latest try at connecting each
    source, of the last minutes. `activities`: what is being done, as far as it was heard lately.
    """

    jobs: list[Job]
    accounts: list[AccountState]
    attempts: list[Attempt]
    activities: list[ImportActivity]
    connectors: list[ConnectorState]


class JobNews(JobProgress):
    """A job's counters, and whose they are. Readers keep the highest `version`.

    `title` is that of the first call found. More `imported` than before: the library has new calls.
    """

    account_id: UUID | None = None
    title: str | None = None
    created_at: datetime | None = None


class StreamEvents(BaseModel):
    """The events by name, with their data: the first is always `snapshot`."""

    snapshot: Snapshot
    progress: JobNews
    activity: ImportActivity
    source: SourceChanged
    attempt: Attempt
    connector: ConnectorState
