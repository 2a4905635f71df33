"""How sources stand, over all users: counts alone, by the intake role."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

_ACCOUNTS = text("SELECT source_app, status, count(*) AS accounts FROM import_sources GROUP BY 1, 2")
_HELD = text("""
SELECT s.source_app, count(*) AS held
FROM webhook_held h JOIN import_sources s ON s.id = h.account_id GROUP BY 1
""")
_UNSEEN = text("""
SELECT source_app, CAST(extract(epoch FROM now() - min(received_at)) AS float) AS oldest
FROM webhook_inbox WHERE state = 'stored' GROUP BY 1
""")


async def count_accounts(connection: AsyncConnection) -> list[Row[Any]]:
    """Accounts by source and status."""
    return list(await connection.execute(_ACCOUNTS))


async def count_held(connection: AsyncConnection) -> list[Row[Any]]:
    """Webhooks that wait for their accounts, by source."""
    return list(await connection.execute(_HELD))


async def find_unseen(connection: AsyncConnection) -> list[Row[Any]]:
    """Seconds since the oldest webhook came that no connector has looked at, by source."""
    return list(await connection.execute(_UNSEEN))
