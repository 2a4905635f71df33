"""How often a source may be asked, counted in the database for all replicas together.

A bucket holds a quarter of what is allowed and fills steadily with the rest, so that no window of
the provider's sees more than it allows. A fifth of it is kept for live items.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from pipeline_runtime import metrics
from pipeline_runtime.connectors.values import Budget, Manifest
from pipeline_runtime.failures import SOURCE_RATE_LIMITED, Transient

PATIENCE = 10.0
"""Seconds that a call waits in place. Beyond, its task is put back and others have their turn."""
_BURST = 0.25
_KEPT_FOR_LIVE = 0.2
_EVERYBODY = "app"
_WORKSPACE = text("SELECT workspace FROM import_sources WHERE id = :account")
GLOBAL = "global"

_MAKE = text("""
INSERT INTO provider_budgets (source_app, scope, bucket, tokens) VALUES (:source, :scope, :bucket, :capacity)
ON CONFLICT DO NOTHING
""")
_DEBIT = text("""
WITH now_full AS (
    SELECT source_app, scope, bucket, blocked_until,
        least(CAST(:capacity AS float),
              tokens + :rate * greatest(0, extract(epoch FROM clock_timestamp() - refilled_at))) AS tokens
    FROM provider_budgets WHERE source_app = :source AND scope = :scope AND bucket = :bucket FOR UPDATE
), judged AS (
    SELECT *, coalesce(extract(epoch FROM blocked_until - clock_timestamp()), 0) AS blocked,
        (CAST(:needed AS float) - tokens) / :rate AS short FROM now_full
)
UPDATE provider_budgets b SET refilled_at = clock_timestamp(),
    tokens = j.tokens - CASE WHEN j.blocked <= 0 AND j.short <= 0 THEN 1 ELSE 0 END
FROM judged j WHERE b.source_app = j.source_app AND b.scope = j.scope AND b.bucket = j.bucket
RETURNING CAST(greatest(j.blocked, j.short, 0) AS float) AS wait
""")
_BLOCK = text("""
INSERT INTO provider_budgets AS b (source_app, scope, bucket, tokens, blocked_until)
VALUES (:source, :scope, :bucket, :capacity, clock_timestamp() + CAST(:wait AS interval))
ON CONFLICT (source_app, scope, bucket)
DO UPDATE SET blocked_until = greatest(b.blocked_until, excluded.blocked_until)
""")


class Budgets:
    """The budgets of one source. What the manifest names no budget for is free until a provider objects."""

    def __init__(self, engine: AsyncEngine, manifest: Manifest, factor: float = 1.0) -> None:
        self._engine = engine
        self._source = manifest.source
        self._factor = factor
        self._known = {
            budget.bucket: replace(budget, calls=budget.calls * factor) for budget in manifest.budgets
        }
        self._workspaces: dict[UUID, str] = {}

    async def debit(self, bucket: str, account: UUID | None, *, live: bool) -> None:
        """Take one call from `global` and from the bucket. Raises Transient where the wait is long."""
        for name in dict.fromkeys((GLOBAL, bucket)):
            await self._debit(self._known.get(name) or _free(name), account, live=live)

    async def block(self, bucket: str, account: UUID | None, wait: float) -> None:
        """Nobody asks before that many seconds: the provider said so."""
        metrics.SOURCE_BLOCKED.labels(self._source, "told").inc()
        budget = self._known.get(bucket) or _free(bucket)
        place = await self._place(budget, account)
        values = place | {"wait": timedelta(seconds=wait), "capacity": _capacity(budget)}
        async with self._engine.begin() as connection:
            await connection.execute(_BLOCK, values)

    async def pause(self, bucket: str, account: UUID | None, wait: float) -> None:
        """Nobody asks for a while, by our own wish; for less long where we may ask more than is published."""
        await self.block(bucket, account, wait / self._factor)

    async def _debit(self, budget: Budget, account: UUID | None, *, live: bool) -> None:
        waited = 0.0
        while (wait := await self._try(budget, account, live=live)) > 0:
            if waited + wait > PATIENCE:
                metrics.SOURCE_BLOCKED.labels(self._source, "spent").inc()
                raise Transient(SOURCE_RATE_LIMITED, retry_after=wait)
            metrics.SOURCE_WAIT_SECONDS.labels(self._source).inc(wait)
            await asyncio.sleep(wait)
            waited += wait

    async def _try(self, budget: Budget, account: UUID | None, *, live: bool) -> float:
        """Seconds to wait; 0: the call is paid for."""
        capacity = _capacity(budget)
        place = await self._place(budget, account)
        values = place | {
            "capacity": capacity,
            "rate": budget.calls * (1 - _BURST) / budget.per,
            "needed": 1.0 if live else min(capacity, 1 + capacity * _KEPT_FOR_LIVE),
        }
        async with self._engine.begin() as connection:
            wait = await connection.scalar(_DEBIT, values)
            if wait is None:
                await connection.execute(_MAKE, place | {"capacity": capacity})
                wait = await connection.scalar(_DEBIT, values)
        return float(wait or 0.0)

    async def _place(self, budget: Budget, account: UUID | None) -> dict[str, object]:
        scope = _EVERYBODY
        if account is not None and budget.scope != "app":
            workspace = await self._workspace(account) if budget.scope == "workspace" else None
            scope = f"workspace {workspace}" if workspace else str(account)
        return {"source": self._source, "scope": scope, "bucket": budget.bucket}

    async def _workspace(self, account: UUID) -> str | None:
        """An account's never changes; one that was connected before workspaces were asked for has none yet."""
        if account not in self._workspaces:
            async with self._engine.connect() as connection:
                found = await connection.scalar(_WORKSPACE, {"account": account})
            if found is None:
                return None
            self._workspaces[account] = str(found)
        return self._workspaces[account]


def _capacity(budget: Budget) -> float:
    return max(1.0, budget.calls * _BURST)


def _free(bucket: str) -> Budget:
    return Budget(bucket, 1_000_000, per=1)
