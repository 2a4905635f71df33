"""Engines: what the server has ended is not used again."""

from __future__ import annotations

from tests.support.database import MakeEngine, Session
from tests.support.eventually import eventually
from tests.support.stack import Stack

from pipeline_runtime.database import ping


async def test_connections_that_the_server_has_ended_are_not_used_again(
    tables: Stack, engine_of: MakeEngine, admin: Session
) -> None:
    engine = engine_of("callvault_web")
    async with engine.connect() as one, engine.connect() as other:
        used = [(await each.get_raw_connection()).driver_connection for each in (one, other)]
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND usename = 'callvault_web'",
        tables.database,
    )

    async def ended() -> bool:
        return all(each is not None and each.is_closed() for each in used)

    await eventually(ended)
    await ping(engine)
    async with engine.connect() as again:
        assert (await again.get_raw_connection()).driver_connection not in used
