"""A connector as a service: the parts, the order in which they start, and how they say that they are well."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, NoReturn

from starlette.types import ASGIApp

from pipeline_contracts import IMPORT_FETCH, SOURCE_COMMANDS
from pipeline_runtime import service
from pipeline_runtime.connectors import webhooks
from pipeline_runtime.connectors.chores import Chores
from pipeline_runtime.connectors.kit import make_kit
from pipeline_runtime.connectors.settings import KitSettings, source_settings
from pipeline_runtime.connectors.tickets import Tickets
from pipeline_runtime.connectors.values import Connector
from pipeline_runtime.connectors.workers import Workers
from pipeline_runtime.consume import make_broker, subscribe
from pipeline_runtime.database import is_away, ping
from pipeline_runtime.service import check, make_app, running
from pipeline_runtime.settings import driver_url
from pipeline_runtime.tasks import Bell


def create_app(connector: Connector, settings: KitSettings | None = None) -> ASGIApp:
    """The service of a connector. Raises ValueError where a setting is missing."""
    settings = settings or KitSettings()
    source = source_settings(connector.manifest)
    kit = make_kit(connector, settings, source)
    name, dsn = kit.messages.service, driver_url(source.database_url)
    broker = make_broker(settings, app=name)
    chores = Chores(kit)
    tickets = Tickets(kit, chores.ring)
    bells = {kind: Bell(dsn, kind) for kind in (kit.listing, kit.fetching)}
    workers = Workers(kit, bells)
    for topic, handle in ((SOURCE_COMMANDS, tickets.on_command), (IMPORT_FETCH, tickets.on_fetch)):
        subscribe(
            broker, topic.of_source(kit.name), group=f"{name}.{topic.name}", settings=settings,
            publisher=kit.publisher, handle=handle, on_unreadable=tickets.on_unreadable, passing=is_away,
        )  # fmt: skip

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(kit.engine.dispose)
            stack.push_async_callback(kit.client.aclose)
            stack.push_async_callback(kit.refresher.finish)
            await kit.publisher.start()
            stack.push_async_callback(kit.publisher.stop)
            await chores.make_topics()
            await webhooks.keep_app_secret(kit)
            await stack.enter_async_context(running("relay", kit.relay.run))
            stack.push_async_callback(kit.relay.drain)
            for kind, bell in bells.items():
                await stack.enter_async_context(running(f"bell {kind}", bell.run))
            await stack.enter_async_context(running("workers", workers.run))
            await stack.enter_async_context(running("connecting", chores.keep_connecting))
            await stack.enter_async_context(running("tidying", chores.keep_tidy))
            await broker.start()
            stack.push_async_callback(broker.stop)
            await stack.enter_async_context(running("heartbeat", chores.keep_said))
            yield

    checks = {"database": check(partial(ping, kit.engine)), "kafka": check(kit.publisher.ping)}
    return make_app(lifespan, checks)


def serve(connector: Connector) -> NoReturn:
    """Run the connector until it is told to stop: all that a connector's `__main__` does."""
    settings = KitSettings()
    name = f"{connector.manifest.source.replace('_', '-')}-connector"
    service.serve(name, settings, lambda: create_app(connector, settings))
