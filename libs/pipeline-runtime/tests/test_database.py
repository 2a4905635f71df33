"""Engines: what the server has ended is not used again."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.support.database import MakeEngine, Session
from tests.support.eventually import eventually
from tests.support.stack import Stack

from pipeline_runtime import database
from pipeline_runtime.database import is_away, ping


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


async def test_who_stands_still_in_a_transaction_holds_up_nobody(
    tables: Stack, engine_of: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "STANDSTILL_SECONDS", 1)
    person = await tables.person()
    engine = engine_of("callvault_owner")
    lock = "SELECT id FROM users WHERE id = $1 FOR UPDATE"
    connection = await engine.connect()
    await connection.execute(text("SELECT id FROM users WHERE id = :id FOR UPDATE"), {"id": person.id})
    assert await tables.owner.fetchval(lock, person.id, timeout=15) == person.id
    with pytest.raises(DBAPIError) as caught:
        await connection.execute(text("SELECT 1"))
    assert is_away(caught.value)  # what it was at is done again
    await connection.close()
    await ping(engine)
