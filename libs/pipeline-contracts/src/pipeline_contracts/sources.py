"""The messages about sources: what a connector is, what it is asked to do, how an account stands."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from pipeline_contracts.messages import Message, Slug

ConnectMethod = Literal["oauth2", "api_key", "url", "file"]
"""How a user brings a source in: by consent, by a key, by a link, by a file."""

SourceStatus = Literal["connected", "active", "paused", "error", "disconnected"]

Line = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class _Value(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore", allow_inf_nan=False)


class OAuthOffer(_Value):
    """Where to send a user for consent, and as whom. The secret stays with the connector."""

    authorize_url: str
    client_id: str
    scopes: tuple[str, ...] = ()
    pkce: bool = False


class Challenge(_Value):
    """How a provider asks whether an address is ours. Paths are dotted, into the JSON body.

    Where the text at `event_path` is `event_value`, the answer is a JSON object with the text at
    `token_path` in `plain_field`, and its HMAC-SHA256 (hex) with the webhook secret in `hashed_field`.
    """

    event_path: str
    event_value: str
    token_path: str
    plain_field: str
    hashed_field: str


class WebhookScheme(_Value):
    """How a source signs its webhooks, as data. `standard_webhooks` needs no more than its name.

    For `hmac` (SHA-256): the signature is in `signature_header` after `prefix`, over `template` with
    `{timestamp}` (from `timestamp_header`) and `{body}` (raw) filled in. `tolerance` is in seconds.
    With `per_account` each account has its own secret and address, /webhooks/{source}/{account}.
    """

    kind: Literal["standard_webhooks", "hmac"]
    per_account: bool = False
    signature_header: str | None = None
    prefix: str = ""
    timestamp_header: str | None = None
    template: str = "{body}"
    encoding: Literal["hex", "base64"] = "hex"
    id_header: str | None = None
    tolerance: int = Field(default=300, ge=1)
    challenge: Challenge | None = None


class ConnectorOption(_Value):
    """A choice that a user has for a source."""

    name: Slug
    label: Line
    default: bool = False


class ConnectorManifest(Message):
    """What a source is and how it is connected. Said every 30 seconds, as long as its connector runs.

    `link_hosts` are the hosts whose links this source takes. Secrets for the connector are sealed to
    `public_key` (Curve25519, base64). `icon` is the path of an SVG of 24 by 24, or the name of one.
    """

    event_type: ClassVar[str] = "callvault.connector.manifest.v1"

    source: Slug
    name: Line
    icon: str
    connect: tuple[ConnectMethod, ...]
    oauth: OAuthOffer | None = None
    api_key_hint: str | None = None
    link_hosts: tuple[str, ...] = ()
    webhook: WebhookScheme | None = None
    options: tuple[ConnectorOption, ...] = ()
    public_key: str
    version: str
    sent_at: AwareDatetime


class ConnectRequested(Message):
    """A user came back with a code, or gave a key: it lies sealed in the attempt's row."""

    event_type: ClassVar[str] = "callvault.source.connect_requested.v1"

    attempt_id: UUID


class DisconnectRequested(Message):
    """An account was disconnected, which raised its generation to this one."""

    event_type: ClassVar[str] = "callvault.source.disconnect_requested.v1"

    account_id: UUID
    generation: int = Field(ge=0)


class CancelRequested(Message):
    """A job is to stop: `cancel_requested_at` is set in its row."""

    event_type: ClassVar[str] = "callvault.source.cancel_requested.v1"

    job_id: UUID


class FetchRequested(Message):
    """Work for a connector: a ticket, of one of these kinds.

    A sync: `job_id` and `account_id`, with a window or without (then since the cursor).
    Links: `job_id` and `links`, without an account.
    Items: `job_id` and `item_ids`. An item of that job is fetched (again); one of another job, which
    was skipped as not ready, is admitted to this job and fetched.
    A webhook: `inbox_id`; with `account_id` for this account alone, which is how held ones are replayed.
    """

    event_type: ClassVar[str] = "callvault.import.fetch_requested.v1"

    job_id: UUID | None = None
    account_id: UUID | None = None
    trigger: Literal["connect", "manual", "schedule", "webhook", "retry"]
    window_from: AwareDatetime | None = None
    window_to: AwareDatetime | None = None
    item_ids: tuple[UUID, ...] | None = None
    inbox_id: UUID | None = None
    links: tuple[str, ...] | None = None
    options: dict[str, bool] = Field(default_factory=dict)


class SourceChanged(Message):
    """How an account stands. Readers keep the highest `version`. `reason` is a code, and why."""

    event_type: ClassVar[str] = "callvault.source.changed.v1"

    account_id: UUID
    owner_user_id: UUID
    source_app: Slug
    version: int = Field(ge=1)
    status: SourceStatus
    reason: Slug | None = None
    email: str | None = None
