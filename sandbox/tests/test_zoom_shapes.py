"""Zoom's answers against the field names and enumerations of its own client."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from .conftest import Receiver, World
from .test_zoom import everything, opened

SHAPES = json.loads((Path(__file__).parent / "zoom-recording-shapes.json").read_text())


def names(listed: list[str]) -> set[str]:
    """Field names without the remarks behind them; `a + b` are two."""
    return {re.sub(r"[(\[ ].*", "", part) for each in listed for part in each.split(" + ")}


def check_file(row: dict[str, Any], known: dict[str, Any]) -> None:
    fields = SHAPES["rest_recording_file"]
    assert row.keys() <= names(fields["fields"])
    assert row["file_extension"] in fields["file_extension"]
    assert row["file_type"] in {*fields["file_type"], *SHAPES["webhook_recording_completed"]["file_type"]}
    assert row["recording_type"] in known["recording_type"]
    assert row["status"] in known["status"]


def test_the_list_and_its_meetings_have_known_fields(world: World) -> None:
    maya = world.bearer("zoom")
    answer = world.get("/zoom/v2/users/me/recordings", headers=maya, params={"from": "2026-01-01"}).json()
    assert answer.keys() == names(SHAPES["rest_list_envelope"])
    rows = everything(world, maya)
    assert len(rows) >= 8
    for meeting in rows:
        assert meeting.keys() <= names(SHAPES["rest_meeting"]["fields"])
        assert meeting["recording_count"] == len(meeting["recording_files"])
        for row in meeting["recording_files"]:
            check_file(row, SHAPES["rest_recording_file"])


def test_one_meeting_and_its_transcript_have_known_fields(world: World) -> None:
    maya = world.bearer("zoom")
    uuid = world.meetings("zoom")[0]["uuid"]
    meeting = opened(world, maya, uuid, include_fields="download_access_token").json()
    assert {"password", "participant_audio_files", "download_access_token"} <= meeting.keys()
    assert meeting.keys() <= names(SHAPES["rest_meeting"]["fields"])
    transcript = opened(world, maya, uuid, "transcript").json()
    assert transcript.keys() <= names(SHAPES["rest_transcript"]["fields"])
    for state in ("pending", "never"):
        world.admin("meetings/change", meeting=uuid, transcript=state)
        reason = opened(world, maya, uuid, "transcript").json()["download_restriction_reason"]
        assert reason in SHAPES["rest_transcript"]["download_restriction_reason"]


def test_events_have_known_names_and_fields(world: World, receiver: Receiver) -> None:
    world.admin("zoom/webhook", url=receiver.url, secret_token="s", validate_now=False)
    world.admin("meetings", source="zoom", chat=True, webhooks=True)
    shapes = SHAPES["webhook_recording_completed"]
    for _, body in receiver.wait(2):
        event = json.loads(body)
        assert event["event"] in SHAPES["recording_events"]
        assert event.keys() == names(shapes["top"])
        what = event["payload"]["object"]
        assert what.keys() <= names(shapes["object_fields"])
        known = SHAPES[
            "webhook_transcript_completed" if "transcript" in event["event"] else "webhook_recording_completed"
        ]
        for row in what["recording_files"]:
            check_file(row, known)
