"""A running recorder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from starlette.applications import Starlette
from tests.support.database import connect, tables
from tests.support.stack import Stack

from pipeline_runtime.database import make_engine
from pipeline_runtime.outbox import Relay
from recorder.__main__ import create_app
from recorder.reconciler import Reconciler
from recorder.settings import RecorderSettings

__all__ = ["connect", "tables"]


def settings_for(stack: Stack) -> RecorderSettings:
    return RecorderSettings(
        recorder_database_url=stack.url("callvault_recorder"),
        recorder_reconcile_every=timedelta(milliseconds=200),
        recorder_reticket_after=timedelta(seconds=1),
        **stack.kafka.model_dump(),
    )


@pytest.fixture
async def recorder(stack: Stack) -> AsyncIterator[Starlette]:
    app = create_app(settings_for(stack))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def reconciler(stack: Stack) -> AsyncIterator[Reconciler]:
    settings = RecorderSettings(
        recorder_database_url=stack.url("callvault_recorder"),
        recorder_reticket_after=timedelta(minutes=1),
        **stack.kafka.model_dump(),
    )
    engine = make_engine(settings.recorder_database_url, app="tests")
    relay = Relay(engine, stack.publisher, service="recorder")
    yield Reconciler(settings, relay)
    await relay.drain()
    await engine.dispose()
