"""transcriber: audio in, transcripts out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from starlette.types import ASGIApp

from pipeline_contracts import IMPORT_AUDIO
from pipeline_runtime import metrics
from pipeline_runtime.consume import make_broker, subscribe
from pipeline_runtime.database import is_away, make_engine, ping
from pipeline_runtime.kafka import Publisher
from pipeline_runtime.service import check, make_app, running, serve
from pipeline_runtime.settings import driver_url
from pipeline_runtime.storage import Storage
from pipeline_runtime.tasks import Bell
from transcriber.deps import Deps
from transcriber.engines import Engine, choose
from transcriber.manifest import PART, WHOLE
from transcriber.results import SERVICE
from transcriber.scratch import sweep_scratch
from transcriber.settings import TranscriberSettings
from transcriber.tickets import Tickets
from transcriber.worker import Workers

_LOADING_SECONDS = 20.0


def create_app(settings: TranscriberSettings) -> ASGIApp:
    """Build the parts and say in which order they start; they stop in the other."""
    busy = settings.workers + settings.transcriber_cutters
    database = make_engine(settings.transcriber_database_url, app=SERVICE, pool_size=busy + 4)
    publisher = Publisher(settings, app=SERVICE)
    broker = make_broker(settings, app=SERVICE)
    engine = choose(settings)
    metrics.begin_engine(engine.name)
    storage = Storage(settings.storage_url)
    deps = Deps(database, storage, engine, publisher, settings.transcriber_part_seconds)
    dsn = driver_url(settings.transcriber_database_url)
    bells = (Bell(dsn, WHOLE), Bell(dsn, PART))
    workers = Workers(
        deps, *bells, cutting=settings.transcriber_cutters, asking=settings.workers,
        lease=timedelta(seconds=settings.transcriber_lease_seconds),
    )  # fmt: skip
    tickets = Tickets(database, publisher)
    subscribe(
        broker,
        IMPORT_AUDIO,
        group=SERVICE,
        settings=settings,
        publisher=publisher,
        handle=tickets.on_audio_received,
        on_unreadable=tickets.on_unreadable,
        passing=is_away,
    )

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        await asyncio.to_thread(sweep_scratch)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(database.dispose)
            stack.push_async_callback(engine.close)
            await engine.start()
            await publisher.start()
            stack.push_async_callback(publisher.stop)
            for bell in bells:
                await stack.enter_async_context(running("bell", bell.run))
            await stack.enter_async_context(running("workers", workers.run))
            await broker.start()
            stack.push_async_callback(broker.stop)
            yield

    checks = {
        "database": check(partial(ping, database)),
        "kafka": check(publisher.ping),
        "engine": engine_check(engine),
    }
    return make_app(lifespan, checks, {"engine": engine.notice})


def engine_check(engine: Engine) -> Any:
    """Not ready while the model loads; a download that takes minutes holds nobody up: tasks wait."""
    patient_until = time.monotonic() + _LOADING_SECONDS

    async def ask() -> str | None:
        problem = engine.problem()
        return problem if problem != "model loading" or time.monotonic() < patient_until else None

    return ask


if __name__ == "__main__":
    settings = TranscriberSettings()
    serve(SERVICE, settings, lambda: create_app(settings))
