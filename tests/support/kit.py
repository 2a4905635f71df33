"""A connector's kit on a test's tables, with a provider that answers as the test says; nothing of it runs."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from cryptography.fernet import Fernet
from nacl.public import PublicKey, SealedBox
from pydantic import SecretStr, TypeAdapter

from pipeline_contracts import FetchRequested
from pipeline_runtime.connectors import Connector, Http, Item, Manifest, Notice, OAuth2, listing
from pipeline_runtime.connectors.kit import Kit, make_kit
from pipeline_runtime.connectors.settings import KitSettings, SourceSettings
from pipeline_runtime.connectors.tickets import Tickets
from pipeline_runtime.connectors.tokens import TokenEndpoint
from pipeline_runtime.settings import DatabaseUrl
from pipeline_runtime.tasks import Worker
from tests.support.servers import connector_role
from tests.support.stack import Person, Stack

SAMPLE = connector_role("sample")
MANIFEST = Manifest(
    source="sample", name="Sample", icon="x", connect=("oauth2",), urls={"api": "https://sample.example"},
    oauth=OAuth2("https://sample.example/authorize", "https://sample.example/token"),
)  # fmt: skip
TICKET: dict[str, Any] = {"source_item": {"external_id": "call", "title": "A call", "payload": {}}}


async def never(http: Http, item: Item) -> Any:
    """Fetch."""
    raise AssertionError("nothing is fetched here")


def said(body: dict[str, Any]) -> Notice:
    """A webhook."""
    return Notice(items=tuple(Item(external_id=one, title=one) for one in body["calls"]))


@dataclass
class Bench:
    """A kit whose provider answers as `answer` says, and how often it was asked where."""

    kit: Kit
    stack: Stack
    asked: list[str]
    answer: Callable[[httpx.Request], httpx.Response] = lambda _: httpx.Response(503)

    async def account(
        self, person: Person, *, status: str = "active", generation: int = 0, **columns: Any
    ) -> UUID:
        """A connected account."""
        account = uuid4()
        names = ["id", "user_id", "source_app", "provider_account_id", "status", "generation", *columns]
        marks = ", ".join(f"${number}" for number in range(1, len(names) + 1))
        await self.stack.owner.execute(
            f"INSERT INTO import_sources ({', '.join(names)}) VALUES ({marks})",
            account, person.id, "sample", account.hex, status, generation, *columns.values(),
        )  # fmt: skip
        return account

    async def secret(self, account: UUID, *, generation: int = 0, **secret: Any) -> None:
        """What it is fetched by."""
        await self.stack.owner.execute(
            "INSERT INTO source_credentials (account_id, source_app, secret, generation) VALUES ($1, 'sample', $2, $3) "
            "ON CONFLICT (account_id) DO UPDATE SET secret = excluded.secret, generation = excluded.generation",
            account, self.kit.keys.encrypt(secret), generation,
        )  # fmt: skip

    async def job(self, account: UUID, trigger: str = "manual", request: dict[str, Any] | None = None) -> UUID:
        """A job of it."""
        job = uuid4()
        await self.stack.owner.execute(
            "INSERT INTO sync_jobs (id, owner_user_id, source_app, account_id, trigger, request) "
            "SELECT $1, user_id, source_app, id, $3, $4 FROM import_sources WHERE id = $2",
            job, account, trigger, json.dumps(request or {}),
        )  # fmt: skip
        return job

    async def attempt(self, person: Person) -> UUID:
        """A user's code, sealed."""
        attempt = uuid4()
        sealed = SealedBox(PublicKey(base64.b64decode(self.kit.keys.public_key))).encrypt(b'{"code": "c"}')
        await self.stack.owner.execute(
            "INSERT INTO connect_attempts (id, user_id, source_app, method, secret_sealed, status) "
            "VALUES ($1, $2, 'sample', 'oauth2', $3, 'submitted')", attempt, person.id, bytes(sealed),
        )  # fmt: skip
        return attempt

    async def row(self, account: UUID) -> dict[str, Any]:
        """The account's row."""
        return dict(
            await self.stack.owner.fetchrow("SELECT * FROM import_sources WHERE id = $1", account) or {}
        )

    async def told(self, topic: str) -> list[dict[str, Any]]:
        """What waits to be published on a topic."""
        rows = await self.stack.owner.fetch("SELECT payload FROM outbox WHERE aggregatetype = $1", topic)
        return [json.loads(row["payload"]) for row in rows]

    async def hand(self, message: FetchRequested) -> None:
        """A message comes in."""
        await Tickets(self.kit, lambda: None).on_fetch(message)

    async def sync(self, kit: Kit, account: UUID) -> None:
        """A whole listing."""
        job = await self.job(account)
        await Tickets(kit, lambda: None).on_fetch(
            FetchRequested(job_id=job, account_id=account, trigger="manual")
        )
        task = await Worker(kit.engine, kit.listing).claim()
        assert task is not None
        found = await listing.begin(kit, task)
        assert found is not None
        await found.run()


@pytest.fixture
async def bench(tables: Stack, tmp_path: Any) -> AsyncIterator[Bench]:
    """One whose provider does not answer yet."""
    settings = KitSettings(
        storage_url=f"file://{tmp_path}", credentials_keys=SecretStr(Fernet.generate_key().decode()),
        webhook_keys=SecretStr(Fernet.generate_key().decode()), allow_private_addresses=True,
        connector_refresh_lease_seconds=30, **tables.kafka.model_dump(),
    )  # fmt: skip
    url = TypeAdapter(DatabaseUrl).validate_python(tables.url(SAMPLE))
    urls = {**MANIFEST.urls, "token": "https://sample.example/token", "revoke": "https://sample.example/revoke"}
    source = SourceSettings(url, urls, client_id="us", client_secret=SecretStr("secret"))
    kit = make_kit(Connector(MANIFEST, fetch=never, webhook=said), settings, source)

    def answer(request: httpx.Request) -> httpx.Response:
        made.asked.append(f"{request.method} {request.url.path}")
        return made.answer(request)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as provider:
        assert MANIFEST.oauth
        endpoint = TokenEndpoint(provider, MANIFEST.oauth, source, kit.times.token_timeout)
        kit.refresher._endpoint = endpoint
        made = Bench(replace(kit, client=provider, endpoint=endpoint), tables, [])
        yield made
    await kit.refresher.finish()
    await kit.client.aclose()
    await kit.engine.dispose()
