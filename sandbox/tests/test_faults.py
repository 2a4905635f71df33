"""Rules, scenarios, cuts."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from .conftest import World

MEETINGS = "/fathom/external/v1/meetings"
KEY = {"x-api-key": "fathom-key-maya"}


def ask(world: World, headers: dict[str, str] = KEY) -> httpx.Response:
    return world.get(MEETINGS, headers=headers)


def test_a_rule_waits_for_its_call_and_ends_after_its_times(world: World) -> None:
    rule = world.fault(on="fathom.*", after=1, times=2, answer={"status": 503})
    assert [ask(world).status_code for _ in range(4)] == [200, 503, 503, 200]
    seen = world.look("faults")["faults"][0]
    assert (seen["id"], seen["seen"], seen["fired"]) == (rule, 4, 2)
    assert [call["fault"] for call in world.look("calls")["calls"]] == [[], [rule], [rule], []]


def test_a_rule_for_ever_lasts_until_it_is_removed(world: World) -> None:
    rule = world.fault(on="fathom.meetings", times=None, answer={"status": 500})
    assert {ask(world).status_code for _ in range(3)} == {500}
    world.http.delete(f"{world.base}/admin/faults", params={"id": rule})
    assert ask(world).status_code == 200


def test_a_rule_can_be_for_one_user_or_one_path(world: World) -> None:
    world.fault(on="fathom.meetings", user="tom", times=None, answer={"status": 500})
    assert ask(world).status_code == 200
    assert ask(world, {"x-api-key": "fathom-key-tom"}).status_code == 500
    ids = [row["id"] for row in world.meetings("fathom")[:2]]
    world.fault(on="fathom.transcript", path=str(ids[1]), answer={"status": 500})
    codes = [
        world.get(f"/fathom/external/v1/recordings/{each}/transcript", headers=KEY).status_code for each in ids
    ]
    assert codes == [200, 500]


def test_a_connection_cut_before_leaves_no_trace_and_one_cut_after_does(world: World) -> None:
    body = {
        "destination_url": "http://127.0.0.1:9/",
        "triggered_for": ["my_recordings"],
        "include_summary": True,
    }
    for cut, left in (("before", 0), ("after_commit", 1)):
        world.fault(on="fathom.webhook_create", cut=cut)
        with pytest.raises(httpx.TransportError):
            world.post("/fathom/external/v1/webhooks", headers=KEY, json=body)
        assert len(world.look("state")["fathom_webhooks"]) == left
    assert world.look("calls", endpoint="fathom.webhook_create")["statuses"] == {"fathom.webhook_create 599": 2}


def test_a_body_can_be_cut_in_the_middle_or_end_early_without_a_word(world: World) -> None:
    world.fault(on="fathom.meetings", cut="mid_body")
    with pytest.raises(httpx.TransportError):
        ask(world)
    world.fault(on="fathom.meetings", truncate=0.5)
    answer = ask(world)
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        answer.json()


def test_a_body_can_stall_and_go_on(world: World) -> None:
    world.fault(on="fathom.meetings", stall=0.3)
    began = time.monotonic()
    assert ask(world).json()["items"]
    assert time.monotonic() - began > 0.3


@pytest.mark.parametrize(
    ("kind", "header"),
    [
        ("seconds", "retry-after"),
        ("http-date", "retry-after"),
        ("iso-date", "retry-after"),
        ("reset-unix", "x-ratelimit-reset"),
        ("reset-seconds", "ratelimit-reset"),
        ("duration", "x-ratelimit-reset-requests"),
        ("ms", "retry-after-ms"),
    ],
)
def test_a_429_says_in_every_way_when_to_come_back(world: World, kind: str, header: str) -> None:
    readers: dict[str, Any] = {
        "seconds": float,
        "reset-seconds": float,
        "http-date": lambda text: (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds(),
        "iso-date": lambda text: (datetime.fromisoformat(text) - datetime.now(UTC)).total_seconds(),
        "reset-unix": lambda text: float(text) - time.time(),
        "duration": lambda text: float(text.removesuffix("s")),
        "ms": lambda text: float(text) / 1000,
    }
    retry = {"kind": kind, "seconds": 90}
    world.fault(on="fathom.meetings", answer={"status": 429, "body": {"code": 429}, "retry_after": retry})
    answer = ask(world)
    assert answer.status_code == 429
    assert 85 < readers[kind](answer.headers[header]) <= 91


def test_a_429_can_say_nothing(world: World) -> None:
    world.fault(on="fathom.meetings", answer={"status": 429, "retry_after": {"kind": "none"}})
    assert not [name for name in ask(world).headers if "retry" in name or "rate" in name]


def test_a_rule_can_make_admin_calls(world: World) -> None:
    action = {"path": "settings", "body": {"fathom": {"page_size": 3}}, "when": "after"}
    world.fault(on="fathom.meetings", admin=[action])
    assert [len(ask(world).json()["items"]) for _ in range(2)] == [10, 3]


def test_every_committed_scenario_plays(world: World) -> None:
    names = world.look("scenarios")["scenarios"]
    assert {"demo", "fathom-bad-day", "zoom-late-transcript"} <= set(names)
    for name in names:
        world.admin("scenario", name=name)
        world.admin("reset")
    assert world.post("/admin/scenario", json={"name": "none"}).status_code == 404


def test_a_bad_day_at_fathom_is_survived_by_asking_again(world: World) -> None:
    world.admin("scenario", name="fathom-bad-day")
    assert [ask(world).status_code for _ in range(4)] == [200, 502, 503, 200]


def test_a_scenario_can_be_written_out(world: World) -> None:
    steps = [{"on": "fathom.meetings", "after": 1, "answer": "html.503"}]
    calls = [{"path": "meetings", "body": {"source": "fathom", "title": "Scripted"}}]
    world.admin("scenario", settings={"fathom": {"page_size": 1}}, calls=calls, steps=steps)
    first = ask(world)
    assert [row["title"] for row in first.json()["items"]] == ["Scripted"]
    assert ask(world).status_code == 503


@pytest.mark.parametrize(
    "wrong",
    [
        {"on": "x", "surprise": 1},
        {"on": "x", "cut": "sideways"},
        {"on": "x", "answer": "no.preset"},
        {"on": "x", "answer": {"status": 429, "retry_after": {"kind": "soon"}}},
    ],
)
def test_a_rule_with_a_typing_error_is_refused(world: World, wrong: dict[str, Any]) -> None:
    assert world.post("/admin/faults", json=wrong).status_code == 422
    assert world.look("faults")["faults"] == []
