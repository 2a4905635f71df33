"""The cards of the sources: manifests, a user's accounts and attempts, counts; in a few statements for all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from ingest_gateway.manifests import Manifests
from ingest_gateway.queries import sources as queries
from ingest_gateway.queries.switches import list_switched_off
from ingest_gateway.queries.syncs import list_latest_syncs
from ingest_gateway.queries.uploads import SOURCE_APP
from ingest_gateway.schemas import Job
from ingest_gateway.schemas.sources import Account, Attempt, Source, Webhook
from ingest_gateway.switches import has_own_switch
from ingest_gateway.words import sentence, source_name
from pipeline_contracts import ConnectorManifest

_FILES: dict[str, Any] = {
    "source": SOURCE_APP, "name": "Files", "icon": "file-upload", "connect": ["file"], "api_key_hint": None,
    "link_hosts": [], "options": [], "is_running": True, "is_configured": True,
}  # fmt: skip


@dataclass(frozen=True)
class Shelf:
    """What one user has, as far as cards tell it."""

    accounts: list[RowMapping]
    attempts: list[RowMapping]
    counts: list[RowMapping]
    waiting: dict[UUID, int]
    jobs: dict[UUID, RowMapping]
    switched_off: set[str]

    def count_of(self, account: UUID) -> int:
        """Calls of an account in the library."""
        return sum(row["count"] for row in self.counts if row["account_id"] == account)

    def total_of(self, source: str) -> tuple[int, datetime | None]:
        """Calls of a source in the library, and when the last one came in."""
        rows = [row for row in self.counts if row["source_app"] == source]
        return sum(row["count"] for row in rows), max((row["last_import_at"] for row in rows), default=None)


async def read_shelf(connection: AsyncConnection) -> Shelf:
    """By the web role, in a transaction that speaks for the user and sees one moment."""
    accounts = await queries.list_accounts(connection)
    jobs = await list_latest_syncs(connection, accounts=[row["id"] for row in accounts])
    return Shelf(
        accounts=accounts,
        attempts=await queries.list_attempts(connection),
        counts=await queries.count_calls(connection),
        waiting=await queries.count_waiting(connection),
        jobs={row["account_id"]: row for row in jobs},
        switched_off=await list_switched_off(connection),
    )


class Cards:
    """Turns rows into cards. `shared_secrets` are the sources that have one webhook secret for all accounts."""

    def __init__(self, manifests: Manifests, shared_secrets: Iterable[str]) -> None:
        self._manifests = manifests
        self._shared_secrets = frozenset(shared_secrets)

    def sources(self, shelf: Shelf) -> list[Source]:
        """All sources: files first, then by name; those of old accounts too whose connector is unknown now."""
        known = self._manifests.all()
        used = {row["source_app"] for row in (*shelf.accounts, *shelf.counts)}
        missing = used - {manifest.source for manifest in known} - {SOURCE_APP}
        described = [_FILES, *map(self._described, known), *map(self._undescribed, sorted(missing))]
        return [self._source(description, shelf) for description in described]

    def account(self, row: RowMapping, shelf: Shelf) -> Account:
        """One account's card."""
        manifest = self._manifests.find(row["source_app"])
        name = source_name(row["source_app"], self._manifests)
        job = shelf.jobs.get(row["id"])
        return Account.model_validate(
            {
                **row,
                "message": sentence(row["reason"], name),
                "webhook": self._webhook(row, manifest),
                "count": shelf.count_of(row["id"]),
                "waiting": shelf.waiting.get(row["id"], 0),
                "job": Job.model_validate(dict(job)) if job else None,
            }
        )

    def attempt(self, row: RowMapping) -> Attempt:
        """One try at connecting."""
        code = row["reason"] or ("expired" if row["status"] == "expired" else None)
        name = source_name(row["source_app"], self._manifests)
        return Attempt.model_validate({**row, "reason": code, "message": sentence(code, name)})

    def _source(self, description: dict[str, Any], shelf: Shelf) -> Source:
        source = description["source"]
        count, last = shelf.total_of(source)
        accounts = [self.account(row, shelf) for row in shelf.accounts if row["source_app"] == source]
        attempt = next((row for row in shelf.attempts if row["source_app"] == source), None)
        shown = attempt and attempt["status"] != "done"
        return Source(
            **description,
            is_active=source not in shelf.switched_off if has_own_switch(description["connect"]) else None,
            count=count,
            last_import_at=last,
            accounts=accounts,
            attempt=self.attempt(attempt) if attempt and shown else None,
        )

    def _described(self, manifest: ConnectorManifest) -> dict[str, Any]:
        has_client = manifest.oauth is not None and bool(manifest.oauth.client_id)
        return {
            **manifest.model_dump(include={"source", "name", "icon", "connect", "api_key_hint", "link_hosts"}),
            "options": manifest.options,
            "is_running": self._manifests.is_running(manifest.source),
            "is_configured": has_client or set(manifest.connect) != {"oauth2"},
        }

    def _webhook(self, row: RowMapping, manifest: ConnectorManifest | None) -> Webhook:
        scheme = manifest.webhook if manifest else None
        if scheme and not scheme.per_account:
            has_secret = row["source_app"] in self._shared_secrets
            return Webhook(state="pushed") if has_secret else Webhook(state="hourly", note="not_configured")
        is_registered = scheme is not None and row["webhook_id"] is not None
        return Webhook(state="pushed" if is_registered else "hourly", note=row["webhook_note"])

    def _undescribed(self, source: str) -> dict[str, Any]:
        return {
            "source": source, "name": source_name(source, self._manifests), "icon": "question", "connect": [],
            "api_key_hint": None, "link_hosts": [], "options": [], "is_running": False, "is_configured": False,
        }  # fmt: skip
