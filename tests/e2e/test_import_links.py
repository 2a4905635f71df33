"""Links to YouTube in over HTTP or the command, recordings in the library, events out: over the whole stack."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from typing import Any

from tests.support.eventually import eventually
from tests.support.live import COMMAND, Caller, Live
from tests.support.sources import World

GOOD, MACHINE, SILENT = "kQ3vLw8Zx_A", "pT0dR5nY-2c", "o6XNiVt8_Bs"
ALL = "https://www.youtube.com/playlist?list=PLlarkfieldtalks000000000000000001"


async def bring(caller: Caller, *links: str, **options: bool) -> dict[str, Any]:
    """The job of the links, once it has ended."""
    wish = {"links": links, "options": options}

    async def taken() -> dict[str, Any] | None:
        answer = await caller.http.post("/api/imports/url", json=wish)
        return answer.json() if answer.status_code == 202 else None

    answer = await eventually(taken, within=60)  # until the connector has said that it is there
    (job,) = answer["jobs"]
    assert job["source_app"] == "youtube"
    return await caller.job(job["job_id"], within=120)


async def test_links_become_recordings_events_and_books_that_balance(live: Live, world: World) -> None:
    ada = await live.sign_up()
    job = await bring(ada, f"youtu.be/{GOOD}", f"https://m.youtube.com/watch?app=desktop&v={MACHINE}")
    assert (job["status"], job["found"], job["imported"]) == ("completed", 2, 2)
    titles = {one["title"] for one in (await ada.http.get("/api/recordings")).json()["recordings"]}
    videos = (await world.look("meetings", source="youtube"))["meetings"]
    assert titles == {one["title"] for one in videos if one["video"] in (GOOD, MACHINE)}
    for item in job["items"]:
        recording = (await ada.http.get(f"/api/recordings/{item['recording_id']}")).json()
        assert recording["source_app"] == "youtube"
        assert recording["full_transcript"]
        assert recording["segments"]

    async def announced() -> bool:
        return len(await live.created(ada.id)) == 2

    await eventually(announced)
    await live.assert_books_balance(ada.id)


async def test_a_playlist_is_imported_whole_and_again_asks_for_no_captions(live: Live, world: World) -> None:
    ada = await live.sign_up()
    first = await bring(ada, ALL)
    assert first["found"] == first["imported"] + first["failed"] > 4
    assert {item["code"] for item in first["items"] if item["status"] == "failed"} == {"no_captions"}
    await world.forget_calls()
    again = await bring(ada, ALL)
    assert (again["imported"], again["duplicates"]) == (0, first["imported"])
    assert await world.calls("youtube.timedtext") == 0
    await live.assert_books_balance(ada.id)


async def test_a_video_without_captions_is_heard_where_that_was_wished(live: Live, world: World) -> None:
    ada = await live.sign_up()
    link = f"https://www.youtube.com/shorts/{SILENT}"
    (item,) = (await bring(ada, link))["items"]
    assert (item["status"], item["code"]) == ("failed", "no_captions")
    assert "“Transcribe videos without captions”" in item["message"]
    job = await bring(ada, link, transcribe_missing=True)
    assert (job["status"], job["imported"]) == ("completed", 1)
    recording = (await ada.http.get(f"/api/recordings/{job['items'][0]['recording_id']}")).json()
    assert recording["title"] == "Bright Harbor: site visit"
    assert len(recording["full_transcript"].split()) > 20
    assert recording["external_id"] == SILENT
    await live.assert_books_balance(ada.id)


async def test_a_link_that_leads_to_no_video_fails_in_plain_words_beside_one_that_does(
    live: Live, world: World
) -> None:
    ada = await live.sign_up()
    channel = "https://www.youtube.com/@larkfield"
    job = await bring(ada, channel, f"https://youtu.be/{GOOD}", "https://youtu.be/notAvideo00")
    assert (job["status"], job["imported"], job["failed"]) == ("partial", 1, 2)
    said = {item["external_id"]: (item["code"], item["message"]) for item in job["items"]}
    assert said[channel] == (
        "unsupported_link", "This link leads to a channel. Use the link of a video or of a playlist."
    )  # fmt: skip
    assert said["notAvideo00"][0] == "video_gone"
    failures = (await ada.http.get("/api/failures")).json()["groups"]
    assert {group["code"] for group in failures} == {"unsupported_link", "video_gone"}


async def test_the_command_imports_a_link_and_a_wish_for_it(live: Live, world: World) -> None:
    made = await world.admin(
        "meetings", source="youtube", host="tom", plot="spoken:budget", tracks=[], title="By the command"
    )
    link = f"https://youtu.be/{made['meetings'][0]['video']}"
    failed, heard = [
        await asyncio.to_thread(run, live, "import", link, "--wait", "--json", *more)
        for more in ((), ("--option", "transcribe_missing"))
    ]
    assert (failed[0], failed[1]["result"], failed[1]["error"]["code"]) == (1, "failed", "no_captions")
    assert (heard[0], heard[1]["result"], heard[1]["status"]) == (0, "imported", "completed")
    assert heard[1]["file"] == link


def run(live: Live, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The command's exit code and the one line that it prints."""
    environment = os.environ | {"CALLVAULT_HOME": str(live.home.path)}
    done = subprocess.run([COMMAND, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)
