"""Calls in the library, as the recorder enters them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
from tests.support.eventually import eventually
from tests.support.gateway import Gateway
from tests.support.stack import Person

from ingest_gateway.indexing import Indexer
from pipeline_runtime.identifiers import uuid7s

STARTED = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)


async def add_call(gateway: Gateway, person: Person, title: str, text: str, **columns: Any) -> UUID:
    """A call; `columns` replace what it has by default."""
    (call,) = uuid7s(1)
    external_id = columns.pop("external_id", f"call-{call}")
    metadata = {"external_id": external_id, **columns.pop("metadata", {})}
    values = {
        "id": call, "bank_id": person.bank, "owner_user_id": person.id, "title": title, "full_transcript": text,
        "source_app": "fathom", "external_id": external_id, "source_metadata": json.dumps(metadata),
        "recording_start_time": STARTED, "imported_by_item": uuid4(), **columns,
    }  # fmt: skip
    if "segments" in values:
        values["segments"] = json.dumps(values["segments"])
    marks = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    await gateway.stack.owner.execute(
        f"INSERT INTO recordings ({', '.join(values)}) VALUES ({marks})", *values.values()
    )
    return call


async def search(client: httpx.AsyncClient, text: str, **more: Any) -> list[str]:
    """The titles of the calls that a search finds."""
    answer = await client.get("/api/recordings", params={"q": text, **more})
    assert answer.status_code == 200, answer.text
    return [call["title"] for call in answer.json()["recordings"]]


async def make_searchable(gateway: Gateway, *calls: UUID) -> None:
    """Wait until the words of some calls are known; helps the loop, whose rounds are seconds apart."""
    indexer = Indexer(gateway.app.state.deps.intake)

    async def are_known() -> bool:
        await indexer.round()
        found = "SELECT count(*) FROM recording_search WHERE recording_id = ANY ($1)"
        return bool(await gateway.stack.owner.fetchval(found, list(calls)) == len(calls))

    await eventually(are_known)
