"""Work asked for again: a file's for the transcriber, a call's and a listing's for its source's connector."""

from __future__ import annotations

import json

import asyncpg

from pipeline_contracts import About, Encoded, Envelope, FetchRequested, encode
from recorder import announce
from recorder.statements import SOURCE

# Listings that nobody works on, and items that nobody has looked at again: what asked for them got lost.
RELIST = """
WITH idle AS (
    SELECT j.id FROM sync_jobs j
    WHERE j.ended_at IS NULL AND j.discovery_ended_at IS NULL AND j.cancel_requested_at IS NULL
      AND (j.account_id IS NOT NULL AND j.trigger IN ('connect', 'manual', 'schedule')
           OR j.request ?| '{links,revisit}')
      AND coalesce(j.ticketed_at, j.created_at) < now() - $1::interval
      AND NOT EXISTS (SELECT FROM tasks t WHERE t.job_id = j.id AND t.item_id IS NULL)
    ORDER BY j.id LIMIT 500
), locked AS (
    SELECT j.id FROM sync_jobs j JOIN idle USING (id) ORDER BY j.id FOR UPDATE OF j
)
UPDATE sync_jobs j SET ticketed_at = now() FROM locked WHERE j.id = locked.id
RETURNING j.id, j.account_id, j.owner_user_id, j.source_app, j.trigger, j.request
"""


def ticket_of(row: asyncpg.Record) -> Encoded:
    """An item's ticket, for its present attempt. `row` has id, job, owner, source, account, attempt, ticket."""
    ticket = json.loads(row["ticket"])
    if "source_item" not in ticket:
        return announce.ticket(ticket, owner=row["owner_user_id"], attempt=row["attempt"])
    item, job, account = row["id"], row["job_id"], row["account_id"]
    message = FetchRequested(job_id=job, account_id=account, trigger="retry", item_ids=(item,))
    about = About(job, item, row["attempt"])
    return encode(
        message, key=account or row["owner_user_id"], source=row["source_app"],
        envelope=Envelope(message.event_type, SOURCE, about=about),
    )  # fmt: skip


def listing_of(row: asyncpg.Record) -> Encoded:
    """A job's listing; the job's row says what was asked for."""
    request = json.loads(row["request"] or "{}")
    known = {name: request[name] for name in ("window_from", "window_to", "links") if request.get(name)}
    if "revisit" in request:
        known["item_ids"] = (request["revisit"],)
    message = FetchRequested.model_validate(
        {"job_id": row["id"], "account_id": row["account_id"], "trigger": row["trigger"], **known}
    )
    return encode(
        message, key=row["account_id"] or row["owner_user_id"], source=row["source_app"],
        envelope=Envelope(message.event_type, SOURCE, about=About(row["id"])),
    )  # fmt: skip
