"""What a story has come to: the tables without their ids, and what must hold of every one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.properties.story import Story
from tests.support.stack import Person

_LIBRARY = """
SELECT r.id, r.external_id, r.title, r.full_transcript, r.recording_start_time, r.duration,
    r.source_metadata, r.bank_id, r.imported_by_item,
    ARRAY(SELECT v.vault_id FROM vault_entries v WHERE v.recording_id = r.id) AS vaults,
    ARRAY(SELECT i.id FROM sync_job_items i WHERE i.owner_user_id = r.owner_user_id AND i.status = 'imported'
          AND i.source_app = r.source_app AND i.external_id = r.external_id) AS imported_items,
    ARRAY(SELECT DISTINCT i.recording_id FROM sync_job_items i WHERE i.owner_user_id = r.owner_user_id
          AND i.status IN ('imported', 'duplicate') AND i.external_id = r.external_id) AS pointed_at
FROM recordings r WHERE r.owner_user_id = $1 ORDER BY r.external_id
"""
_NOT_THERE = """
SELECT DISTINCT i.external_id, i.status, i.code FROM sync_job_items i
WHERE i.owner_user_id = $1 AND NOT EXISTS (SELECT FROM recordings r WHERE r.owner_user_id = i.owner_user_id
    AND r.source_app = i.source_app AND r.external_id = i.external_id)
ORDER BY 1, 2, 3
"""
_WORDS = ("external_id", "title", "full_transcript", "recording_start_time", "duration", "source_metadata")


async def outcome_of(story: Story) -> dict[str, Any]:
    """For each user the library, what is not in it and why, and the month's usage. Raises AssertionError."""
    announced: set[str] = set()
    found = {}
    for name, person in story.people.items():
        rows = await story.pipeline.stack.owner.fetch(_LIBRARY, person.id)
        for row in rows:
            _check(row, person)
            announced.add(f"recording.created:{row['id']}")
        used = await _used(story, person.id)
        assert used == (len(rows) if name == "ben" else 0), f"{used} used for {len(rows)} calls"
        missing = await story.pipeline.stack.owner.fetch(_NOT_THERE, person.id)
        found[name] = ([tuple(row[word] for word in _WORDS) for row in rows], [tuple(row) for row in missing])
    assert story.pipeline.announced == dict.fromkeys(announced, 1)
    await _check_books(story)
    return found


def _check(row: Any, person: Person) -> None:
    """A recording lies in one vault, one item has imported it, and all others point to it."""
    assert (row["bank_id"], row["vaults"]) == (person.bank, [person.vault])
    assert row["imported_items"] == [row["imported_by_item"]]
    assert row["pointed_at"] == [row["id"]]


async def _used(story: Story, owner: UUID) -> int:
    query = "SELECT coalesce(sum(used), 0) FROM import_usage WHERE owner_user_id = $1"
    return int(await story.pipeline.stack.owner.fetchval(query, owner))


async def _check_books(story: Story) -> None:
    for job in await story.pipeline.stack.owner.fetch("SELECT id FROM sync_jobs"):
        books = await story.pipeline.stack.books(job["id"])
        assert books["open"] == 0
        assert books["ended_at"] is not None
        assert books["discovery_ended_at"] is not None
        assert books["status"] == ("completed" if not books["failed"] else _failed(books)), books["status"]


def _failed(books: dict[str, Any]) -> str:
    return "partial" if books["found"] > books["failed"] else "failed"
