"""recorder: results in, recordings out. The one writer of recordings."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from starlette.types import ASGIApp

from pipeline_runtime.database import make_engine, ping
from pipeline_runtime.kafka import Publisher
from pipeline_runtime.outbox import Relay
from pipeline_runtime.service import check, make_app, running, serve
from pipeline_runtime.settings import driver_url
from recorder.census import Census
from recorder.lanes import Lanes
from recorder.reconciler import Reconciler
from recorder.settings import RecorderSettings
from recorder.statements import SERVICE
from recorder.writer import Writer


def create_app(settings: RecorderSettings) -> ASGIApp:
    """Build the parts and say in which order they start; they stop in the other."""
    engine = make_engine(settings.recorder_database_url, app=SERVICE, pool_size=4)
    publisher = Publisher(settings, app=SERVICE)
    relay = Relay(engine, publisher, service=SERVICE)
    dsn = driver_url(settings.recorder_database_url)
    lanes = Lanes(settings, lambda: Writer(dsn, relay, publisher, settings.public_url))
    reconciler = Reconciler(settings, relay)
    census = Census(settings)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(engine.dispose)
            await publisher.start()
            stack.push_async_callback(publisher.stop)
            await stack.enter_async_context(running("relay", relay.run))
            stack.push_async_callback(relay.drain)
            await lanes.start()
            stack.push_async_callback(lanes.stop)
            await stack.enter_async_context(running("lanes", lanes.watch))
            await stack.enter_async_context(running("reconciler", reconciler.run))
            await stack.enter_async_context(running("census", census.run))
            _keep_the_collector_quiet()
            yield

    async def joined() -> str | None:
        return None if lanes.assigned else "no partitions assigned yet"

    return make_app(lifespan, {"database": check(partial(ping, engine)), "kafka": joined})


def _keep_the_collector_quiet() -> None:
    """Most objects live as long as a batch; walking all the others costs 8 % of the time."""
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


if __name__ == "__main__":
    settings = RecorderSettings()
    serve(SERVICE, settings, lambda: create_app(settings))
