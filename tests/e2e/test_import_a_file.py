"""A real recording in over HTTP, its transcript in the library, the event out."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re

import pytest

from tests.support.eventually import eventually
from tests.support.live import SPEECH, Live

SCRIPTS: dict[str, str] = json.loads((SPEECH / "scripts.json").read_text())
FORMATS = ["budget.mp3", "hiring.wav", "support.m4a", "webinar.mp4", "interview.mov", "kitchen.webm"]


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def share_heard(script: str, heard: str) -> float:
    """How many of the script's words were heard."""
    left = words(heard)
    found = 0
    for word in words(script):
        if word in left:
            left.remove(word)
            found += 1
    return found / len(words(script))


@pytest.mark.parametrize("name", FORMATS)
async def test_speech_in_each_format_becomes_words_row_vault_entry_ledger_and_event(
    live: Live, name: str
) -> None:
    ada = await live.sign_up()
    answer = await ada.upload(name, last_modified="2026-11-20T10:00:00Z")
    assert answer["outcome"] == "found"
    job = await ada.job(answer["job_id"])
    assert (job["status"], job["found"], job["imported"]) == ("completed", 1, 1)

    recording = (await ada.http.get(f"/api/recordings/{job['items'][0]['recording_id']}")).json()
    assert share_heard(SCRIPTS[name], recording["full_transcript"]) >= 0.8, recording["full_transcript"]
    assert recording["source_metadata"]["language_checked"] is False

    (row,) = await live.rows("SELECT * FROM recordings WHERE owner_user_id = $1", ada.id)
    assert row["full_transcript"] == recording["full_transcript"]
    assert row["external_id"] == hashlib.sha256((SPEECH / name).read_bytes()).hexdigest()
    assert 3 < row["duration"] < 30
    await live.assert_books_balance(ada.id)

    async def announced() -> list:
        return await live.created(ada.id)

    (event,) = await eventually(announced)
    assert event["recording_id"] == str(row["id"])
    assert event["ce_id"] == f"recording.created:{row['id']}"
    assert event["transcript_length"] == len(row["full_transcript"])
    assert "full_transcript" not in event


async def test_the_same_file_again_is_a_duplicate_that_points_to_the_first(live: Live) -> None:
    ada = await live.sign_up()
    first = await ada.job((await ada.upload("budget.mp3"))["job_id"])
    again = await ada.upload("budget.mp3", name="other-name.mp3")
    assert again["outcome"] == "duplicate"
    assert again["recording_id"] == first["items"][0]["recording_id"]
    job = await ada.job(again["job_id"])
    assert (job["status"], job["duplicates"], job["imported"]) == ("completed", 1, 0)
    assert len(await live.created(ada.id)) == 1
    await live.assert_books_balance(ada.id)


async def test_two_users_with_one_file_have_a_recording_each(live: Live) -> None:
    ada, bob = await live.sign_up(), await live.sign_up()
    for person in (ada, bob):
        job = await person.job((await person.upload("hiring.wav"))["job_id"])
        assert job["imported"] == 1
    mine = (await ada.http.get("/api/recordings")).json()["recordings"]
    theirs = (await bob.http.get("/api/recordings")).json()["recordings"]
    assert len(mine) == len(theirs) == 1
    assert (await ada.http.get(f"/api/recordings/{theirs[0]['id']}")).status_code == 404


@pytest.mark.parametrize(("name", "code"), json.loads((SPEECH / "problems.json").read_text()).items())
async def test_each_bad_file_gets_its_code_and_leaves_nothing_half_stored(
    live: Live, name: str, code: str
) -> None:
    ada = await live.sign_up()
    body = (SPEECH / name).read_bytes()
    answer = await ada.http.post("/api/imports/file", files={"file": (name, body)})
    if answer.status_code == 202:
        job = await ada.job(answer.json()["job_id"])
        assert (job["status"], job["failed"]) == ("failed", 1)
        assert job["items"][0]["code"] == code
        assert job["items"][0]["message"].endswith(".")
    else:
        assert answer.headers["content-type"] == "application/problem+json"
        assert (answer.json()["code"], answer.json()["status"]) == (code, answer.status_code)
        assert await live.rows("SELECT 1 FROM sync_jobs WHERE owner_user_id = $1", ada.id) == []
    await live.assert_books_balance(ada.id)


async def test_whoever_watches_sees_the_import_from_found_to_imported(live: Live) -> None:
    ada = await live.sign_up()
    seen: list[tuple[str, dict]] = []

    async def watch() -> None:
        async with ada.http.stream("GET", "/api/events", timeout=60) as stream:
            kind = ""
            async for line in stream.aiter_lines():
                if line.startswith("event:"):
                    kind = line.split(":", 1)[1].strip()
                elif line.startswith("data:"):
                    seen.append((kind, json.loads(line.split(":", 1)[1])))
                    if kind == "progress" and seen[-1][1]["status"] == "completed":
                        return

    watching = asyncio.create_task(watch())

    async def snapshot() -> bool:
        return any(kind == "snapshot" for kind, _ in seen)

    await eventually(snapshot)
    job = (await ada.upload("standup.m4a"))["job_id"]
    await asyncio.wait_for(watching, 60)
    mine = [body for kind, body in seen if kind == "progress" and body["job_id"] == job]
    assert [one["version"] for one in mine] == sorted({one["version"] for one in mine})
    assert (mine[-1]["imported"], mine[-1]["open"]) == (1, 0)
    doing = [body for kind, body in seen if kind == "activity" and body["job_id"] == job]
    assert any(one.get("seconds_total") for one in doing)


async def test_the_eleventh_import_of_a_free_month_is_over_the_limit_and_kept_for_a_retry(live: Live) -> None:
    ada = await live.sign_up("free")
    month = "date_trunc('month', now() AT TIME ZONE 'UTC')::date"
    await live.rows(
        f"INSERT INTO import_usage (owner_user_id, month, used) VALUES ($1, {month}, 9) RETURNING used", ada.id
    )
    first = await ada.upload("budget.mp3")
    second = await ada.upload("hiring.wav")
    assert (first["outcome"], second["outcome"]) == ("found", "quota_exceeded")
    assert (await ada.job(first["job_id"]))["imported"] == 1
    job = await ada.job(second["job_id"])
    assert (job["status"], job["items"][0]["code"]) == ("failed", "quota_exceeded")
    usage = (await ada.http.get("/api/usage")).json()
    assert (usage["used"], usage["limit"]) == (10, 10)

    retry = f"/api/failures/{job['items'][0]['id']}/retry"
    assert (await ada.http.post(retry)).json()["code"] == "quota_exceeded"
    await live.rows("UPDATE users SET plan = 'unlimited' WHERE id = $1 RETURNING id", ada.id)
    assert (await ada.http.post(retry)).status_code == 202
    assert (await ada.job(second["job_id"]))["imported"] == 1
    await live.assert_books_balance(ada.id)
