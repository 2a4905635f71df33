"""How a message travels, and what a reader makes of one that is broken."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from pipeline_contracts import (
    IMPORT_AUDIO,
    IMPORT_RESULTS,
    MAX_MESSAGE_BYTES,
    About,
    ConnectorRecord,
    DiscoveryEnded,
    Encoded,
    Envelope,
    Message,
    MessageTooLarge,
    Unreadable,
    about,
    decode,
    encode,
    event_type,
)

RECORD = ConnectorRecord.event_type
PRIVATE = "sesame"


def record(**more: Any) -> ConnectorRecord:
    fields = {
        "external_id": "call-1",
        "source_app": "zoom",
        "title": "A call",
        "full_transcript": "What was said.",
        "recording_start_time": "2026-11-20T10:00:00+01:00",
        "source_metadata": {"host": "ada", "external_id": "call-1"},
    }
    return ConnectorRecord.model_validate(fields | more)


def sent(message: Message) -> Encoded:
    return encode(message, key="k", envelope=Envelope(message.event_type, "/tests"))


def refused(value: bytes | None, kind: str | None = RECORD, topic: Any = IMPORT_RESULTS) -> Unreadable:
    headers = [] if kind is None else Envelope(kind, "/tests").headers()
    with pytest.raises(Unreadable) as caught:
        decode(topic, value, headers)
    return caught.value


def test_a_message_of_8_mb_travels_and_one_byte_more_does_not() -> None:
    room = MAX_MESSAGE_BYTES - len(sent(record(full_transcript="")).value)
    largest = sent(record(full_transcript="x" * room))
    assert len(largest.value) == MAX_MESSAGE_BYTES
    assert isinstance(decode(IMPORT_RESULTS, largest.value, largest.headers), ConnectorRecord)
    with pytest.raises(MessageTooLarge, match=str(MAX_MESSAGE_BYTES + 1)) as caught:
        sent(record(full_transcript="x" * (room + 1)))
    assert (caught.value.code, caught.value.size) == ("transcript_too_large", MAX_MESSAGE_BYTES + 1)


def test_the_limit_counts_bytes_and_not_characters() -> None:
    with pytest.raises(MessageTooLarge):
        sent(record(full_transcript="計" * (MAX_MESSAGE_BYTES // 3)))


def test_the_external_id_is_first_in_the_metadata_on_the_wire_wherever_it_stood() -> None:
    metadata = json.loads(sent(record()).value)["source_metadata"]
    assert list(metadata) == ["external_id", "host"]


@pytest.mark.parametrize("metadata", [{}, {"external_id": "call-2"}, {"external_id": None}, {"external_id": 1}])
def test_metadata_that_names_another_call_or_none_is_refused(metadata: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must equal external_id"):
        record(source_metadata=metadata)


def test_nulls_in_the_metadata_survive_and_fields_that_are_not_given_do_not_travel() -> None:
    body = json.loads(sent(record(source_metadata={"external_id": "call-1", "host": None})).value)
    assert body["source_metadata"] == {"external_id": "call-1", "host": None}
    assert not {"duration", "segments", "bank_id", "vault_id"} & body.keys()


def test_headers_make_the_round_trip() -> None:
    whose = About(uuid4(), uuid4(), 3)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    time = datetime(2026, 11, 20, 9, tzinfo=UTC)
    headers = Envelope(RECORD, "/tests", id="fact-1", time=time, traceparent=trace, about=whose).headers()
    assert event_type(headers) == RECORD
    assert about(headers) == whose
    assert dict(headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"fact-1",
        "ce_type": RECORD.encode(),
        "ce_source": b"/tests",
        "ce_time": b"2026-11-20T09:00:00+00:00",
        "content-type": b"application/json",
        "traceparent": trace.encode(),
        "ce_jobid": str(whose.job).encode(),
        "ce_itemid": str(whose.item).encode(),
        "ce_attempt": b"3",
    }


def test_a_message_about_a_whole_job_names_no_item() -> None:
    job = uuid4()
    assert about(Envelope(DiscoveryEnded.event_type, "/tests", about=About(job)).headers()) == About(job, None)
    assert about(Envelope(RECORD, "/tests").headers()) is None


@pytest.mark.parametrize("name", ["ce_jobid", "ce_itemid", "ce_attempt"])
@pytest.mark.parametrize("broken", [b"\xff\xfe", b"", b"nonsense", None])
def test_headers_that_are_broken_name_nobody_and_break_nobody(name: str, broken: Any) -> None:
    headers = dict(Envelope(RECORD, "/tests", about=About(uuid4(), uuid4())).headers()) | {name: broken}
    assert about(list(headers.items())) is None


def test_a_type_header_that_is_broken_is_an_unknown_type() -> None:
    for broken in (b"\xff\xfe", b"", None):
        headers: Any = [("ce_type", broken)]
        with pytest.raises(Unreadable, match="unknown_type"):
            decode(IMPORT_RESULTS, b"{}", headers)


def test_each_kind_of_unreadable_message_has_its_reason() -> None:
    body = sent(record()).value
    assert refused(None).reason == "empty_message"
    assert refused(b" " * (MAX_MESSAGE_BYTES + 1)).reason == "message_too_large"
    assert refused(body, kind=None).reason == "unknown_type"
    assert refused(body, kind="callvault.import.record.v9").reason == "unknown_type"
    assert refused(body, topic=IMPORT_AUDIO).reason == "unknown_type"  # the right type on the wrong topic
    assert refused(b"\xff\xfe").reason == "invalid_message"
    assert refused(b"[]").reason == "invalid_message"
    assert refused(b"{}").reason == "invalid_message"


@pytest.mark.parametrize(
    "value",
    [
        f'{{"title": "{PRIVATE}"'.encode(),
        f'"{PRIVATE}"'.encode(),
        f"{PRIVATE}\xff".encode("latin-1"),
        json.dumps({"recording_start_time": PRIVATE, "duration": PRIVATE, PRIVATE: PRIVATE}).encode(),
        json.dumps({"external_id": [PRIVATE], "source_metadata": PRIVATE, "segments": [PRIVATE]}).encode(),
        sent(record(title=PRIVATE)).value.replace(b'"external_id":"call-1","source_app"', b'"external_id":"x","source_app"'),
    ],
)  # fmt: skip
def test_what_is_said_of_an_unreadable_message_names_no_content(value: bytes) -> None:
    error = refused(value)
    assert PRIVATE not in f"{error} {error.reason} {error.detail}"
    assert re.fullmatch("[a-z_]+", error.reason)
    assert error.__suppress_context__  # a traceback must not show it either


def test_the_detail_names_the_broken_fields() -> None:
    error = refused(sent(record()).value.replace(b'"title":"A call"', b'"title":7'))
    assert error.detail == "title: string_type"


@pytest.mark.parametrize("when", ["2026-11-20T10:00:00", "2026-13-45T10:00:00Z", "soon"])
def test_a_time_without_a_zone_or_that_is_none_is_refused(when: str) -> None:
    with pytest.raises(ValueError, match="recording_start_time"):
        record(recording_start_time=when)


def test_an_envelope_takes_no_time_without_a_zone() -> None:
    with pytest.raises(ValueError, match="zone"):
        Envelope(RECORD, "/tests", time=datetime(2026, 11, 20))  # a clock on a wall


def test_a_message_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        record().title = "Another"  # type: ignore[misc]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-1"])
def test_a_duration_that_is_no_length_is_refused(number: str) -> None:
    assert refused(sent(record(duration=1)).value.replace(b'"duration":1.0', f'"duration":{number}'.encode()))
