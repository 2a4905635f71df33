"""The JSON of sources, accounts and what is asked of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, SecretStr, StringConstraints, model_validator

from ingest_gateway.schemas import Input, Job
from ingest_gateway.schemas.failures import SlugText
from pipeline_contracts import ConnectMethod, ConnectorOption

Options = Annotated[dict[SlugText, bool], Field(max_length=50)]
Link = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2048)]
ApiKey = Annotated[SecretStr, Field(min_length=1, max_length=4096)]


class Webhook(BaseModel):
    """How new calls come in: `pushed` as they happen, or looked for `hourly`. `note` is a code: why so."""

    state: Literal["pushed", "hourly"]
    note: str | None = None


class Account(BaseModel):
    """A connected account. `count` calls of it are in the library; `waiting` were pushed while it could
    not take them, and come in when it is resumed or connected again. `job` is its latest sync.

    `status`: active, paused, error (`reason` and `message` say why), disconnected.
    """

    id: UUID
    source_app: str
    email: str | None
    status: Literal["active", "paused", "error", "disconnected"]
    reason: str | None
    message: str | None
    is_active: bool
    version: int
    options: dict[str, bool]
    webhook: Webhook
    count: int
    waiting: int
    last_sync_at: datetime | None
    next_sync_at: datetime | None
    created_at: datetime
    job: Job | None


class Attempt(BaseModel):
    """A try at connecting. `started`: the user is at the provider; `submitted`: the connector is at it.

    Until `expires_at` it is under way; `failed` and `expired` ones say why and may be tried again.
    """

    id: UUID
    source_app: str
    method: Literal["oauth2", "api_key"]
    status: Literal["started", "submitted", "done", "failed", "expired"]
    reason: str | None
    message: str | None
    account_id: UUID | None
    created_at: datetime
    expires_at: datetime


class Source(BaseModel):
    """A source: what it is, how it is connected, the user's accounts at it, and a try that is under way.

    `is_running`: its connector works now. `count` calls of it are in the library. `is_configured`: it
    can be connected by sign-in on this installation, or needs none. `is_active` is the switch of a source
    without accounts, such as files and links; null where each account has its own.
    """

    source: str
    name: str
    icon: str
    connect: list[ConnectMethod]
    api_key_hint: str | None
    link_hosts: list[str]
    options: list[ConnectorOption]
    is_running: bool
    is_configured: bool
    is_active: bool | None
    count: int
    last_import_at: datetime | None
    accounts: list[Account]
    attempt: Attempt | None


class Sources(BaseModel):
    """All sources, by name."""

    sources: list[Source]


class SourceChange(Input):
    """What to change of a source without accounts: while it is switched off, it takes nothing."""

    is_active: bool


class Connect(Input):
    """How to connect; by default the first way that the source offers. A key is sealed at once."""

    method: Literal["oauth2", "api_key"] | None = None
    api_key: ApiKey | None = None
    options: Options = Field(default_factory=dict)


class Connecting(BaseModel):
    """A try at connecting. The browser goes to `authorize_url`; a key needs no such way."""

    attempt_id: UUID
    method: Literal["oauth2", "api_key"]
    authorize_url: str | None
    expires_at: datetime


class AccountChange(Input):
    """What to change: pause or resume, options."""

    paused: bool | None = None
    options: Options | None = None


class SyncRequest(Input):
    """Which calls to look for: all new ones, or those of a range of time."""

    window_from: AwareDatetime | None = Field(default=None, alias="from", examples=["2026-11-01T00:00:00Z"])
    window_to: AwareDatetime | None = Field(default=None, alias="to")

    @model_validator(mode="after")
    def _in_order(self) -> SyncRequest:
        if self.window_from and self.window_to and self.window_from >= self.window_to:
            raise ValueError("`from` must lie before `to`")
        if self.window_to and not self.window_from:
            raise ValueError("`to` needs `from`")
        return self


class Syncing(BaseModel):
    """The sync, and whether it was running before this request: then that one goes on."""

    job: Job
    was_running: bool


class UrlImport(Input):
    """Links to import, each a call or a list of some."""

    links: Annotated[list[Link], Field(min_length=1, max_length=50)]
    options: Options = Field(default_factory=dict)


class UrlJob(BaseModel):
    """The job that imports some of the links."""

    job_id: UUID
    source_app: str
    links: list[str]


class RefusedLink(BaseModel):
    """A link that is not imported, and why."""

    link: str
    code: str
    message: str


class UrlAccepted(BaseModel):
    """A job for each source, and the links that no source takes."""

    jobs: list[UrlJob]
    refused: list[RefusedLink]
