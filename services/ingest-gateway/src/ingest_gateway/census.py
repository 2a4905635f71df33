"""How sources stand, for the board. Every replica counts the same rows: take the largest, not the sum."""

from __future__ import annotations

import asyncio

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from ingest_gateway.manifests import Manifests
from ingest_gateway.problems import DATABASE_AWAY, INVALID_SIGNATURE
from ingest_gateway.queries import census as queries
from pipeline_runtime import metrics

EVERY_SECONDS = 15.0
_GAUGES = (
    metrics.ACCOUNTS, metrics.SOURCE_RUNNING, metrics.WEBHOOKS_HELD, metrics.WEBHOOK_OLDEST_SECONDS
)  # fmt: skip

log = structlog.get_logger()


class Census:
    """The loop."""

    def __init__(self, intake: AsyncEngine, manifests: Manifests) -> None:
        self._intake = intake
        self._manifests = manifests

    async def run(self) -> None:
        """Count until cancelled."""
        while True:
            try:
                await self.count()
            except DATABASE_AWAY as error:
                log.warning("census.interrupted", error=type(error).__name__)
                for gauge in _GAUGES:
                    gauge.clear()  # no number is better than an old one
            except Exception:
                log.exception("census.failed")
            await asyncio.sleep(EVERY_SECONDS)

    async def count(self) -> None:
        """Once. Of sources that are known, none and nothing is 0."""
        async with self._intake.connect() as connection:
            accounts = await queries.count_accounts(connection)
            held = {row.source_app: row.held for row in await queries.count_held(connection)}
            unseen = {row.source_app: row.oldest for row in await queries.find_unseen(connection)}
        metrics.ACCOUNTS.clear()
        for row in accounts:
            metrics.ACCOUNTS.labels(row.source_app, row.status).set(row.accounts)
        known = {manifest.source: manifest for manifest in self._manifests.all()}
        for source, manifest in known.items():
            metrics.SOURCE_RUNNING.labels(source).set(self._manifests.is_running(source))
            if manifest.webhook:
                metrics.DELIVERIES.labels(source, INVALID_SIGNATURE.code)  # 0 before the first
                metrics.WEBHOOKS_HELD.labels(source).set(held.get(source, 0))
                metrics.WEBHOOK_OLDEST_SECONDS.labels(source).set(unseen.get(source, 0))
