"""A running recorder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from starlette.applications import Starlette
from tests.support.stack import Stack

from recorder.__main__ import create_app
from recorder.settings import RecorderSettings


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
