"""What a record says on the wire is what its row may hold."""

from __future__ import annotations

import json
from uuid import uuid4

import asyncpg
import pytest
from tests.support.results import record
from tests.support.stack import Stack

INSERT = """
INSERT INTO recordings (id, bank_id, owner_user_id, title, full_transcript, source_app, external_id, source_metadata,
    recording_start_time, imported_by_item)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now(), $1)
"""


async def test_the_metadata_of_a_record_names_its_rows_call_and_no_other_is_taken(stack: Stack) -> None:
    ada = await stack.person()
    sent = json.loads(record(ada, uuid4(), "call-1").value)
    assert next(iter(sent["source_metadata"])) == "external_id"
    assert sent["source_metadata"]["external_id"] == sent["external_id"]

    def row(external_id: str, metadata: object) -> tuple[object, ...]:
        texts = sent["title"], sent["full_transcript"], sent["source_app"], external_id
        return uuid4(), ada.bank, ada.id, *texts, json.dumps(metadata)

    await stack.owner.execute(INSERT, *row("call-1", sent["source_metadata"]))
    for other in ({"external_id": "call-3"}, {"external_id": None}, {}, []):
        with pytest.raises((asyncpg.CheckViolationError, asyncpg.NotNullViolationError)):
            await stack.owner.execute(INSERT, *row("call-2", other))
