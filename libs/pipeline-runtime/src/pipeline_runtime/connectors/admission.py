"""Admission: what was found goes into the books, and gets its tasks, in the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from pipeline_runtime import metrics, tasks
from pipeline_runtime.connectors.values import Item

LIVE, BACKFILL = 0, 1

_LOCK_ACCOUNT = """
SELECT id, user_id, status, generation, synced_through FROM import_sources WHERE id = :account FOR {lock}
"""
_LOCK_TO_READ, _LOCK_TO_CHANGE = (text(_LOCK_ACCOUNT.format(lock=one)) for one in ("SHARE", "NO KEY UPDATE"))
_ADMIT = text("SELECT * FROM admit(:job, CAST(:items AS jsonb), :last)")
_CANCELLED = text("SELECT cancel_requested_at IS NOT NULL FROM sync_jobs WHERE id = :job")


class Stopped(Exception):
    """The job was cancelled, or its account disconnected: nothing more is admitted. Roll back."""


@dataclass(frozen=True)
class Place:
    """What items are admitted to: a job, and the account (with its generation) that they are fetched by."""

    job: UUID
    account: UUID | None
    generation: int | None
    options: Mapping[str, bool]
    live: bool = False

    def payload(self, ticket: dict[str, Any]) -> dict[str, Any]:
        """A task's: the item's ticket, and under which generation it was begun."""
        return {**ticket, "generation": self.generation, "options": dict(self.options)}


def ticket_of(place: Place, item: Item, inbox: UUID | None = None) -> dict[str, Any]:
    """What an item is fetched by, now and whenever it is tried again.

    Without an account there is no card: what the user chose for the links stays with each item.
    """
    ticket: dict[str, Any] = {"source_item": item.model_dump(mode="json")}
    if place.account is None and place.options:
        ticket["options"] = dict(place.options)
    return ticket if inbox is None else ticket | {"inbox_id": str(inbox)}


async def lock_account(connection: AsyncConnection, place: Place, *, to_change: bool = False) -> Any:
    """The account's row, which nobody disconnects before we commit; None without one. Raises Stopped.

    `to_change`: by us alone. Two who had only shared it would wait for each other.
    """
    if place.account is None:
        return None
    row = (
        await connection.execute(_LOCK_TO_CHANGE if to_change else _LOCK_TO_READ, {"account": place.account})
    ).one_or_none()
    if row is None or row.status == "disconnected" or row.generation != place.generation:
        raise Stopped
    return row


async def admit(
    connection: AsyncConnection, place: Place, kind: str, items: Sequence[Item], *,
    synced_through: datetime | None = None, last: bool = False, inbox: UUID | None = None,
) -> list[Any]:  # fmt: skip
    """Enter the items, and make a task for each that is to be fetched; the rows that `admit` answered.

    Behind `synced_through`, what is known already is not entered again. The account is to be
    locked first. Raises Stopped.
    """
    by_key = {item.external_id: item for item in items}
    page = [_entry(place, item, synced_through, inbox) for item in by_key.values()]
    values = {"job": place.job, "items": json.dumps(page), "last": last}
    rows = list(await connection.execute(_ADMIT, values))
    if await connection.scalar(_CANCELLED, {"job": place.job}):
        raise Stopped
    for row in rows:
        metrics.LISTED.labels(kind.partition(":")[2], row.outcome).inc()
        if row.outcome == "found":
            item = by_key[row.external_id]
            fresh = place.live or _is_newer(item, synced_through)
            await tasks.add(
                connection, kind=kind, job=place.job, item=row.item_id, attempt=1,
                payload=place.payload(ticket_of(place, item, inbox)), account=place.account,
                priority=LIVE if fresh else BACKFILL,
            )  # fmt: skip
    return rows


def _entry(place: Place, item: Item, synced_through: datetime | None, inbox: UUID | None) -> dict[str, Any]:
    started_at = None if item.started_at is None else item.started_at.isoformat()
    behind = synced_through is not None and not _is_newer(item, synced_through)
    return {
        "external_id": item.external_id,
        "title": item.title,
        "started_at": started_at,
        "behind_cursor": behind,
        "ticket": ticket_of(place, item, inbox),
    }


def _is_newer(item: Item, synced_through: datetime | None) -> bool:
    return synced_through is not None and item.started_at is not None and item.started_at > synced_through
