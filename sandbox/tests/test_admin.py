"""The admin, worlds, the data, the process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from .conftest import World

ROOT = Path(__file__).parents[1]
KEY = {"x-api-key": "fathom-key-maya"}
MEETINGS = "/fathom/external/v1/meetings"


def test_worlds_do_not_see_each_other(world: World) -> None:
    other = World(f"{world.base}-other", f"{world.storage}-other", world.http)
    world.admin("settings", fathom={"page_size": 2})
    world.fault(on="fathom.meetings", after=1, times=None, answer={"status": 500})
    token = world.connect("zoom")["access_token"]
    assert [len(each.get(MEETINGS, headers=KEY).json()["items"]) for each in (world, other)] == [2, 10]
    assert other.get(MEETINGS, headers=KEY).status_code == 200
    assert other.get("/zoom/v2/users/me", headers={"authorization": f"Bearer {token}"}).status_code == 401
    assert other.count("fathom.meetings") == 2
    assert world.http.delete(other.base + "/admin/world").status_code == 200
    assert other.count("fathom.meetings") == 0


def test_a_path_without_a_world_is_the_default_world(sandbox_process: dict[str, str]) -> None:
    with httpx.Client(base_url=sandbox_process["address"]) as http:
        assert http.get("/admin/state").json()["world"] == "default"
        assert http.get("/admin/health").json() == {"status": "ok"}


def test_addresses_in_answers_stay_in_their_world(world: World) -> None:
    headers = world.bearer("zoom")
    rows = world.get("/zoom/v2/users/me/recordings", headers=headers, params={"from": "2026-01-01"}).json()[
        "meetings"
    ]
    assert all(file["download_url"].startswith(world.base) for row in rows for file in row["recording_files"])


def test_a_reset_brings_the_first_state_back_and_another_seed_other_calls(world: World) -> None:
    before = world.look("meetings", source="fathom")["meetings"]
    world.admin("meetings", source="fathom")
    world.admin("settings", fathom={"page_size": 1})
    world.connect("fathom")
    assert world.admin("reset")["tokens"]["fathom"] == {"access": 0, "refresh": 0}
    assert world.look("meetings", source="fathom")["meetings"] == before
    assert world.look("settings")["fathom"]["page_size"] == 10
    world.admin("reset", seed=8)
    assert {row["id"] for row in world.look("meetings", source="fathom")["meetings"]}.isdisjoint(
        row["id"] for row in before
    )


def test_the_log_counts_by_endpoint_user_and_number(world: World) -> None:
    world.get(MEETINGS, headers=KEY)
    last = world.look("calls")["last"]
    world.get(MEETINGS, headers={"x-api-key": "fathom-key-tom"})
    recording = world.meetings("fathom")[0]["id"]
    world.get(f"/fathom/external/v1/recordings/{recording}/transcript", headers=KEY)
    log = world.look("calls", endpoint="fathom.*", after=last)
    assert log["counts"] == {"fathom.meetings": 1, "fathom.transcript": 1}
    assert [call["user"] for call in log["calls"]] == ["tom", "maya"]
    assert log["calls"][1]["path"].endswith(f"/recordings/{recording}/transcript")
    assert world.look("calls", user="tom")["counts"] == {"fathom.meetings": 1}


def test_the_log_tells_refreshes_from_code_exchanges(world: World) -> None:
    for provider in ("fathom", "zoom"):
        made = world.connect(provider, "tom")
        world.token(provider, grant_type="refresh_token", refresh_token=made["refresh_token"])
        world.token(provider, grant_type="refresh_token", refresh_token=made["refresh_token"])
        log = world.look("calls", endpoint=f"{provider}.token")
        assert log["notes"] == {f"{provider}.token authorization_code": 1, f"{provider}.token refresh_token": 2}
        assert [call["user"] for call in log["calls"]] == ["tom", "tom", None]


def test_typing_errors_and_missing_things_are_said(world: World) -> None:
    assert world.post("/admin/settings", json={"zoom": {"surprise": 1}}).status_code == 422
    assert world.post("/admin/meetings/change", json={"meeting": 1, "deleted": True}).status_code == 404
    assert world.post("/admin/nothing", json={}).status_code == 404
    assert world.post("/admin/clock", content=b"{").status_code == 422
    assert world.get("/admin/nothing").status_code == 404


def test_many_calls_can_be_added_at_once(world: World) -> None:
    made = world.admin(
        "meetings", source="zoom", host="tom", copies=40, plot="standup", people=["maya", "Owen Park"]
    )
    assert len({row["uuid"] for row in made["meetings"]}) == 40
    assert made["meetings"][0]["people"] == ["Tom Brandt", "Maya Okafor", "Owen Park"]


def test_the_data_is_forty_different_calls_of_the_last_three_months(world: World) -> None:
    rows = world.look("meetings", lines=1)["meetings"]
    assert len(rows) >= 40
    spoken = [json.dumps([line[1] for line in row["said"]]) for row in rows if row["source"] != "youtube"]
    written = [each for each in spoken if spoken.count(each) > 1]
    assert written == []
    assert {len(row["people"]) for row in rows} >= {2, 3, 4}
    assert min(row["seconds"] for row in rows) < 60
    assert max(row["seconds"] for row in rows) > 600
    assert len({row["title"] for row in rows}) > 30
    for row in rows:
        starts = [line[2] for line in row["said"]]
        assert starts == sorted(starts)
        assert all(line[2] < line[3] for line in row["said"])
        assert not any("{" in line[1] for line in row["said"])


def test_the_committed_files_are_small() -> None:
    kept = [path for path in ROOT.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert sum(path.stat().st_size for path in kept) < 1_000_000


def test_the_readme_names_every_admin_call_and_every_setting(world: World) -> None:
    text = (ROOT / "README.md").read_text()
    for path in world.post("/admin/nothing", json={}).json()["calls"]:
        assert f"/admin/{path.removesuffix('/delete')}" in text, path
    for provider, settings in world.look("settings").items():
        for name in settings:
            assert name in text, f"{provider}.{name}"


def test_the_process_takes_its_address_from_the_environment_and_stops_in_mid_answer() -> None:
    settings = {"HTTP_PORT": "0", "SANDBOX_SCENARIO": "demo", "SANDBOX_SEED": "3"}
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox"], stdout=subprocess.PIPE, text=True, env={**os.environ, **settings}
    )
    assert process.stdout
    address = json.loads(process.stdout.readline())["address"]
    name = f"/w/{uuid4().hex[:6]}"
    with httpx.Client(base_url=address) as http:
        assert http.get("/admin/state").json()["seed"] == 3
        assert http.get("/admin/settings").json()["zoom"]["consent"]["answer"] == "accept"
        assert http.get(f"{name}/admin/settings").json()["zoom"]["consent"]["answer"] == "ask"
        http.post(f"{name}/admin/faults", json={"on": "fathom.meetings", "delay": 60})
        with pytest.raises(httpx.TimeoutException):
            http.get(name + MEETINGS, headers=KEY, timeout=0.3)
        process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    process.stdout.close()
