"""Disconnecting: the webhook deleted, the consent given back, the secret wiped.

The credentials' row is the work; it stays until the provider has agreed, or an hour has passed:
then it is wiped all the same, and the card says so.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text

from pipeline_runtime.connectors import stopping
from pipeline_runtime.connectors.kit import Kit
from pipeline_runtime.connectors.refreshing import ReconnectNeeded
from pipeline_runtime.failures import ItemProblem

PATIENCE = timedelta(hours=1)
PAUSE = timedelta(minutes=2)
NOT_TOLD = "provider_not_told"
"""The secret is wiped here, and the provider could not be told: the user may withdraw consent there."""

_CLAIM = text("""
UPDATE source_credentials c SET close_at = now() + CAST(:pause AS interval),
    closing_since = coalesce(closing_since, now())
FROM import_sources s
WHERE s.id = c.account_id AND c.account_id = (
    SELECT c.account_id FROM source_credentials c JOIN import_sources s ON s.id = c.account_id
    WHERE s.source_app = :source AND s.status = 'disconnected' AND coalesce(c.close_at, now()) <= now()
    ORDER BY c.close_at NULLS FIRST LIMIT 1 FOR UPDATE OF c SKIP LOCKED)
RETURNING c.account_id, c.generation, s.webhook_id,
    c.closing_since <= now() - CAST(:patience AS interval) AS is_late
""")
_WIPE = text("""
DELETE FROM source_credentials c USING import_sources s
WHERE c.account_id = :account AND c.generation = :generation
  AND s.id = c.account_id AND s.status = 'disconnected'
RETURNING c.account_id
""")
_FORGET = (
    text("DELETE FROM webhook_secrets WHERE account_id = :account"),
    text("DELETE FROM webhook_held WHERE account_id = :account"),
    text("UPDATE import_sources SET webhook_id = NULL, webhook_note = NULL, next_sync_at = NULL "
         "WHERE id = :account"),
)  # fmt: skip
_UNREGISTER = text("""
UPDATE import_sources SET webhook_id = NULL, webhook_note = NULL
WHERE id = :account AND webhook_id = :webhook RETURNING id
""")
_STILL_GONE = text("""
SELECT true FROM source_credentials c JOIN import_sources s ON s.id = c.account_id
WHERE c.account_id = :account AND c.generation = :generation AND s.status = 'disconnected'
""")

log = structlog.get_logger()


async def close_next(kit: Kit) -> bool:
    """Work on one disconnected account; False where none waits."""
    values = {"source": kit.name, "pause": PAUSE, "patience": PATIENCE}
    async with kit.engine.begin() as connection:
        row = (await connection.execute(_CLAIM, values)).one_or_none()
    if row is None:
        return False
    with structlog.contextvars.bound_contextvars(account=str(row.account_id)):
        await stopping.stop_account(kit, row.account_id)
        told = await _tell_provider(kit, row)
        if told or row.is_late:
            await _wipe(kit, row.account_id, row.generation, None if told else NOT_TOLD)
    return True


async def _tell_provider(kit: Kit, row: Any) -> bool:
    """Whether nothing more of ours is there. A consent that is gone already has taken all along."""
    connector, http = kit.connector, kit.http(row.account_id)
    try:
        if row.webhook_id and connector.remove_webhook:
            await connector.remove_webhook(http, row.webhook_id)
            await _forget_webhook(kit, row.account_id, row.webhook_id)
        if not await _is_still_gone(kit, row):
            return False
        if connector.revoke:
            await connector.revoke(http)
        elif kit.endpoint:
            await _revoke(kit, row.account_id, row.generation)
    except ReconnectNeeded:
        return True
    except ItemProblem as problem:
        log.warning("source.not_told", code=problem.code)
        return False
    except Exception:
        log.exception("source.not_told")
        return False
    return True


async def _forget_webhook(kit: Kit, account: UUID, webhook: str) -> None:
    """At once: who connects again before all is told is to have a new one, and not the removed one's id."""
    async with kit.engine.begin() as connection:
        if await connection.scalar(_UNREGISTER, {"account": account, "webhook": webhook}):
            await connection.execute(_FORGET[0], {"account": account})


async def _is_still_gone(kit: Kit, row: Any) -> bool:
    """False where it was connected again meanwhile: the consent is a new one, and stays."""
    async with kit.engine.connect() as connection:
        values = {"account": row.account_id, "generation": row.generation}
        return bool(await connection.scalar(_STILL_GONE, values))


async def _revoke(kit: Kit, account: UUID, generation: int) -> None:
    """By the provider's own address, where it has one; with a token that is alive, or it would not count."""
    assert kit.endpoint is not None
    found = await kit.refresher.current(account)
    if found.generation == generation and "access_token" in found.secret:
        await kit.endpoint.revoke(str(found.secret["access_token"]))


async def _wipe(kit: Kit, account: UUID, generation: int, reason: str | None) -> None:
    """Unless it was connected again meanwhile, which has put another secret in this one's place."""
    async with kit.relay.transaction() as transaction:
        wiped = await transaction.connection.scalar(_WIPE, {"account": account, "generation": generation})
        if wiped is None:
            return
        for statement in _FORGET:
            await transaction.connection.execute(statement, {"account": account})
        await kit.accounts.tell_disconnected(transaction, account, reason)
    log.info("source.wiped", reason=reason)
