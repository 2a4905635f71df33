"""What a running connector stands on, built once, and the ways to a source that its parts share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from pipeline_runtime import metrics
from pipeline_runtime.connectors.access import Access, Anonymous, HandedIn, Stored
from pipeline_runtime.connectors.accounts import Accounts
from pipeline_runtime.connectors.addresses import make_client
from pipeline_runtime.connectors.budgets import Budgets
from pipeline_runtime.connectors.http import Http
from pipeline_runtime.connectors.keys import KeyRing
from pipeline_runtime.connectors.messages import Messages
from pipeline_runtime.connectors.refreshing import Refresher
from pipeline_runtime.connectors.settings import KitSettings, SourceSettings, Times, times_of
from pipeline_runtime.connectors.tokens import TokenEndpoint
from pipeline_runtime.connectors.values import Connector
from pipeline_runtime.database import make_engine
from pipeline_runtime.kafka import Publisher
from pipeline_runtime.outbox import Relay
from pipeline_runtime.storage import Storage


@dataclass(frozen=True)
class Kit:
    """The parts. `listing` and `fetching` are the kinds of this source's tasks."""

    connector: Connector
    settings: KitSettings
    source: SourceSettings
    times: Times
    engine: AsyncEngine
    publisher: Publisher
    relay: Relay
    messages: Messages
    accounts: Accounts
    keys: KeyRing
    webhook_keys: KeyRing
    client: httpx.AsyncClient
    budgets: Budgets
    endpoint: TokenEndpoint | None
    refresher: Refresher
    storage: Storage

    @property
    def name(self) -> str:
        """The source's slug."""
        return self.connector.manifest.source

    @property
    def listing(self) -> str:
        """The kind of tasks that list a job's calls."""
        return f"discover:{self.name}"

    @property
    def fetching(self) -> str:
        """The kind of tasks that fetch a call."""
        return f"fetch:{self.name}"

    def http(
        self, account: UUID | None, *, live: bool = True, options: Mapping[str, bool] | None = None
    ) -> Http:
        """An account's way to the source; nobody's where there is no account."""
        key_header = self.connector.manifest.api_key_header
        access: Access = Stored(self.refresher, account, key_header) if account else Anonymous()
        return self._http(access, account, live=live, options=options)

    def http_with(self, secret: dict[str, Any]) -> Http:
        """The way of a secret that belongs to no account yet."""
        return self._http(HandedIn(secret, self.connector.manifest.api_key_header), None)

    def _http(
        self, access: Access, account: UUID | None, *, live: bool = True,
        options: Mapping[str, bool] | None = None,
    ) -> Http:  # fmt: skip
        chosen = {one.name: one.default for one in self.connector.manifest.options} | dict(options or {})
        return Http(
            client=self.client, source=self.name, urls=self.source.urls, budgets=self.budgets,
            access=access, account=account, options=chosen, live=live,
            hosts=self.connector.manifest.hosts, retry=self.settings.connector_retry_seconds,
            silent_wait=self.settings.connector_silent_wait_seconds,
        )  # fmt: skip


def make_kit(connector: Connector, settings: KitSettings, source: SourceSettings) -> Kit:
    """Build the parts; nothing is started. Raises ValueError for a key ring that is none."""
    manifest, messages, times = connector.manifest, Messages(connector.manifest.source), times_of(settings)
    metrics.begin_source(manifest.source)
    pool = settings.connector_workers + 6
    engine = make_engine(source.database_url, app=messages.service, pool_size=pool)
    publisher = Publisher(settings, app=messages.service)
    relay = Relay(engine, publisher, service=messages.service)
    accounts = Accounts(relay, messages)
    keys = KeyRing(settings.credentials_keys.get_secret_value())
    client = make_client(allow_private=settings.allow_private_addresses)
    endpoint = None
    if manifest.oauth:
        endpoint = TokenEndpoint(client, manifest.oauth, source, times.token_timeout)
    return Kit(
        connector=connector, settings=settings, source=source, times=times, engine=engine,
        publisher=publisher, relay=relay, messages=messages, accounts=accounts, keys=keys,
        webhook_keys=KeyRing(settings.webhook_keys.get_secret_value()), client=client,
        budgets=Budgets(engine, manifest, settings.connector_budget_factor), endpoint=endpoint,
        refresher=Refresher(engine, keys, endpoint, times, accounts), storage=Storage(settings.storage_url),
    )  # fmt: skip
