"""The event of a recording is written by hand for speed: it is what the model would have written."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from tests.support.results import record
from tests.support.stack import Person, Stack

from pipeline_contracts import (
    IMPORT_PROGRESS,
    About,
    ConnectorRecord,
    Encoded,
    Envelope,
    JobProgress,
    RecordingCreated,
    decode,
    encode,
)
from pipeline_runtime.identifiers import uuid7s
from recorder.announce import Announcements
from recorder.books import Books
from recorder.results import Bad, Record, read
from recorder.statements import SOURCE

PERSON = Person(uuid4(), uuid4(), uuid4())
NOW = datetime(2026, 11, 20, 9, 30, 1, 5, tzinfo=UTC)


class Raw:
    def __init__(self, message: Encoded, **headers: bytes | None) -> None:
        self.value = message.value
        self.headers = tuple((dict(message.headers) | headers).items())


@pytest.mark.parametrize("duration", [None, 0, 61.5])
def test_the_event_is_what_the_model_writes(duration: float | None) -> None:
    job, (ident,) = uuid4(), uuid7s(1)
    source = record(PERSON, job, "call-1", duration=duration, title='"Tür" \\ \u2028')
    call = ConnectorRecord.model_validate_json(source.value)
    told = Announcements(NOW, "http://here").of(
        call, recording=ident, owner=PERSON.id, bank=PERSON.bank, vault=PERSON.vault, job=job
    )
    message = RecordingCreated(
        recording_id=ident, owner_user_id=PERSON.id, bank_id=PERSON.bank, vault_id=PERSON.vault, job_id=job,
        source_app=call.source_app, external_id="call-1", title=call.title, duration=duration,
        recording_start_time=call.recording_start_time, transcript_length=len(call.full_transcript),
        created_at=NOW, link=f"http://here/api/recordings/{ident}",
    )  # fmt: skip
    envelope = Envelope(message.event_type, SOURCE, id=f"recording.created:{ident}", time=NOW)
    wanted = encode(message, key=PERSON.id, envelope=envelope)
    assert (told.topic, told.key, told.value) == (wanted.topic, wanted.key, wanted.value)
    assert dict(told.headers) == dict(wanted.headers)


def test_ids_are_of_version_7_and_in_the_order_of_time() -> None:
    early, late = uuid7s(500), uuid7s(500)
    assert {one.version for one in early} == {7}
    assert {one.variant for one in early} == {"specified in RFC 4122"}
    assert len({*early, *late}) == 1000
    assert str(early[0])[:13] <= str(late[0])[:13]


@pytest.mark.parametrize("job", [b"no-uuid", b"\xff", None])
def test_a_record_whose_job_cannot_be_read_is_bad_and_not_a_crash(job: Any) -> None:
    message = record(PERSON, uuid4(), "call-1")
    assert isinstance(read(Raw(message)), Record)
    bad = read(Raw(message, ce_jobid=job))
    assert isinstance(bad, Bad)
    assert (bad.reason, bad.about) == ("no_job_named", None)


async def test_progress_is_what_the_model_writes(stack: Stack) -> None:
    job = await stack.job(await stack.person(), [])
    connection = await asyncpg.connect(stack.url("callvault_recorder"))
    books = Books(connection)
    await books.balance([job])
    (row,) = await books.say()
    await connection.close()
    told = decode(IMPORT_PROGRESS, row.message.value, row.message.headers)
    assert isinstance(told, JobProgress)
    assert (told.job_id, told.status, told.version) == (job, "completed", 3)
    assert told.ended_at is not None
    assert json.loads(row.message.value).keys() == told.model_dump(exclude_none=True).keys()
    envelope = Envelope(told.event_type, SOURCE, id=f"progress:{job}:3", about=About(job))
    found, wanted = dict(row.message.headers), dict(envelope.headers())
    assert datetime.fromisoformat(found.pop("ce_time").decode()).tzinfo is not None
    del wanted["ce_time"]
    assert found == wanted
