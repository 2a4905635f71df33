"""A recording whose gaps were filled: its transcript is replaced once, in order, by the recorder alone."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

from starlette.applications import Starlette
from tests.support.eventually import eventually
from tests.support.results import record
from tests.support.stack import Person, Stack

from pipeline_contracts import (
    RECORDING_UPDATED,
    About,
    Encoded,
    Envelope,
    RecordingUpdated,
    Segment,
    TranscriptAmended,
    decode,
    encode,
)

GAP = {"start": 720.0, "end": 960.0, "code": "engine_unavailable", "message": "Away.", "retryable": True}
PARTIAL = {"transcription": {"engine": "openai", "parts": 3, "partial": True, "gaps": [GAP, GAP]}}


def amended(person: Person, job: UUID, item: UUID, version: int, **more: Any) -> Encoded:
    fields: dict[str, Any] = {
        "full_transcript": f"All of it, as of version {version}.",
        "segments": (Segment(start=0, end=1, text="All of it."),),
        "source_metadata": {"transcription": {"engine": "openai", "parts": 3}},
    }
    message = TranscriptAmended(job_id=job, item_id=item, version=version, **(fields | more))
    envelope = Envelope(message.event_type, "/tests", about=About(job, item, 1))
    return encode(message, key=person.id, envelope=envelope)


async def imported(stack: Stack) -> tuple[Person, UUID, UUID]:
    """A person, a job and its item, whose recording has two gaps."""
    person = await stack.person()
    job = await stack.job(person, ["call-1"])
    metadata = {"external_id": "call-1", "filename": "call.m4a", **PARTIAL}
    await stack.publish(record(person, job, "call-1", source_metadata=metadata))

    async def item() -> UUID | None:
        found: UUID | None = await stack.owner.fetchval(
            "SELECT id FROM sync_job_items WHERE job_id = $1 AND status = 'imported'", job
        )
        return found

    return person, job, await eventually(item)


async def recording_at(stack: Stack, item: UUID, version: int) -> Any:
    """The item's recording once it is of that version."""
    row = await stack.owner.fetchrow("SELECT * FROM recordings WHERE imported_by_item = $1", item)
    return row if row and row["version"] >= version else None


async def test_a_filled_gap_replaces_the_transcript_and_is_told(stack: Stack, recorder: Starlette) -> None:
    person, job, item = await imported(stack)

    await stack.publish(amended(person, job, item, 2))
    row = await eventually(lambda: recording_at(stack, item, 2))

    assert row["full_transcript"] == "All of it, as of version 2."
    assert json.loads(row["segments"])[0]["text"] == "All of it."
    assert json.loads(row["source_metadata"]) == {
        "external_id": "call-1", "filename": "call.m4a", "transcription": {"engine": "openai", "parts": 3},
    }  # fmt: skip
    (told,) = await stack.messages("recording.updated", at_least=1)
    event = decode(RECORDING_UPDATED, told.value, told.headers)
    assert isinstance(event, RecordingUpdated)
    assert (event.recording_id, event.version, event.gaps) == (row["id"], 2, 0)
    assert event.transcript_length == len(row["full_transcript"])
    assert dict(told.headers)["ce_id"] == f"recording.updated:{row['id']}:2".encode()
    assert told.key == str(person.id).encode()


async def test_what_comes_again_or_late_changes_nothing(stack: Stack, recorder: Starlette) -> None:
    person, job, item = await imported(stack)
    other = await stack.person()

    for version in (3, 2, 3):
        await stack.publish(amended(person, job, item, version))
    await stack.publish(amended(person, uuid4(), item, 9, full_transcript="Of another job."))
    await stack.publish(amended(other, job, uuid4(), 9, full_transcript="Of no item."))
    await stack.publish(amended(person, job, item, 4, source_metadata=PARTIAL | {"external_id": "call-9"}))
    row = await eventually(lambda: recording_at(stack, item, 4))

    assert (row["full_transcript"], row["version"]) == ("All of it, as of version 4.", 4)
    assert json.loads(row["source_metadata"])["external_id"] == "call-1"
    told = await stack.messages("recording.updated", at_least=2)
    events = [decode(RECORDING_UPDATED, one.value, one.headers) for one in told]
    versions = [one.version for one in events if isinstance(one, RecordingUpdated)]
    assert set(versions) <= {2, 3, 4}
    assert len(set(versions)) == len(versions)
    assert [one.gaps for one in events if isinstance(one, RecordingUpdated) and one.version == 4] == [2]


async def test_a_transcript_that_no_database_takes_is_parked_and_the_others_are_written(
    stack: Stack, recorder: Starlette
) -> None:
    person, job, item = await imported(stack)

    await stack.publish(amended(person, job, item, 2, full_transcript="a\x00b"))
    await stack.publish(amended(person, job, item, 3))
    row = await eventually(lambda: recording_at(stack, item, 3))
    parked = await stack.messages("import.results.dead", at_least=1)

    assert row["full_transcript"] == "All of it, as of version 3."
    assert [dict(one.headers)["dead_reason"] for one in parked] == [b"nul_character"]
    assert (await stack.books(job))["imported"] == 1
