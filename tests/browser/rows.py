"""Rows that a user has from earlier, put into the tables as the services would have left them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from tests.support.live import Live

FAR = datetime.now(UTC) + timedelta(days=3650)
LINES = (
    ("Ada", "Shall we begin? The release is on Thursday."),
    ("Tom", "Yes. I still wait for the audio tests."),
)


@dataclass
class Past:
    """Writes one user's past, as the tables' owner."""

    live: Live
    user: UUID

    async def _run(self, query: str, *values: Any) -> None:
        connection = await self.live.owner()
        try:
            await connection.execute(query, *values)
        finally:
            await connection.close()

    async def account(self, source: str, email: str, status: str = "active", **more: Any) -> UUID:
        """An account that nobody syncs by schedule."""
        ident = uuid4()
        row = {
            "id": ident, "user_id": self.user, "source_app": source, "provider_account_id": ident.hex, "email": email,
            "status": status, "is_active": status in ("active", "error"), "next_sync_at": FAR,
            "last_sync_at": datetime.now(UTC) - timedelta(minutes=12), **more,
        }  # fmt: skip
        names = ", ".join(row)
        places = ", ".join(f"${n}" for n in range(1, len(row) + 1))
        await self._run(f"INSERT INTO import_sources ({names}) VALUES ({places})", *row.values())
        return ident

    async def failed(self, source: str, count: int, code: str, message: str, *, account: UUID | None = None,
                     retryable: bool = True, title: str = "Weekly review") -> None:  # fmt: skip
        """A sync that ended with failures."""
        job = uuid4()
        await self._run(
            "INSERT INTO sync_jobs (id, owner_user_id, source_app, account_id, trigger, status, found, failed, version, "
            "started_at, discovery_ended_at, ended_at) VALUES ($1, $2, $3, $4, 'manual', 'failed', $5, $5, 3, now(), "
            "now(), now() - interval '2 hours')", job, self.user, source, account, count,
        )  # fmt: skip
        await self._run(
            "INSERT INTO sync_job_items (id, job_id, owner_user_id, source_app, account_id, external_id, title, status, "
            "code, message, retryable, ended_at, first_failed_at) SELECT gen_random_uuid(), CAST($1 AS uuid), $2, $3, $4, CAST($1 AS text) || '-' || n, "
            "$8 || ' ' || n, 'failed', $6, $7, $9, now() - interval '2 hours', now() - interval '2 hours' "
            "FROM generate_series(1, $5) n",
            job, self.user, source, account, count, code, message, title, retryable,
        )  # fmt: skip

    async def calls(
        self, count: int, *, source: str = "fathom", title: str = "Planning", turns: int = 2
    ) -> UUID:
        """Calls in the library; the id of the latest one."""
        segments = [
            {"start": 7.0 * n, "end": 7.0 * n + 6, "speaker": LINES[n % 2][0], "text": LINES[n % 2][1]}
            for n in range(turns)
        ]
        text = "\n\n".join(f"{one['speaker']}: {one['text']}" for one in segments)
        connection = await self.live.owner()
        try:
            told = json.dumps(segments)
            return UUID(
                str(await self._insert(connection, count, source, title, text, told, max(60, 7 * turns)))
            )
        finally:
            await connection.close()

    async def _insert(
        self, connection: asyncpg.Connection[asyncpg.Record], count: int, source: str, title: str, text: str,
        segments: str, seconds: int,
    ) -> Any:  # fmt: skip
        rows = await connection.fetch(
            "INSERT INTO recordings (id, bank_id, owner_user_id, title, full_transcript, source_app, external_id, "
            "source_metadata, duration, recording_start_time, segments, imported_by_item) "
            "SELECT gen_random_uuid(), b.id, $1, $2 || ' ' || n, $3, $4, $2 || '-' || n, "
            "jsonb_build_object('external_id', $2 || '-' || n), $7 + n % 5000, now() - n * interval '1 hour', "
            "CAST($5 AS jsonb), gen_random_uuid() FROM generate_series(1, $6) n, banks b WHERE b.personal_of = $1 "
            "RETURNING id, recording_start_time",
            self.user, title, text, source, segments, count, seconds,
        )  # fmt: skip
        return max(rows, key=lambda row: row["recording_start_time"])["id"]

    async def used(self, count: int) -> None:
        """Imports of this month."""
        await self._run(
            "INSERT INTO import_usage (owner_user_id, month, used) VALUES ($1, date_trunc('month', now() AT TIME ZONE "
            "'UTC')::date, $2) ON CONFLICT (owner_user_id, month) DO UPDATE SET used = excluded.used", self.user, count,
        )  # fmt: skip

    async def refused(self, source: str) -> None:
        """A try at connecting that was denied at the source."""
        await self._run(
            "INSERT INTO connect_attempts (id, user_id, source_app, method, status, reason, used_at) "
            "VALUES (gen_random_uuid(), $1, $2, 'oauth2', 'failed', 'access_denied', now())", self.user, source,
        )  # fmt: skip

    async def gaps(self, call: UUID, *stretches: tuple[int, int]) -> None:
        """What could not be transcribed of a call: seconds from its start."""
        sentence = "The transcription engine does not answer."
        told = [
            {"start": start, "end": end, "code": "engine_unavailable", "message": sentence, "retryable": True}
            for start, end in stretches
        ]
        await self._run(
            "UPDATE recordings SET source_metadata = source_metadata || CAST($2 AS jsonb) WHERE id = $1",
            call, json.dumps({"transcription": {"partial": True, "gaps": told}}),
        )  # fmt: skip
