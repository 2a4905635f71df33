"""A user connects Fathom or Zoom in the browser, and from then on calls arrive by themselves: over the whole stack."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx

from tests.support.eventually import eventually
from tests.support.live import Caller, Live
from tests.support.sources import ZOOM_SECRET, World


async def card_of(caller: Caller, source: str = "fathom") -> dict[str, Any]:
    return dict((await caller.http.get(f"/api/sources/{source}")).json())


async def connect(caller: Caller, user: str, source: str = "fathom") -> dict[str, Any]:
    """Through the consent page and back, with the cookies of one browser; answers the account."""

    async def begun() -> httpx.Response | None:
        answer = await caller.http.post(f"/api/sources/{source}/connect", json={})
        return answer if answer.status_code == 202 else None

    url = (await eventually(begun, within=60)).json()["authorize_url"]
    consent = await caller.http.get(f"{url}&sandbox_consent=accept&sandbox_user={user}")
    back = await caller.http.get(consent.headers["location"])
    assert back.headers["location"].endswith(f"/import?connected={source}")

    async def synced() -> dict[str, Any] | None:
        accounts = (await card_of(caller, source))["accounts"]
        is_over = accounts and accounts[0]["job"] and accounts[0]["job"]["ended_at"]
        return dict(accounts[0]) if is_over and accounts[0]["webhook"]["state"] == "pushed" else None

    return await eventually(synced, within=90, every=0.2)


async def count(caller: Caller, source: str = "fathom") -> int:
    return int((await card_of(caller, source))["count"])


async def reaches(caller: Caller, wanted: int, source: str = "fathom") -> None:
    async def there() -> bool:
        return await count(caller, source) == wanted

    await eventually(there, within=60, every=0.2)


async def test_connecting_imports_by_itself_and_a_pushed_call_follows(live: Live, world: World) -> None:
    caller = await live.sign_up()
    account = await connect(caller, "tom")
    before = account["count"]

    assert (account["status"], account["email"]) == ("active", "tom@larkfield.example")
    assert before == account["job"]["imported"] > 3
    await world.admin("meetings", source="fathom", host="tom", title="A call just now", webhooks=True)
    await reaches(caller, before + 1)
    titles = [one["title"] for one in (await caller.http.get("/api/recordings")).json()["recordings"]]
    assert titles[0] == "A call just now"
    assert len(await live.created(caller.id)) == before + 1

    again = (await caller.http.post(f"/api/accounts/{account['id']}/sync")).json()["job"]
    ended = await caller.job(again["id"])
    assert (ended["status"], ended["found"], ended["failed"]) == ("completed", 0, 0)
    await live.assert_books_balance(caller.id)


async def test_what_is_pushed_to_a_paused_account_waits_and_comes_when_it_is_resumed(
    live: Live, world: World
) -> None:
    caller = await live.sign_up()
    account = await connect(caller, "petra")
    path, before = f"/api/accounts/{account['id']}", account["count"]
    assert (await caller.http.patch(path, json={"paused": True})).json()["status"] == "paused"
    await world.admin("meetings", source="fathom", host="petra", title="While away", webhooks=True)

    async def waiting(number: int) -> bool:
        return bool((await caller.http.get(path)).json()["waiting"] == number)

    await eventually(lambda: waiting(1), within=60, every=0.2)
    assert await count(caller) == before
    assert (await caller.http.patch(path, json={"paused": False})).json()["status"] == "active"
    await reaches(caller, before + 1)  # be it by the delivery that was held or by the sync after it
    await eventually(lambda: waiting(0), within=60, every=0.2)
    await live.assert_books_balance(caller.id)


async def test_disconnecting_keeps_the_calls_and_takes_the_webhook_away(live: Live, world: World) -> None:
    caller = await live.sign_up()
    account = await connect(caller, "ines")
    assert (await caller.http.delete(f"/api/accounts/{account['id']}")).status_code == 204

    async def is_gone() -> bool:
        row = await live.rows(
            "SELECT count(*) AS left FROM source_credentials WHERE account_id::text = $1", account["id"]
        )
        return bool(row[0]["left"] == 0)

    await eventually(is_gone, within=60, every=0.2)
    card = await card_of(caller)
    assert (card["count"], card["accounts"][0]["status"]) == (account["count"], "disconnected")
    answer = await caller.http.post(f"/webhooks/fathom/{account['id']}", content=b"{}")
    assert answer.status_code == 404
    assert await world.calls("fathom.webhook_delete") >= 1


async def zoom_endpoint(live: Live, world: World) -> dict[str, Any]:
    """Enter our address at Zoom's, which challenges it at once."""
    url = f"{live.url}/webhooks/zoom"
    return dict(await world.admin("zoom/webhook", url=url, secret_token=ZOOM_SECRET))


async def zoom_call(world: World, host: str, title: str, **more: Any) -> dict[str, Any]:
    made = await world.admin("meetings", source="zoom", host=host, title=title, **more)
    return dict(made["meetings"][0])


async def titles(caller: Caller) -> list[str]:
    return [one["title"] for one in (await caller.http.get("/api/recordings")).json()["recordings"]]


async def test_connecting_zoom_imports_by_itself_with_transcripts_and_without(live: Live, world: World) -> None:
    """Of one call Zoom never makes a transcript: our own engine hears it."""
    caller = await live.sign_up()
    account = await connect(caller, "tom", "zoom")
    listed = (await world.look("meetings", source="zoom", host="tom"))["meetings"]
    assert [one["transcript"] for one in listed].count("never") == 1
    assert (account["status"], account["count"], account["job"]["imported"]) == (
        "active",
        len(listed),
        len(listed),
    )
    assert set(await titles(caller)) == {one["title"] for one in listed}
    assert len(await live.created(caller.id)) == len(listed)
    told = [json.loads(one.value) for one in await live.events("import.progress")]
    mine = [one for one in told if one["job_id"] == account["job"]["id"]]
    last = max(mine, key=lambda one: one["version"])
    assert (last["status"], last["found"], last["open"]) == ("completed", len(listed), 0)
    again = (await caller.http.post(f"/api/accounts/{account['id']}/sync")).json()["job"]
    assert (await caller.job(again["id"]))["found"] == 0
    await live.assert_books_balance(caller.id)


async def test_zooms_challenge_is_answered_and_a_pushed_call_comes_when_its_transcript_is_there(
    live: Live, world: World
) -> None:
    caller = await live.sign_up()
    before = (await connect(caller, "maya", "zoom"))["count"]
    assert (await zoom_endpoint(live, world))["valid"] is True
    assert (await world.admin("zoom/challenge"))["valid"] is True
    await zoom_call(world, "maya", "Pushed by Zoom", transcript_after=2, webhooks=True)
    await reaches(caller, before + 1, "zoom")
    assert (await titles(caller))[0] == "Pushed by Zoom"
    sent = [one for one in (await world.look("webhooks"))["webhooks"] if one["source"] == "zoom"]
    assert [one["event"] for one in sent] == ["recording.completed", "recording.transcript_completed"]
    jobs = await live.rows(
        "SELECT trigger, imported, skipped FROM sync_jobs WHERE owner_user_id = $1 AND trigger = 'webhook' "
        "ORDER BY created_at", caller.id,
    )  # fmt: skip
    assert [(job["imported"], job["skipped"]) for job in jobs] == [(0, 1), (1, 0)]
    await live.assert_books_balance(caller.id)


async def test_zooms_deliveries_are_verified_and_taken_once(live: Live, world: World) -> None:
    caller = await live.sign_up()
    before = (await connect(caller, "petra", "zoom"))["count"]
    await zoom_endpoint(live, world)
    made = await zoom_call(world, "petra", "Signed", listed=False)
    statuses = {}
    for signature in ("bad", "stale", "future", "malformed", "missing"):
        sent = await world.admin("webhooks/send", meeting=made["uuid"], signature=signature, retry=False)
        statuses[signature] = [one["status"] for one in sent["webhooks"][0]["attempts"]]
    assert set(map(tuple, statuses.values())) == {(401,)}
    for signature in ("good", "ms"):  # Zoom's time may be in milliseconds
        sent = await world.admin(
            "webhooks/send", meeting=made["uuid"], signature=signature, copies=2, retry=False
        )
        assert {one["status"] for one in sent["webhooks"][0]["attempts"]} == {204}
    await reaches(caller, before + 1, "zoom")
    assert (await titles(caller)).count("Signed") == 1


async def test_what_zoom_could_not_deliver_comes_with_its_retry(live: Live, world: World) -> None:
    """Its first retry is five minutes later, here three seconds."""
    caller = await live.sign_up()
    before = (await connect(caller, "ines", "zoom"))["count"]
    await zoom_endpoint(live, world)
    made = await zoom_call(world, "ines", "After a restart", listed=False)
    gateway = live.process("ingest-gateway")["pid"]
    await live.kill("ingest-gateway")
    sent = await world.admin("webhooks/send", meeting=made["uuid"])
    assert sent["webhooks"][0]["attempts"][0]["status"] != 204
    await live.back("ingest-gateway", gateway)
    await reaches(caller, before + 1, "zoom")


async def test_whoever_removes_the_app_at_zoom_is_disconnected_here_and_keeps_the_calls(
    live: Live, world: World
) -> None:
    caller = await live.sign_up()
    account = await connect(caller, "ines", "zoom")
    await zoom_endpoint(live, world)
    await world.admin("zoom/deauthorize", user="ines")

    async def is_over() -> bool:
        (row,) = (await card_of(caller, "zoom"))["accounts"]
        return bool(row["status"] == "disconnected")

    await eventually(is_over, within=60, every=0.2)
    assert await count(caller, "zoom") == account["count"] > 0
    answer = await caller.http.get(f"/api/accounts/{account['id']}")
    assert "withdrawn" in json.dumps(answer.json())


async def test_twenty_syncs_at_once_with_an_expired_token_are_one_and_cause_one_refresh(
    live: Live, world: World
) -> None:
    """The token runs out when the first page is there: the next page and the first calls meet that together."""
    caller = await live.sign_up()
    account = await connect(caller, "maya")
    await world.admin("meetings", source="fathom", host="maya", copies=20)
    gone = {"path": "tokens/expire", "body": {"provider": "fathom", "user": "maya"}, "when": "after"}
    await world.fault(on="fathom.meetings", user="maya", times=1, admin=[gone])
    await world.fault(on="fathom.token", times=None, delay=0.5)
    await world.forget_calls()
    path = f"/api/accounts/{account['id']}/sync"
    answers = await asyncio.gather(*(caller.http.post(path) for _ in range(20)))
    jobs = [await caller.job(job) for job in {answer.json()["job"]["id"] for answer in answers}]
    await world.heal()
    assert {job["status"] for job in jobs} == {"completed"}
    assert sum(job["imported"] for job in jobs) == 20
    statuses = (await world.look("calls", endpoint="fathom.*", user="maya"))["statuses"]
    assert statuses.get("fathom.transcript 401", 0) + statuses.get("fathom.meetings 401", 0) > 2
    assert await world.calls("fathom.token") == 1
    await live.assert_books_balance(caller.id)
