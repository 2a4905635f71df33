"""Failed items opened again, by whoever runs the stack: after their dead letters were sent once more."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import text

from callvault.database import transaction
from callvault.errors import CallvaultError
from callvault.home import Home
from pipeline_contracts import IMPORT_AUDIO, IMPORT_FETCH

_REOPEN = text("SELECT item_id, outcome FROM reopen(CAST(:items AS uuid[]))")
# The recorder gives out tickets of open items that nobody works on; so it need not wait until they are old.
_TICKET = text("UPDATE sync_job_items SET ticketed_at = 'epoch' WHERE id = ANY(:items) AND status = 'found'")


def asks_for_work(topic: str) -> bool:
    """Whether its messages ask for work on an item: they are passed over where the item has ended."""
    return topic == IMPORT_AUDIO.name or topic.startswith(f"{IMPORT_FETCH.name}.")


async def reopen_failed(home: Home, items: Iterable[str | None]) -> int | None:
    """How many were failed and are open again; None where the database's owner is not ours to be."""
    wanted = [found for item in items if (found := _uuid(item))]
    if not wanted:
        return 0
    try:
        async with transaction(home) as connection:
            rows = await connection.execute(_REOPEN, {"items": wanted})
            opened = [row.item_id for row in rows if row.outcome == "found"]
            await connection.execute(_TICKET, {"items": opened})
    except CallvaultError as error:
        if error.code == "database_url_missing":
            return None
        raise
    return len(opened)


def _uuid(said: str | None) -> UUID | None:
    try:
        return UUID(said or "")
    except ValueError:
        return None
