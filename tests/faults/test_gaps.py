"""A recording of which a part could not be transcribed: imported with a gap, which is filled later."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from tests.support.engine_server import EngineServer, refusal, spoken
from tests.support.eventually import eventually
from tests.support.live import COMMAND, Caller, Live
from tests.support.talk import write_talk

RETRY = "--retry-gaps"


def _talk(folder: Path, seed: int) -> bytes:
    write_talk(folder / "talk.wav", 75, seed=seed)
    return (folder / "talk.wav").read_bytes()


async def command(live: Live, person: Caller, *words: str) -> str:
    """What `callvault recordings` says to this person."""
    token = (await person.http.post("/api/tokens", json={"name": "tests"})).json()["token"]
    environment = {**os.environ, "CALLVAULT_URL": live.url, "CALLVAULT_TOKEN": token}
    process = await asyncio.create_subprocess_exec(
        COMMAND, "recordings", *words, env=environment, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return said.decode()


def clock(seconds: float) -> str:
    return f"{round(seconds) // 60}:{round(seconds) % 60:02}"


async def _recording(person: Caller, job: dict[str, Any]) -> dict[str, Any]:
    answer = await person.http.get(f"/api/recordings/{job['items'][0]['recording_id']}")
    return dict(answer.json())


async def test_a_gap_is_shown_asked_for_again_and_filled(
    shaky: Live, engine: EngineServer, tmp_path: Path
) -> None:
    ada = await shaky.sign_up()
    engine.script[:] = [spoken("One."), refusal(400, "This sound is not to my taste"), spoken("Three.")]
    job = await ada.job((await ada.upload(_talk(tmp_path, 1)))["job_id"])
    partial = await _recording(ada, job)

    (gap,) = partial["gaps"]
    assert (job["status"], partial["version"], gap["code"]) == ("completed", 1, "engine_refused")
    assert 0 <= gap["start"] < gap["end"] <= partial["duration"]
    assert "taste" not in partial["full_transcript"]
    assert "Two." not in partial["full_transcript"]

    url = f"/api/recordings/{partial['id']}/gaps/retry"
    eve = await shaky.sign_up()
    assert (await eve.http.post(url)).status_code == 404
    engine.script[:] = [spoken("Two.")]
    asked = len(engine.requests)
    shown, retried = await command(shaky, ada, partial["id"]), await command(shaky, ada, partial["id"], RETRY)
    assert f"missing      {clock(gap['start'])} to {clock(gap['end'])}: {gap['message']}" in shown
    assert retried == "1 gap is asked for again.\n"
    assert (await ada.http.post(url)).status_code in (202, 409)

    async def filled() -> dict[str, Any] | None:
        now = await _recording(ada, job)
        return now if now["version"] == 2 else None

    whole = await eventually(filled, within=30)
    assert whole["gaps"] == []
    assert "Two." in whole["full_transcript"]
    assert len(engine.requests) == asked + 1
    assert (await ada.http.post(url)).json()["code"] == "no_gaps"
    told = [json.loads(one.value) for one in await shaky.events("recording.updated")]
    assert [(one["recording_id"], one["version"], one["gaps"]) for one in told] == [(whole["id"], 2, 0)]
    await shaky.assert_books_balance(ada.id)


async def test_a_file_over_the_limit_of_the_plan_is_not_sent_to_any_engine(
    shaky: Live, engine: EngineServer, tmp_path: Path
) -> None:
    ada = await shaky.sign_up("free")
    month = "(SELECT monthly_imports FROM plans WHERE name = 'free')"
    await shaky.rows(
        f"INSERT INTO import_usage (owner_user_id, month, used) VALUES ($1, this_month(), {month}) RETURNING used",
        ada.id,
    )
    answer = await ada.upload(_talk(tmp_path, 2))
    job = await ada.job(answer["job_id"])

    assert (answer["outcome"], job["items"][0]["code"]) == ("quota_exceeded", "quota_exceeded")
    assert engine.requests == []
    assert await shaky.rows("SELECT 1 FROM tasks WHERE owner_user_id = $1", ada.id) == []
