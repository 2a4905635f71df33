"""Fathom's behaviours, one after the other."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from .conftest import Receiver, World

V1 = "/fathom/external/v1"
KEY = {"x-api-key": "fathom-key-maya"}
TOM = {"x-api-key": "fathom-key-tom"}


def pages(world: World, headers: dict[str, str] = KEY, **query: Any) -> list[list[dict[str, Any]]]:
    found, cursor = [], None
    while True:
        answer = world.get(
            f"{V1}/meetings", headers=headers, params={**query, **({"cursor": cursor} if cursor else {})}
        )
        assert answer.status_code == 200, answer.text
        found.append(answer.json()["items"])
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return found


def ids(world: World, headers: dict[str, str] = KEY, **query: Any) -> list[int]:
    return [row["recording_id"] for page in pages(world, headers, **query) for row in page]


def subscribe(world: World, receiver: Receiver, headers: dict[str, str] = KEY, **more: Any) -> dict[str, Any]:
    body = {
        "destination_url": receiver.url,
        "triggered_for": ["my_recordings"],
        "include_transcript": True,
        **more,
    }
    answer = world.post(f"{V1}/webhooks", headers=headers, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_1_pages_hold_ten_and_the_last_has_no_cursor(world: World) -> None:
    found = pages(world)
    assert [len(page) for page in found[:-1]] == [10] * (len(found) - 1)
    assert len(found) >= 3
    times = [row["created_at"] for page in found for row in page]
    assert times == sorted(times, reverse=True)


def test_1_a_call_inserted_in_mid_crawl_repeats_a_row_and_loses_none(world: World) -> None:
    before = ids(world)
    world.admin("scenario", name="fathom-insert-mid-crawl")
    during = ids(world)
    assert set(before) <= set(during)
    assert len(during) == len(set(during)) + 1


def test_1_filters_narrow_the_list(world: World) -> None:
    rows = [row for page in pages(world) for row in page]
    middle = rows[12]["created_at"]
    assert set(ids(world, created_after=middle)) == {
        r["recording_id"] for r in rows if r["created_at"] >= middle
    }
    mine = ids(world, **{"recorded_by[]": ["maya@larkfield.example"]})
    assert mine == [r["recording_id"] for r in rows if r["recorded_by"]["email"] == "maya@larkfield.example"]
    inside = {r["recording_id"] for r in rows if r["calendar_invitees_domains_type"] == "only_internal"}
    assert set(ids(world, calendar_invitees_domains_type="only_internal")) == inside
    assert ids(world, meeting_type="Sales call of nobody") == []
    assert world.get(f"{V1}/meetings", headers=KEY, params={"cursor": "?"}).status_code == 400


def test_1_users_of_a_team_see_their_own_calls_and_what_is_shared(world: World) -> None:
    both = set(ids(world)) & set(ids(world, TOM))
    assert both
    assert {r["shared_with"] for p in pages(world, TOM) for r in p if r["recording_id"] in both} != {"no_teams"}
    assert not set(ids(world)) & set(ids(world, {"x-api-key": "fathom-key-petra"}))
    assert world.get(f"{V1}/meetings", headers={"x-api-key": "wrong"}).status_code == 401


@pytest.mark.parametrize(
    ("include", "field"), [("include_transcript", "transcript"), ("include_summary", "default_summary")]
)
@pytest.mark.parametrize("choice", ["refuse", "omit", "allow"])
def test_2_an_oauth_app_may_not_include_what_was_said_in_the_list(
    world: World, choice: str, include: str, field: str
) -> None:
    world.admin("settings", fathom={"oauth_includes": choice})
    query = {include: "true"}
    answer = world.get(f"{V1}/meetings", headers=world.bearer("fathom"), params=query)
    assert answer.status_code == (400 if choice == "refuse" else 200)
    if choice == "refuse":
        assert "not available to OAuth apps" in answer.json()["error"]
    else:
        assert bool(answer.json()["items"][0][field]) == (choice == "allow")
    assert world.get(f"{V1}/meetings", headers=KEY, params=query).json()["items"][0][field]


def test_4_the_heavy_bucket_can_fall_to_five_and_is_its_own(world: World) -> None:
    recording = ids(world)[0]
    world.admin("limits/clear")
    world.admin("settings", fathom={"limit_heavy": 5})
    answers = [world.get(f"{V1}/recordings/{recording}/transcript", headers=KEY) for _ in range(6)]
    assert [each.status_code for each in answers] == [200] * 5 + [429]
    assert answers[0].headers["ratelimit-limit"] == "5"
    assert answers[4].headers["ratelimit-remaining"] == "0"
    assert 0 < int(answers[5].headers["retry-after"]) <= 60
    assert "retry-after" not in answers[0].headers
    light = world.get(f"{V1}/meetings", headers=KEY)
    assert (light.status_code, light.headers["ratelimit-limit"]) == (200, "60")
    assert world.get(f"{V1}/recordings/{recording}/transcript", headers=TOM).status_code in (200, 404)
    world.admin("clock", advance=61)
    assert world.get(f"{V1}/recordings/{recording}/transcript", headers=KEY).status_code == 200


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("recordings/{}/transcript", {}),
        ("recordings/{}/summary", {}),
        ("meetings", {"include_transcript": "true"}),
        ("meetings", {"include_summary": "true"}),
    ],
    ids=["transcript", "summary", "list with transcripts", "list with summaries"],
)
def test_4_thirty_calls_for_what_was_said_and_no_more(world: World, path: str, query: dict[str, str]) -> None:
    recording = world.meetings("fathom")[0]["id"]
    url = f"{V1}/{path.format(recording)}"
    answers = [world.get(url, headers=KEY, params=query) for _ in range(30)]
    assert {(each.status_code, each.headers["ratelimit-limit"]) for each in answers} == {(200, "30")}
    assert [int(each.headers["ratelimit-remaining"]) for each in answers] == list(range(29, -1, -1))
    assert world.get(url, headers=KEY, params=query).status_code == 429
    other = "transcript" if path.endswith("summary") else "summary"
    assert world.get(f"{V1}/recordings/{recording}/{other}", headers=KEY).status_code == 429
    assert world.get(f"{V1}/meetings", headers=KEY).headers["ratelimit-remaining"] == "59"


def test_4_every_answer_has_rate_headers_whatever_it_says(world: World) -> None:
    recording = world.meetings("fathom")[0]["id"]
    transcript, hooks = f"recordings/{recording}/transcript", {"destination_url": "http://127.0.0.1:9/hook"}
    hooks = {**hooks, "triggered_for": ["my_recordings"], "include_summary": True}
    oauth, form = world.bearer("fathom"), {"client_id": "sandbox-client"}
    world.admin("limits/clear")
    world.admin("settings", fathom={"limit_heavy": 2, "limit_download": 1})
    seen = set()

    def check(
        status: int, limit: int, method: str, path: str, headers: dict[str, str] = KEY, **more: Any
    ) -> Any:
        answer = world.http.request(method, f"{world.base}{V1}/{path}", headers=headers, **more)
        assert answer.status_code == status, path
        assert answer.headers["ratelimit-limit"] == str(limit), path
        assert 0 <= int(answer.headers["ratelimit-remaining"]) <= limit, path
        assert 0 < int(answer.headers["ratelimit-reset"]) <= 60, path
        assert ("retry-after" in answer.headers) == (status == 429), path
        seen.add(status)
        return answer

    check(200, 60, "GET", "meetings")
    check(400, 60, "GET", "meetings", params={"cursor": "?"})
    check(400, 60, "GET", "meetings", params={"created_after": "yesterday"})
    check(401, 60, "GET", "meetings", {"x-api-key": "wrong"})
    check(401, 60, "GET", "meetings", {})
    check(401, 2, "GET", transcript, {"authorization": "Bearer gone"})
    check(404, 2, "GET", "recordings/1/transcript")
    check(400, 2, "GET", "meetings", oauth, params={"include_summary": "true"})
    check(429, 2, "GET", transcript)
    check(202, 1, "POST", f"recordings/{recording}/download")
    check(429, 1, "POST", f"recordings/{recording}/download")
    check(404, 60, "GET", f"recordings/{recording}/downloads/none")
    check(403, 60, "GET", "users", TOM)
    hook = check(201, 60, "POST", "webhooks", json=hooks).json()["id"]
    check(400, 60, "POST", "webhooks", json={**hooks, "include_summary": False})
    check(204, 60, "DELETE", f"webhooks/{hook}")
    check(404, 60, "DELETE", f"webhooks/{hook}")
    check(401, 60, "POST", "oauth2/token", {}, data=form)
    check(400, 60, "POST", "oauth2/token", {}, data={**form, "client_secret": "sandbox-secret"})
    assert seen == {200, 201, 202, 204, 400, 401, 403, 404, 429}


def test_4_the_global_bucket_ends_at_sixty_and_downloads_have_their_own(world: World) -> None:
    for _ in range(60):
        assert world.get(f"{V1}/meeting_types", headers=KEY).status_code == 200
    assert world.get(f"{V1}/meetings", headers=KEY).status_code == 429
    recording = world.meetings("fathom")[0]["id"]
    codes = [world.post(f"{V1}/recordings/{recording}/download", headers=KEY).status_code for _ in range(31)]
    assert codes == [202] * 30 + [429]


def test_5_errors_are_html_and_answers_can_be_slow(world: World) -> None:
    for preset in ("html.500", "html.502", "html.503"):
        world.fault(on="fathom.meetings", answer=preset)
        answer = world.get(f"{V1}/meetings", headers=KEY)
        assert (answer.status_code, answer.headers["content-type"]) == (
            int(preset[5:]),
            "text/html; charset=utf-8",
        )
    world.fault(on="fathom.meetings", delay=5)
    with pytest.raises(httpx.ReadTimeout):
        world.get(f"{V1}/meetings", headers=KEY, timeout=0.2)


@pytest.mark.parametrize(("choice", "status"), [("404", 404), ("empty", 200), ("null", 200)])
def test_6_a_transcript_that_is_not_ready_comes_later(world: World, choice: str, status: int) -> None:
    recording = world.meetings("fathom")[0]["id"]
    world.admin("settings", fathom={"not_ready": choice})
    world.admin("meetings/change", meeting=recording, transcript_calls=2)
    answers = [world.get(f"{V1}/recordings/{recording}/transcript", headers=KEY) for _ in range(3)]
    assert [each.status_code for each in answers] == [status, status, 200]
    if status == 200:
        assert answers[0].json() == {"transcript": [] if choice == "empty" else None}
    assert len(answers[2].json()["transcript"]) > 5


def test_6_a_transcript_has_speakers_and_whole_seconds(world: World) -> None:
    meeting = world.meetings("fathom")[0]
    rows = world.get(f"{V1}/recordings/{meeting['id']}/transcript", headers=KEY).json()["transcript"]
    assert len(rows) == meeting["lines"]
    assert {row["speaker"]["display_name"] for row in rows} <= set(meeting["people"])
    assert all(datetime.strptime(row["timestamp"], "%H:%M:%S") for row in rows)
    assert world.get(f"{V1}/recordings/{meeting['id']}/summary", headers=KEY).json()["summary"][
        "markdown_formatted"
    ]


def test_7_a_webhook_can_come_before_the_list_shows_the_call(world: World, receiver: Receiver) -> None:
    subscribe(world, receiver)
    made = world.admin("meetings", source="fathom", listed=False, webhooks=True)["meetings"][0]
    assert json.loads(receiver.wait(1)[0][1])["recording_id"] == made["id"]
    assert made["id"] not in ids(world)
    world.admin("meetings/change", meeting=made["id"], listed=True)
    assert ids(world)[0] == made["id"]


def test_7_the_list_can_show_a_call_before_its_webhook_comes(world: World, receiver: Receiver) -> None:
    subscribe(world, receiver)
    made = world.admin("meetings", source="fathom", title="Quick call")["meetings"][0]
    assert ids(world)[0] == made["id"]
    assert not receiver.got
    world.admin("webhooks/send", meeting=made["id"])
    assert json.loads(receiver.wait(1)[0][1])["title"] == "Quick call"


def test_8_a_good_signature_verifies_and_a_redelivery_has_the_same_id(world: World, receiver: Receiver) -> None:
    hook = subscribe(world, receiver)
    sent = world.admin("meetings", source="fathom", webhooks=True)["webhooks"][0]
    world.admin("webhooks/redeliver", id=sent["id"])
    (first, body), (second, again) = receiver.wait(2)
    assert first["webhook-id"] == second["webhook-id"]
    assert body == again
    checked = Webhook(hook["secret"]).verify(body, first)
    assert checked["transcript"]
    assert checked["default_summary"] is None


def test_8_one_recording_comes_to_two_users_under_two_ids(world: World, receiver: Receiver) -> None:
    for headers in (KEY, TOM):
        subscribe(world, receiver, headers, triggered_for=["my_recordings", "shared_team_recordings"])
    world.admin("meetings", source="fathom", shared="single_team", webhooks=True)
    got = receiver.wait(2)
    assert len({headers["webhook-id"] for headers, _ in got}) == 2
    assert len({json.loads(body)["recording_id"] for _, body in got}) == 1


@pytest.mark.parametrize("kind", ["two", "bad", "stale", "future", "malformed", "missing"])
def test_8_signatures_of_every_kind_are_sent(world: World, receiver: Receiver, kind: str) -> None:
    secret = subscribe(world, receiver)["secret"]
    world.admin("webhooks/send", meeting=world.meetings("fathom")[0]["id"], signature=kind)
    headers, body = receiver.wait(1)[0]
    if kind == "two":
        assert len(headers["webhook-signature"].split()) == 2
        assert Webhook(secret).verify(body, headers)
    else:
        with pytest.raises((WebhookVerificationError, ValueError)):
            Webhook(secret).verify(body, headers)


def test_8_a_delivery_is_tried_again_on_a_scaled_schedule(world: World, receiver: Receiver) -> None:
    world.admin("settings", fathom={"webhook_scale": 0.001})
    subscribe(world, receiver)
    receiver.statuses = [500, 503]
    began = time.monotonic()
    world.admin("meetings", source="fathom", webhooks=True)
    got = receiver.wait(3)
    assert len({headers["webhook-id"] for headers, _ in got}) == 1
    assert time.monotonic() - began > 0.3  # 5 s and 5 min, a thousandth of each


def test_9_the_data_holds_an_impromptu_call_an_unknown_language_and_a_guest_without_email(world: World) -> None:
    rows = [row for page in pages(world) for row in page]
    odd = next(row for row in rows if row["transcript_language"] == "unknown")
    begin, end = (datetime.fromisoformat(odd[f"scheduled_{each}_time"]) for each in ("start", "end"))
    assert (end - begin).total_seconds() == 900
    assert odd["meeting_title"] is None
    assert any(invitee["email"] is None for row in rows for invitee in row["calendar_invitees"])


def test_9_unknown_values_and_fields_appear_when_switched_on(world: World) -> None:
    world.admin("settings", fathom={"unknown_enum": True, "extra_field": True})
    row = pages(world)[0][0]
    assert row["shared_with"] == "the_whole_world"
    assert row["sandbox_mood"]


def download(world: World) -> tuple[dict[str, Any], str]:
    recording = world.meetings("fathom")[0]["id"]
    answer = world.post(f"{V1}/recordings/{recording}/download", headers=KEY)
    assert answer.status_code == 202
    return answer.json(), f"{V1}/recordings/{recording}/downloads/{answer.json()['download_id']}"


def test_10_a_download_is_made_and_its_link_dies(world: World) -> None:
    first, poll = download(world)
    assert first["status"] == "processing"
    done = world.get(poll, headers=KEY).json()
    sound = world.get(done["audio"]["url"])
    assert (done["status"], len(sound.content)) == ("completed", done["audio"]["file_size_bytes"])
    assert world.get(poll, headers=TOM).status_code == 404
    world.admin("clock", advance=86401)
    assert world.get(done["audio"]["url"]).status_code == 403
    assert world.get(poll, headers=KEY).json()["status"] == "expired"


def test_10_a_download_can_be_there_at_once_fail_or_be_refused(world: World) -> None:
    world.admin("settings", fathom={"download_polls": 0})
    assert download(world)[0]["status"] == "completed"
    world.admin("settings", fathom={"download_result": "failed"})
    assert download(world)[0]["failure_reason"] == "generation_failed"
    recording = world.meetings("fathom")[0]["id"]
    world.admin("meetings/change", meeting=recording, media=False)
    assert world.post(f"{V1}/recordings/{recording}/download", headers=KEY).status_code == 422
    world.admin("meetings/change", meeting=recording, limited=True)
    assert world.post(f"{V1}/recordings/{recording}/download", headers=KEY).status_code == 403


@pytest.mark.parametrize("what", ["transcript", "summary"])
def test_11_a_destination_is_echoed_now_and_posted_to_later(
    world: World, receiver: Receiver, what: str
) -> None:
    recording, came = world.meetings("fathom")[0]["id"], []
    receiver.reply = lambda _: came.append(time.monotonic()) or b"{}"  # type: ignore[func-returns-value]
    url, query = f"{V1}/recordings/{recording}/{what}", {"destination_url": receiver.url}
    world.fault(on=f"fathom.{what}", stall=0.5)  # the echo's second half goes out half a second later
    began = time.monotonic()
    answer = world.get(url, headers=KEY, params=query)
    assert (answer.status_code, answer.json()) == (200, query)
    headers, body = receiver.wait(1)[0]
    assert came[0] - began >= 0.5  # so not before the echo was out
    assert headers["content-type"] == "application/json"
    given = world.get(url, headers=KEY).json()
    assert given[what]
    assert json.loads(body) == {"recording_id": recording, **given}


@pytest.mark.parametrize(
    "wrong",
    [
        {"include_transcript": False},
        {"triggered_for": []},
        {"triggered_for": ["everything"]},
        {"surprise": 1},
        {"destination_url": "nowhere"},
    ],
)
def test_12_a_webhook_that_asks_for_nothing_or_too_much_is_refused(
    world: World, receiver: Receiver, wrong: dict[str, Any]
) -> None:
    body = {
        "destination_url": receiver.url,
        "triggered_for": ["my_recordings"],
        "include_transcript": True,
        **wrong,
    }
    assert world.post(f"{V1}/webhooks", headers=KEY, json=body).status_code == 400


def test_12_a_webhook_is_deleted_once_and_gets_nothing_more(world: World, receiver: Receiver) -> None:
    made = subscribe(world, receiver)
    assert world.http.delete(f"{world.base}{V1}/webhooks/{made['id']}", headers=KEY).status_code == 204
    assert world.http.delete(f"{world.base}{V1}/webhooks/{made['id']}", headers=KEY).status_code == 404
    assert world.admin("meetings", source="fathom", webhooks=True)["webhooks"] == []


def test_12_a_deleted_recording_leaves_the_list_and_is_not_found(world: World) -> None:
    recording = ids(world)[0]
    world.http.delete(f"{world.base}/admin/meetings", params={"meeting": recording})
    assert recording not in ids(world)
    assert world.get(f"{V1}/recordings/{recording}/transcript", headers=KEY).status_code == 404


def test_people_are_listed_and_users_only_for_admins(world: World) -> None:
    assert {row["name"] for row in world.get(f"{V1}/teams", headers=KEY).json()["items"]} == {
        "Sales",
        "Product",
    }
    members = world.get(f"{V1}/team_members", headers=KEY, params={"team": "Product"}).json()["items"]
    assert [row["email"] for row in members] == ["ines@larkfield.example"]
    assert world.get(f"{V1}/users", headers=KEY).status_code == 200
    assert world.get(f"{V1}/users", headers=TOM).status_code == 403
