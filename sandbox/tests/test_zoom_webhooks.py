"""Zoom's events and its challenge."""

from __future__ import annotations

import hmac
import json
import time
from hashlib import sha256
from itertools import pairwise
from typing import Any

import pytest

from .conftest import Receiver, World, eventually

SECRET = "zoom-secret-token"


def prove(body: bytes) -> bytes:
    """What a right endpoint answers to a challenge."""
    event = json.loads(body)
    if event["event"] != "endpoint.url_validation":
        return b"{}"
    plain = event["payload"]["plainToken"]
    proof = hmac.new(SECRET.encode(), plain.encode(), sha256).hexdigest()
    return json.dumps({"plainToken": plain, "encryptedToken": proof}).encode()


@pytest.fixture
def hook(world: World, receiver: Receiver) -> Receiver:
    """A validated endpoint that has forgotten the challenge."""
    receiver.reply = prove
    assert world.admin("zoom/webhook", url=receiver.url, secret_token=SECRET)["valid"]
    receiver.got.clear()
    return receiver


def is_signed(headers: dict[str, str], body: bytes) -> bool:
    base = f"v0:{headers['x-zm-request-timestamp']}:".encode() + body
    return headers.get("x-zm-signature") == "v0=" + hmac.new(SECRET.encode(), base, sha256).hexdigest()


def events(receiver: Receiver, count: int) -> list[dict[str, Any]]:
    return [json.loads(body) for _, body in receiver.wait(count)]


def test_8_the_challenge_is_signed_and_wants_the_right_answer(world: World, receiver: Receiver) -> None:
    answer = world.admin("zoom/webhook", url=receiver.url, secret_token=SECRET)
    assert answer == {"valid": False, "status": 200, "error": "wrong answer"}
    assert is_signed(*receiver.got[0])
    receiver.reply = prove
    assert world.admin("zoom/challenge")["valid"]
    world.admin("settings", zoom={"deadline": 0.1})
    receiver.delay = 0.4
    assert world.admin("zoom/challenge") == {"valid": False, "status": None, "error": "TimeoutError"}


def test_8_the_challenge_comes_again_every_72_hours(world: World, receiver: Receiver) -> None:
    scale = 0.000001
    world.admin("settings", zoom={"webhook_scale": scale})
    times: list[float] = []
    receiver.reply = lambda body: times.append(time.monotonic()) or prove(body)  # type: ignore[func-returns-value]
    world.admin("zoom/webhook", url=receiver.url, secret_token=SECRET)
    assert {event["event"] for event in events(receiver, 4)} == {"endpoint.url_validation"}
    pauses = eventually(
        lambda: found if len(found := world.look("state")["zoom_webhook"]["pauses"]) > 2 else None
    )
    assert pauses == pytest.approx([72 * 3600 * scale] * len(pauses))
    assert all(after - before >= 0.99 * pauses[0] for before, after in pairwise(times[1:]))


def test_8_a_new_call_is_announced_signed_with_a_token_for_its_files(world: World, hook: Receiver) -> None:
    made = world.admin("meetings", source="zoom", title="Fresh", webhooks=True)["meetings"][0]
    first, second = hook.wait(2)
    assert is_signed(*first)
    assert is_signed(*second)
    event = json.loads(first[1])
    assert (event["event"], event["payload"]["object"]["uuid"]) == ("recording.completed", made["uuid"])
    assert {row["file_type"] for row in event["payload"]["object"]["recording_files"]} == {"MP4", "M4A"}
    event = json.loads(second[1])
    assert event["event"] == "recording.transcript_completed"
    file = event["payload"]["object"]["recording_files"][0]
    key = {"authorization": f"Bearer {event['download_token']}"}
    assert "WEBVTT" in world.get(file["download_url"], headers=key, follow_redirects=True).text
    world.admin("clock", advance=86401)
    assert world.get(file["download_url"], headers=key).status_code == 401


@pytest.mark.parametrize("kind", ["bad", "stale", "malformed", "missing", "ms"])
def test_8_signatures_of_every_kind_are_sent(world: World, hook: Receiver, kind: str) -> None:
    world.admin("webhooks/send", meeting=world.meetings("zoom")[0]["uuid"], signature=kind)
    headers, body = hook.wait(1)[0]
    assert is_signed(headers, body) == (kind in ("stale", "ms"))
    if kind == "ms":
        assert len(headers["x-zm-request-timestamp"]) == 13


def test_8_three_retries_after_5_20_and_60_minutes_and_then_the_event_is_lost(
    world: World, hook: Receiver
) -> None:
    scale = 0.0001
    world.admin("settings", zoom={"webhook_scale": scale})
    hook.statuses = [500, 404, 503, 500]
    world.admin("webhooks/send", meeting=world.meetings("zoom")[0]["uuid"])
    message = eventually(
        lambda: next((m for m in world.look("webhooks")["webhooks"] if m["state"] == "lost"), None)
    )
    assert len(hook.got) == 4
    pauses = [attempt["after"] for attempt in message["attempts"]]
    assert [pause / scale / 60 for pause in pauses] == pytest.approx([0, 5, 20, 60])
    times = [attempt["at"] for attempt in message["attempts"]]
    gaps = [after - before for before, after in pairwise(times)]
    assert all(gap >= 0.99 * pause for gap, pause in zip(gaps, pauses[1:], strict=True))
    assert len({body for _, body in hook.got}) == 1


def test_8_an_answer_after_the_deadline_is_none(world: World, hook: Receiver) -> None:
    world.admin("settings", zoom={"webhook_scale": 0.0001, "deadline": 0.1})
    hook.delay = 0.3
    sent = world.admin("webhooks/send", meeting=world.meetings("zoom")[0]["uuid"])["webhooks"][0]
    assert sent["attempts"][0]["error"] == "TimeoutError"
    hook.delay = 0
    eventually(lambda: [m for m in world.look("webhooks")["webhooks"] if m["state"] == "delivered"])


def test_5_the_transcripts_event_comes_when_it_is_there(world: World, hook: Receiver) -> None:
    world.admin("meetings", source="zoom", transcript_after=0.3, webhooks=True)
    assert [event["event"] for event in events(hook, 1)] == ["recording.completed"]
    assert events(hook, 2)[1]["event"] == "recording.transcript_completed"


def test_9_events_come_twice_and_out_of_order(world: World, hook: Receiver) -> None:
    uuid = world.meetings("zoom")[0]["uuid"]
    world.admin("webhooks/send", meeting=uuid, event="recording.transcript_completed", copies=2)
    world.admin("webhooks/send", meeting=uuid, event="recording.completed")
    for event in ("recording.trashed", "recording.recovered", "recording.batch_deleted", "recording.renamed"):
        world.admin("webhooks/send", meeting=uuid, event=event)
    got = events(hook, 7)
    assert [event["event"] for event in got[:3]] == ["recording.transcript_completed"] * 2 + [
        "recording.completed"
    ]
    assert hook.got[0][1] == hook.got[1][1]
    assert got[5]["payload"]["object"]["meetings"][0]["meeting_uuid"] == uuid


def test_9_each_finished_file_can_have_its_own_event(world: World, hook: Receiver) -> None:
    uuid = world.meetings("zoom")[0]["uuid"]
    for kind in ("MP4", "M4A"):
        world.admin("webhooks/send", meeting=uuid, files=[kind])
    shown = [event["payload"]["object"]["recording_files"] for event in events(hook, 2)]
    assert [[row["file_type"] for row in rows] for rows in shown] == [["MP4"], ["M4A"]]


def test_10_a_deauthorised_app_loses_its_tokens_and_is_told(world: World, hook: Receiver) -> None:
    headers = world.bearer("zoom")
    answer = world.admin("zoom/deauthorize", user="maya")
    assert answer["killed"] == 2
    payload = events(hook, 1)[0]["payload"]
    assert (payload["client_id"], payload["user_data_retention"]) == ("sandbox-client", "false")
    assert payload["user_id"] == world.look("state")["users"]["maya"]["zoom_id"]
    answer = world.get("/zoom/v2/users/me/recordings", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, 124)
