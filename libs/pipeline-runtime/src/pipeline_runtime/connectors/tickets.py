"""What a connector is told by messages. Each becomes rows, and is acknowledged; nothing slow here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid5

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from pipeline_contracts import (
    CancelRequested,
    ConnectRequested,
    DisconnectRequested,
    FetchRequested,
    Message,
)
from pipeline_runtime import tasks
from pipeline_runtime.connectors import admission, inbox, stopping
from pipeline_runtime.connectors.admission import LIVE, Place, Stopped
from pipeline_runtime.connectors.connecting import add_listing
from pipeline_runtime.connectors.kit import Kit
from pipeline_runtime.connectors.values import Item
from pipeline_runtime.outbox import Transaction

_ITEMS = text("""
SELECT i.id, i.job_id, i.owner_user_id, i.account_id, i.status, i.attempt, i.ticket, s.generation,
    s.options, s.status AS account_status
FROM sync_job_items i JOIN sync_jobs j ON j.id = i.job_id LEFT JOIN import_sources s ON s.id = i.account_id
WHERE i.id = ANY(:items) AND i.ticket IS NOT NULL ORDER BY i.id
""")
_JOB = text("""
INSERT INTO sync_jobs (id, owner_user_id, source_app, account_id, trigger)
VALUES (:id, :user, :source, :account, 'retry') ON CONFLICT (id) DO NOTHING
""")
# A job that was made to look again, where there is nothing to look at any longer.
_END = text("""
UPDATE sync_jobs SET discovery_ended_at = now(), version = version + 1
WHERE id = :job AND request ? 'revisit' AND discovery_ended_at IS NULL RETURNING owner_user_id
""")

log = structlog.get_logger()


class Tickets:
    """The subscriber of both of a source's topics. `ring` wakes what works on connections."""

    def __init__(self, kit: Kit, ring: Callable[[], None]) -> None:
        self._kit = kit
        self._ring = ring

    async def on_command(self, message: Message) -> None:
        """Connect, disconnect, cancel: the rows say what; the message that it is time."""
        if isinstance(message, CancelRequested):
            await stopping.stop_job(self._kit, message.job_id)
        elif isinstance(message, DisconnectRequested):
            await stopping.stop_account(self._kit, message.account_id)
            self._ring()
        elif isinstance(message, ConnectRequested):
            self._ring()

    async def on_fetch(self, message: Message) -> None:
        """A sync, links, items, or a webhook."""
        assert isinstance(message, FetchRequested)
        if message.inbox_id is not None:
            await inbox.resolve(self._kit, message.inbox_id, message.account_id)
        elif message.item_ids:
            await self._fetch_items(message.job_id, message.item_ids)
        elif message.job_id is not None:
            async with self._kit.engine.begin() as connection:
                await add_listing(connection, self._kit, message.job_id)

    async def on_unreadable(self, _headers: list[tuple[str, bytes]], reason: str) -> None:
        """Nothing is lost with it: the rows say what is to be done, and are looked at again."""
        log.warning("ticket.unreadable", reason=reason)

    async def _fetch_items(self, job: UUID | None, items: tuple[UUID, ...]) -> None:
        try:
            async with self._kit.relay.transaction() as transaction:
                for row in await transaction.connection.execute(_ITEMS, {"items": list(items)}):
                    if row.status == "found" and row.account_status == "disconnected":
                        transaction.emit(self._kit.messages.out_of_reach(row))
                    elif row.status == "found":
                        await self._fetch_again(transaction.connection, row)
                    elif row.status == "skipped" and job != row.job_id:
                        owner = await self._look_again(transaction.connection, job, row)
                        transaction.emit(self._kit.messages.discovery_ended(owner, row.owner_user_id))
                await self._end_empty(transaction, job)
        except Stopped:
            log.info("ticket.too_late", items=len(items))
            async with self._kit.relay.transaction() as transaction:
                await self._end_empty(transaction, job)

    async def _end_empty(self, transaction: Transaction, job: UUID | None) -> None:
        """Or the job would stay open for ever, with nothing in it."""
        owner = await transaction.connection.scalar(_END, {"job": job})
        if job is not None and owner is not None:
            transaction.emit(self._kit.messages.discovery_ended(job, owner))

    async def _fetch_again(self, connection: AsyncConnection, row: Any) -> None:
        await tasks.add(
            connection, kind=self._kit.fetching, job=row.job_id, item=row.id, attempt=row.attempt,
            payload={**row.ticket, "generation": row.generation, "options": _options(row)},
            account=row.account_id, priority=LIVE,
        )  # fmt: skip

    async def _look_again(self, connection: AsyncConnection, job: UUID | None, row: Any) -> UUID:
        """A skipped item, in a job of its own: the one that was made for it, or one derived from the item."""
        into = job or uuid5(row.id, str(row.attempt))
        place = Place(into, row.account_id, row.generation, _options(row), live=True)
        await admission.lock_account(connection, place)
        values = {"id": into, "user": row.owner_user_id, "source": self._kit.name, "account": row.account_id}
        await connection.execute(_JOB, values)
        item = Item.model_validate(row.ticket["source_item"])
        await admission.admit(connection, place, self._kit.fetching, [item], last=True)
        return into


def _options(row: Any) -> dict[str, bool]:
    """The account's as they are now; of a link, those that it came with."""
    return dict(row.options or row.ticket.get("options") or {})
