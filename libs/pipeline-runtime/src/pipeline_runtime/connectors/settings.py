"""A connector's settings. Most names begin with the source: FATHOM_CLIENT_ID, FATHOM_API_URL."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, TypeAdapter

from pipeline_runtime.connectors.values import Manifest
from pipeline_runtime.settings import DatabaseUrl, ServiceSettings

_URL: TypeAdapter[DatabaseUrl] = TypeAdapter(DatabaseUrl)


class KitSettings(ServiceSettings):
    """What all connectors read. The key rings hold secrets of every user: only connectors get them."""

    storage_url: str
    credentials_keys: SecretStr
    webhook_keys: SecretStr
    allow_private_addresses: bool = False
    connector_workers: int = Field(default=4, ge=2, le=64)
    connector_lease_seconds: float = Field(default=30.0, ge=1)
    connector_refresh_lease_seconds: float = Field(default=60.0, ge=1)
    connector_poll_seconds: float = Field(default=5.0, gt=0)
    connector_retry_seconds: float = Field(default=2.0, gt=0)
    """About how long until what failed is tried a second time; each further wait is twice as long."""
    connector_silent_wait_seconds: float = Field(default=30.0, gt=0)
    """Until the next try where a source says that we ask too much, and not for how long."""
    connector_budget_factor: float = Field(default=1.0, gt=0)
    """So many times a source's published limits are ours: more by agreement, or against a stand-in."""


@dataclass(frozen=True)
class SourceSettings:
    """What this source's connector reads besides. `urls` are the manifest's, as far as not overridden."""

    database_url: DatabaseUrl
    urls: Mapping[str, str]
    client_id: str | None = None
    client_secret: SecretStr | None = None
    webhook_secret: SecretStr | None = None


def source_settings(manifest: Manifest, environment: Mapping[str, str] | None = None) -> SourceSettings:
    """From the environment. Raises ValueError with the name of what is missing."""
    given = os.environ if environment is None else environment
    prefix = manifest.source.upper()

    def value(name: str) -> str | None:
        return given.get(f"{prefix}_{name}") or None

    database = value("CONNECTOR_DATABASE_URL")
    if database is None:
        raise ValueError(f"{prefix}_CONNECTOR_DATABASE_URL is missing")
    oauth = manifest.oauth
    defaults = dict(manifest.urls)
    if oauth:
        defaults |= {"authorize": oauth.authorize_url, "token": oauth.token_url}
        defaults |= {"revoke": oauth.revoke_url} if oauth.revoke_url else {}
    urls = {name: (value(f"{name.upper()}_URL") or default).rstrip("/") for name, default in defaults.items()}
    secret, webhook = value("CLIENT_SECRET"), value("WEBHOOK_SECRET")
    return SourceSettings(
        database_url=_URL.validate_python(database),
        urls=urls,
        client_id=value("CLIENT_ID"),
        client_secret=SecretStr(secret) if secret else None,
        webhook_secret=SecretStr(webhook) if webhook else None,
    )


@dataclass(frozen=True)
class Times:
    """The times that the kit works by. A token answer comes within `token_timeout` or counts as lost."""

    lease: timedelta
    refresh_lease: timedelta
    poll: float
    token_timeout: float


def times_of(settings: KitSettings) -> Times:
    """The token's time-out is a quarter of the lease: 15 s of 60."""
    return Times(
        lease=timedelta(seconds=settings.connector_lease_seconds),
        refresh_lease=timedelta(seconds=settings.connector_refresh_lease_seconds),
        poll=settings.connector_poll_seconds,
        token_timeout=settings.connector_refresh_lease_seconds / 4,
    )


def is_public(url: str) -> bool:
    """Whether somebody outside of this machine could reach the address."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_global
    except ValueError:
        return host not in ("", "localhost") and not host.endswith(".localhost")
