"""The app: the only place that builds things."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta

import httpx
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from ingest_gateway.attempts import Attempts
from ingest_gateway.callers import Callers
from ingest_gateway.census import Census
from ingest_gateway.deps import Deps
from ingest_gateway.envelope import BodyLimit, Envelope
from ingest_gateway.hub import Hub
from ingest_gateway.identities import make_identities
from ingest_gateway.indexing import Indexer
from ingest_gateway.manifests import Manifests
from ingest_gateway.messages import SERVICE
from ingest_gateway.news_reader import NewsReader
from ingest_gateway.openapi import describe
from ingest_gateway.pages import Page, find_folder
from ingest_gateway.passwords import Passwords
from ingest_gateway.problems import HANDLERS
from ingest_gateway.queries.incoming import KIND as CHECK_KIND
from ingest_gateway.resumable import protocol
from ingest_gateway.resumable.checking import Checking
from ingest_gateway.resumable.checks import Checks
from ingest_gateway.resumable.protocol import TusHeaders
from ingest_gateway.routes import (
    accounts,
    consents,
    documents,
    events,
    failures,
    gaps,
    imports,
    installation,
    jobs,
    links,
    me,
    pages,
    recordings,
    sessions,
    sources,
    uploads,
    vocabulary,
    webhooks,
)
from ingest_gateway.schedule import Schedule
from ingest_gateway.settings import GatewaySettings
from ingest_gateway.sweeper import Sweeper
from ingest_gateway.webhook_keys import WebhookKeys
from pipeline_runtime.database import make_engine, ping
from pipeline_runtime.kafka import Publisher
from pipeline_runtime.outbox import Relay
from pipeline_runtime.service import check, health_routes, running
from pipeline_runtime.settings import driver_url
from pipeline_runtime.storage import Storage
from pipeline_runtime.tasks import Bell

IDENTITY_PROVIDER_SECONDS = 5.0
ROUTERS = (
    sessions, me, sources, consents, accounts, imports, uploads, links, jobs, failures, recordings, gaps,
    events,
    webhooks, vocabulary,
    documents, installation, pages,
)  # fmt: skip


def create_app(settings: GatewaySettings) -> FastAPI:
    """The gateway. Its loops run while its lifespan does."""
    web = make_engine(settings.gateway_database_url, app=SERVICE)
    intake = make_engine(settings.intake_database_url, app=f"{SERVICE}-intake")
    publisher = Publisher(settings, app=SERVICE)
    client = httpx.AsyncClient(timeout=IDENTITY_PROVIDER_SECONDS)
    relay = Relay(intake, publisher, service=SERVICE)
    manifests = Manifests(settings)
    deps = Deps(
        settings=settings,
        web=web,
        intake=intake,
        relay=relay,
        storage=Storage(settings.storage_url, settings.upload_folder),
        callers=Callers(intake, make_identities(settings, client), settings.public_url),
        passwords=Passwords(),
        attempts=Attempts(),
        hub=Hub(),
        manifests=manifests,
        schedule=Schedule(relay, manifests, timedelta(seconds=settings.sync_every_seconds)),
        webhook_keys=WebhookKeys(settings.webhook_keys),
        page=Page(find_folder(settings.web_folder)),
    )
    reader = NewsReader(settings, deps.hub)
    app = FastAPIOffline(  # FastAPI, with the documents' page served from here
        title="CallVault import gateway", version="0.1.0", lifespan=_lifespan(deps, publisher, reader, client),
        redoc_url=None, exception_handlers={**HANDLERS, 404: pages.on_not_found},
    )  # fmt: skip
    app.state.deps = deps
    checks = {
        "database": check(lambda: ping(web)),
        "intake": check(lambda: ping(intake)),
        "kafka": check(publisher.ping),
        "news": reader.check,
        "manifests": manifests.check,
    }
    app.router.routes.extend(health_routes(checks))
    for module in ROUTERS:
        app.include_router(module.router)
    deps.page.add_to(app)
    app.add_middleware(
        BodyLimit, own=(imports.PATH, webhooks.PREFIX, protocol.PATH),
        limits={protocol.CHECK: uploads.CHECK_BYTES},
    )  # fmt: skip
    app.add_middleware(TusHeaders)
    app.add_middleware(Envelope, secure=settings.is_https)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    return app


def _lifespan(
    deps: Deps, publisher: Publisher, reader: NewsReader, client: httpx.AsyncClient
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Start in one order, stop in the other: no loop outlives what it works with."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(deps.web.dispose)
            stack.push_async_callback(deps.intake.dispose)
            stack.push_async_callback(client.aclose)
            stack.push_async_callback(publisher.stop)
            await publisher.start()
            stack.push_async_callback(deps.relay.drain)
            sweeper = Sweeper(deps.storage, deps.intake, deps.settings.audio_keep)
            checks = Checks(
                deps.intake, Checking(deps.web, deps.relay, deps.storage),
                Bell(driver_url(deps.settings.intake_database_url), CHECK_KIND),
            )  # fmt: skip
            census = Census(deps.intake, deps.manifests)
            indexer = Indexer(deps.intake)
            loops = {
                "relay": deps.relay.run, "news": reader.run, "manifests": deps.manifests.run,
                "schedule": deps.schedule.run, "sweeper": sweeper.run, "census": census.run,
                "checks": checks.run,
                "indexer": indexer.run,
            }  # fmt: skip
            for name, loop in loops.items():
                await stack.enter_async_context(running(name, loop))
            yield

    return lifespan
