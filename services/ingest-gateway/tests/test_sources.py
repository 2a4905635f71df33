"""Sources over HTTP: cards, consent and back, keys, accounts, syncs, links, cancelling."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx
import pytest
from tests.support.eventually import eventually
from tests.support.gateway import Gateway, upload_speech
from tests.support.stack import Person

from ingest_gateway.manifests import SILENT_AFTER
from pipeline_contracts import (
    IMPORT_RESULTS,
    CancelRequested,
    ConnectRequested,
    DisconnectRequested,
    ItemSkipped,
    OAuthOffer,
)
from pipeline_runtime.identifiers import uuid7s

from .sources import Source, changes_of, read, source_of

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def card_of(client: httpx.AsyncClient, source: Source) -> dict[str, Any]:
    answer = await client.get(f"/api/sources/{source.name}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def attempt_row(gateway: Gateway, attempt: str) -> dict[str, Any]:
    row = await gateway.stack.owner.fetchrow("SELECT * FROM connect_attempts WHERE id = $1", UUID(attempt))
    return dict(row or {})


async def browser_of(gateway: Gateway) -> httpx.AsyncClient:
    """Somebody who has just signed up, with the session's cookie."""
    client = gateway.anonymous()
    account = {"email": f"{uuid4().hex}@example.com", "password": "correct horse battery"}
    assert (await client.post("/api/users", json=account)).status_code == 201
    return client


async def begin(client: httpx.AsyncClient, source: Source, **wish: Any) -> dict[str, Any]:
    answer = await client.post(f"/api/sources/{source.name}/connect", json=wish)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def state_in(connecting: dict[str, Any]) -> str:
    return parse_qs(urlsplit(connecting["authorize_url"]).query)["state"][0]


async def come_back(client: httpx.AsyncClient, source: Source, **query: str) -> httpx.Response:
    return await client.get(f"/oauth/{source.name}/callback", params=query)


async def test_a_source_is_a_card_for_everybody_and_files_are_one_too(gateway: Gateway) -> None:
    source = await source_of(gateway)
    client = await gateway.client_of(await gateway.stack.person())
    cards = (await client.get("/api/sources")).json()["sources"]
    card = await card_of(client, source)

    assert (cards[0]["source"], cards[0]["connect"], cards[0]["is_running"]) == ("file_upload", ["file"], True)
    assert card in cards
    assert (card["name"], card["connect"], card["is_running"], card["is_configured"]) == (
        "Zoomer", ["oauth2", "api_key"], True, True,
    )  # fmt: skip
    assert card["options"] == [{"name": "audio", "label": "Transcribe sound", "default": False}]
    assert (card["accounts"], card["attempt"], card["count"]) == ([], None, 0)
    assert "public_key" not in card
    assert (await client.get("/api/sources/nobody")).json()["code"] == "no_such_source"


async def test_a_connector_that_is_silent_is_shown_as_not_running_and_connects_nobody(gateway: Gateway) -> None:
    source = await source_of(gateway, sent_at=datetime.now(UTC) - SILENT_AFTER)
    await source.say(sent_at=datetime.now(UTC) - SILENT_AFTER, name="Late")
    client = await gateway.client_of(await gateway.stack.person())

    async def is_late() -> bool:
        return (await card_of(client, source))["name"] == "Late"

    with pytest.raises(TimeoutError):  # older than what was said before: left out
        await eventually(is_late, within=0.5)
    manifests = gateway.app.state.deps.manifests
    manifests._known[source.name] = source.manifest
    answer = await client.post(f"/api/sources/{source.name}/connect", json={})

    assert (await card_of(client, source))["is_running"] is False
    assert (answer.status_code, answer.json()["code"]) == (503, "source_not_running")


async def test_consent_goes_there_with_state_and_pkce_and_the_code_comes_back_sealed(gateway: Gateway) -> None:
    source = await source_of(gateway)
    client = await browser_of(gateway)
    connecting = await begin(client, source, options={"audio": True})
    url = urlsplit(connecting["authorize_url"])
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    before = await attempt_row(gateway, connecting["attempt_id"])

    assert (url.netloc, url.path) == ("provider.example", "/authorize")
    assert query.keys() == {
        "prompt", "response_type", "client_id", "redirect_uri", "state", "scope", "code_challenge",
        "code_challenge_method",
    }  # fmt: skip
    assert (query["client_id"], query["scope"], query["code_challenge_method"]) == (
        "client 1",
        "read list",
        "S256",
    )
    assert (
        query["redirect_uri"]
        == before["redirect_uri"]
        == f"http://gateway.example/oauth/{source.name}/callback"
    )
    assert query["state"].encode() not in before["state_hash"]
    assert (await card_of(client, source))["attempt"]["status"] == "started"

    back = await come_back(client, source, state=query["state"], code="the code")
    after = await attempt_row(gateway, connecting["attempt_id"])

    assert (back.status_code, back.headers["location"]) == (
        303,
        f"http://gateway.example/import?connected={source.name}",
    )
    assert back.headers["referrer-policy"] == "no-referrer"
    assert source.unseal(after["secret_sealed"]) == {"code": "the code"}
    assert source.unseal(after["pkce_verifier_sealed"]).keys() == {"code_verifier"}
    assert (after["status"], json.loads(after["options"])) == ("submitted", {"audio": True})

    async def was_told() -> bool:
        return await source.commands(ConnectRequested) == [ConnectRequested(attempt_id=after["id"])]

    await eventually(was_told)


async def test_a_code_is_taken_once(gateway: Gateway) -> None:
    source = await source_of(gateway)
    client = await browser_of(gateway)
    state = state_in(await begin(client, source))
    first = await come_back(client, source, state=state, code="first")
    second = await come_back(client, source, state=state, code="second")

    assert "connected=" in first.headers["location"]
    assert "connect_error=attempt_used" in second.headers["location"]
    row = await gateway.stack.owner.fetchrow(
        "SELECT * FROM connect_attempts WHERE source_app = $1", source.name
    )
    assert row is not None
    assert source.unseal(row["secret_sealed"]) == {"code": "first"}


async def test_the_way_back_is_bound_to_the_browser_and_the_session_that_began_it(gateway: Gateway) -> None:
    source = await source_of(gateway)
    attacker, victim = await browser_of(gateway), await browser_of(gateway)
    connecting = await begin(attacker, source)
    state = state_in(connecting)
    await begin(victim, source)  # has a binding of their own

    for client in (victim, gateway.anonymous()):
        answer = await come_back(client, source, state=state, code="the victim's")
        assert answer.status_code == 403
        assert "begun elsewhere" in answer.text
    await attacker.delete("/api/session")
    assert (await come_back(attacker, source, state=state, code="x")).status_code == 403
    assert (await attempt_row(gateway, connecting["attempt_id"]))["secret_sealed"] is None


async def test_two_ways_of_one_browser_do_not_disturb_each_other(gateway: Gateway) -> None:
    one, other = await source_of(gateway), await source_of(gateway)
    client = await browser_of(gateway)
    first, second = await begin(client, one), await begin(client, other)

    assert "connected=" in (await come_back(client, one, state=state_in(first), code="1")).headers["location"]
    crossed = await come_back(client, one, state=state_in(second), code="2")
    assert "connect_error=unknown_attempt" in crossed.headers["location"]


async def test_a_command_with_a_token_comes_back_too_with_the_cookie_it_was_given(gateway: Gateway) -> None:
    source = await source_of(gateway)
    client = await gateway.client_of(await gateway.stack.person())
    connecting = await begin(client, source)
    assert "connected=" in (
        await come_back(client, source, state=state_in(connecting), code="1")
    ).headers["location"]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"error": "access_denied"}, "access_denied"),
        ({"error": "temporarily_unavailable"}, "provider_unavailable"),
        ({"error": "<script>", "error_description": "x"}, "provider_refused"),
        ({}, "provider_refused"),
        ({"code": "x" * 5000}, "provider_refused"),
    ],
)
async def test_what_a_provider_refuses_is_told_in_plain_words(
    gateway: Gateway, query: dict[str, str], code: str
) -> None:
    source = await source_of(gateway)
    client = await browser_of(gateway)
    state = state_in(await begin(client, source))
    answer = await come_back(client, source, state=state, **query)
    attempt = (await card_of(client, source))["attempt"]

    assert answer.headers["location"] == (
        f"http://gateway.example/import?connect_error={code}&source={source.name}"
    )
    assert (attempt["status"], attempt["reason"]) == ("failed", code)
    assert "Zoomer" in attempt["message"]


async def test_an_attempt_that_took_too_long_is_over(gateway: Gateway) -> None:
    source = await source_of(gateway)
    client = await browser_of(gateway)
    connecting = await begin(client, source)
    await gateway.stack.owner.execute(
        "UPDATE connect_attempts SET expires_at = now() WHERE id = $1", UUID(connecting["attempt_id"])
    )
    answer = await come_back(client, source, state=state_in(connecting), code="late")

    assert "connect_error=attempt_expired" in answer.headers["location"]
    attempt = (await card_of(client, source))["attempt"]
    assert (attempt["status"], attempt["message"]) == ("expired", "Connecting Zoomer took too long. Try again.")


async def test_a_connection_that_comes_about_while_the_card_is_read_is_on_it_before_or_after(
    gateway: Gateway,
) -> None:
    source = await source_of(gateway)
    client = await browser_of(gateway)
    connecting = await begin(client, source)
    user = (await attempt_row(gateway, connecting["attempt_id"]))["user_id"]
    waiting = "SELECT count(*) > 0 FROM pg_locks WHERE relation = 'connect_attempts'::regclass AND NOT granted"

    async def reader_waits() -> bool:
        return bool(await gateway.stack.owner.fetchval(waiting))

    async with gateway.stack.owner.transaction():  # as the connector ends the attempt, between two of its reads
        await gateway.stack.owner.execute("LOCK connect_attempts IN ACCESS EXCLUSIVE MODE")
        reading = asyncio.create_task(card_of(client, source))
        await eventually(reader_waits)
        account = await source.account(Person(user, bank=user, vault=user))
        await gateway.stack.owner.execute(
            "UPDATE connect_attempts SET status = 'done', used_at = now(), account_id = $2 WHERE id = $1",
            UUID(connecting["attempt_id"]), account,
        )  # fmt: skip
    card = await reading

    assert card["attempt"] is not None or card["accounts"] != []


@pytest.mark.parametrize("state", ["", "x", "é" * 43, "a" * 43, "a" * 5000])
async def test_states_that_nobody_gave_out_lead_nowhere(gateway: Gateway, state: str) -> None:
    source = await source_of(gateway)
    answer = await come_back(await browser_of(gateway), source, state=state, code="x")
    assert "connect_error=unknown_attempt" in answer.headers["location"]


async def test_a_key_is_sealed_and_handed_on_at_once(gateway: Gateway) -> None:
    source = await source_of(gateway)
    client = await gateway.client_of(await gateway.stack.person())
    connecting = await begin(client, source, api_key="  key-123\n")
    row = await attempt_row(gateway, connecting["attempt_id"])

    assert (connecting["method"], connecting["authorize_url"]) == ("api_key", None)
    assert (row["status"], source.unseal(row["secret_sealed"])) == ("submitted", {"api_key": "key-123"})

    async def was_told() -> bool:
        return await source.commands(ConnectRequested) == [ConnectRequested(attempt_id=row["id"])]

    await eventually(was_told)


async def test_wishes_that_a_source_does_not_grant_are_refused(gateway: Gateway) -> None:
    offer = OAuthOffer(authorize_url="https://provider.example/", client_id="")
    bare, links = (
        await source_of(gateway, connect=("oauth2",), oauth=offer),
        await source_of(gateway, connect=("url",)),
    )
    client = await gateway.client_of(await gateway.stack.person())

    async def refusal(source: str, **wish: Any) -> tuple[int, str]:
        answer = await client.post(f"/api/sources/{source}/connect", json=wish)
        return answer.status_code, answer.json()["code"]

    assert await refusal(bare.name) == (409, "source_not_configured")
    assert await refusal(bare.name, api_key="x") == (409, "method_not_offered")
    assert await refusal(links.name) == (409, "method_not_offered")
    assert await refusal("nobody") == (404, "no_such_source")
    full = await source_of(gateway)
    assert await refusal(full.name, method="api_key") == (422, "missing_key")
    assert await refusal(full.name, api_key="a\x00b") == (422, "missing_key")
    assert await refusal(full.name, options={"video": True}) == (422, "unknown_option")
    assert await refusal(full.name, method="password") == (422, "invalid_request")
    for _ in range(10):
        await begin(client, full)
    assert await refusal(full.name) == (429, "too_many_connects")


async def test_writes_by_cookie_need_our_own_origin(gateway: Gateway) -> None:
    source = await source_of(gateway)
    client = await browser_of(gateway)
    client.headers["Origin"] = "https://evil.example"
    for path in (f"/api/sources/{source.name}/connect", f"/api/accounts/{uuid4()}/sync", "/api/imports/url"):
        assert (await client.post(path, json={})).json()["code"] in ("foreign_origin", "invalid_request"), path
    assert (await client.post(f"/api/sources/{source.name}/connect", json={})).json()[
        "code"
    ] == "foreign_origin"


async def add_call(gateway: Gateway, person: Person, source: Source, account: UUID) -> None:
    """A call of the account in the library."""
    job, call = uuid4(), uuid4().hex
    await gateway.stack.owner.execute(
        "INSERT INTO sync_jobs (id, owner_user_id, source_app, account_id, trigger) VALUES ($1, $2, $3, $4, 'webhook')",
        job, person.id, source.name, account,
    )  # fmt: skip
    [row] = await gateway.stack.admit(job, [call])
    await gateway.stack.owner.execute(
        "INSERT INTO recordings (id, bank_id, owner_user_id, title, full_transcript, source_app, external_id, "
        "source_metadata, recording_start_time, imported_by_item) "
        "VALUES ($1, $2, $3, 'A call', 'Words', $4, $5, jsonb_build_object('external_id', $5::text), now(), $6)",
        uuid7s(1)[0], person.bank, person.id, source.name, call, row["item_id"],
    )  # fmt: skip


async def test_a_card_tells_counts_calls_that_wait_and_how_new_ones_come(gateway: Gateway) -> None:
    source, person = await source_of(gateway), await gateway.stack.person()
    client = await gateway.client_of(person)
    paused = await source.account(person, status="paused", webhook_id="hook-1")
    broken = await source.account(
        person, status="error", reason="reconnect_needed", webhook_note="no_public_url"
    )
    await add_call(gateway, person, source, paused)
    await add_call(gateway, person, source, paused)
    for number in range(3):
        inbox = uuid4()
        await gateway.stack.owner.execute(
            "INSERT INTO webhook_inbox (id, source_app, delivery_id, state) VALUES ($1, $2, $3, 'held')",
            inbox, source.name, str(number),
        )  # fmt: skip
        await gateway.stack.owner.execute(
            "INSERT INTO webhook_held (inbox_id, account_id) VALUES ($1, $2)", inbox, paused
        )
    card = await card_of(client, source)
    first, second = card["accounts"]

    assert (card["count"], first["count"], second["count"], first["waiting"]) == (2, 2, 0, 3)
    assert card["last_import_at"]
    assert (first["id"], first["status"], first["webhook"]) == (
        str(paused),
        "paused",
        {"state": "pushed", "note": None},
    )
    assert (second["id"], second["message"]) == (str(broken), "Zoomer asks you to sign in again.")
    assert second["webhook"] == {"state": "hourly", "note": "no_public_url"}
    stranger = await gateway.client_of(await gateway.stack.person())
    assert (await card_of(stranger, source))["accounts"] == []


async def test_pause_and_resume_are_told_and_done_again_change_nothing(gateway: Gateway) -> None:
    source, person = await source_of(gateway), await gateway.stack.person()
    client, account = await gateway.client_of(person), await source.account(person)
    path = f"/api/accounts/{account}"
    told = [(await client.patch(path, json={"paused": paused})).json() for paused in (True, True, False)]

    assert [(one["status"], one["is_active"]) for one in told] == [
        ("paused", False), ("paused", False), ("active", True),
    ]  # fmt: skip

    async def changes() -> bool:
        return sorted(await changes_of(gateway.stack, account)) == [("active", 3), ("paused", 2)]

    await eventually(changes)

    async def catches_up() -> bool:
        return [one.trigger for one in await source.fetches()] == ["schedule"]

    await eventually(catches_up)
    changed = await client.patch(path, json={"options": {"audio": True}})
    assert changed.json()["options"] == {"audio": True}
    assert (await client.patch(path, json={"options": {"x": True}})).json()["code"] == "unknown_option"


async def test_disconnecting_raises_the_generation_once_and_tells_the_connector(gateway: Gateway) -> None:
    source, person = await source_of(gateway), await gateway.stack.person()
    client, account = await gateway.client_of(person), await source.account(person)
    answers = [await client.delete(f"/api/accounts/{account}") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [204, 204]

    async def was_told() -> bool:
        told = await source.commands(DisconnectRequested)
        return told == [DisconnectRequested(account_id=account, generation=1)]

    await eventually(was_told)
    assert await changes_of(gateway.stack, account) == [("disconnected", 2)]
    for refused in (
        await client.patch(f"/api/accounts/{account}", json={"paused": False}),
        await client.post(f"/api/accounts/{account}/sync"),
    ):
        assert (refused.status_code, refused.json()["code"]) == (409, "account_disconnected")
    assert (await card_of(client, source))["accounts"][0]["status"] == "disconnected"


async def test_a_second_sync_answers_with_the_one_that_runs(gateway: Gateway) -> None:
    source, person = await source_of(gateway), await gateway.stack.person()
    client, account = await gateway.client_of(person), await source.account(person)
    path = f"/api/accounts/{account}/sync"
    first = (
        await client.post(path, json={"from": "2026-10-01T00:00:00Z", "to": "2026-10-08T00:00:00+02:00"})
    ).json()
    second = (await client.post(path)).json()

    assert (first["was_running"], second["was_running"]) == (False, True)
    assert first["job"]["id"] == second["job"]["id"]

    async def request() -> Any:
        return await source.fetches() or None

    [told] = await eventually(request)
    assert (str(told.job_id), told.account_id, told.trigger) == (first["job"]["id"], account, "manual")
    assert (told.window_from, told.window_to) == (
        datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 7, 22, tzinfo=UTC),
    )  # fmt: skip
    await gateway.stack.owner.execute(
        "UPDATE sync_jobs SET discovery_ended_at = now() WHERE account_id = $1", account
    )
    assert (await client.post(path)).json()["was_running"] is False
    assert (await client.get(f"/api/accounts/{account}")).json()["job"]["trigger"] == "manual"


async def test_twenty_syncs_at_once_are_one(gateway: Gateway) -> None:
    source, person = await source_of(gateway), await gateway.stack.person()
    client, account = await gateway.client_of(person), await source.account(person)
    answers = await asyncio.gather(*(client.post(f"/api/accounts/{account}/sync") for _ in range(20)))

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["job"]["id"] for answer in answers}) == 1
    assert sum(not answer.json()["was_running"] for answer in answers) == 1


async def test_a_sync_and_a_disconnection_at_once_leave_no_sync_of_what_is_gone(gateway: Gateway) -> None:
    source, person = await source_of(gateway), await gateway.stack.person()
    client, account = await gateway.client_of(person), await source.account(person)
    path = f"/api/accounts/{account}"
    gone, *syncs = await asyncio.gather(
        client.delete(path),
        *(client.post(f"{path}/sync") for _ in range(5)),
        client.patch(path, json={"paused": True}),
    )

    assert gone.status_code == 204
    assert {answer.status_code for answer in syncs} <= {200, 202, 409}
    assert (await client.get(path)).json()["status"] == "disconnected"
    assert (await client.post(f"{path}/sync")).json()["code"] == "account_disconnected"


async def test_syncs_that_make_no_sense_are_refused(gateway: Gateway) -> None:
    source, person = await source_of(gateway), await gateway.stack.person()
    client, account = await gateway.client_of(person), await source.account(person)
    paused, broken = await source.account(person, status="paused"), await source.account(person, status="error")

    for body in (
        {"from": "2026-10-02T00:00:00Z", "to": "2026-10-01T00:00:00Z"}, {"to": "2026-10-01T00:00:00Z"},
        {"from": "2026-10-01"}, {"from": "yesterday"}, {"since": "2026-10-01T00:00:00Z"},
    ):  # fmt: skip
        answer = await client.post(f"/api/accounts/{account}/sync", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), body
    assert (await client.post(f"/api/accounts/{paused}/sync")).json()["code"] == "account_paused"
    assert (await client.post(f"/api/accounts/{broken}/sync")).json()["code"] == "reconnect_needed"


async def test_accounts_and_jobs_of_others_are_not_found(gateway: Gateway) -> None:
    source, person = await source_of(gateway), await gateway.stack.person()
    client, account = await gateway.client_of(person), await source.account(person)
    job = (await client.post(f"/api/accounts/{account}/sync")).json()["job"]["id"]
    stranger = await gateway.client_of(await gateway.stack.person())

    for method, path in (
        ("GET", f"/api/accounts/{account}"), ("PATCH", f"/api/accounts/{account}"),
        ("DELETE", f"/api/accounts/{account}"), ("POST", f"/api/accounts/{account}/sync"),
        ("POST", f"/api/jobs/{job}/cancel"), ("POST", f"/api/jobs/{uuid4()}/cancel"),
        ("DELETE", f"/api/accounts/{uuid4()}"),
    ):  # fmt: skip
        body = {"paused": True} if method == "PATCH" else None
        answer = await stranger.request(method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
    assert (await client.get(f"/api/accounts/{account}")).json()["status"] == "active"


async def test_links_go_to_the_sources_that_take_their_hosts(gateway: Gateway) -> None:
    host, other = f"{uuid4().hex}.example", f"{uuid4().hex}.example"
    source = await source_of(gateway, connect=("url",), link_hosts=(host,))
    second = await source_of(gateway, connect=("url",), link_hosts=(other,))
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    links = [f"https://www.{host}/watch?v=1", f"{host}/2", f"https://www.{host}/watch?v=1", f"https://{other}/x",
             f"https://not-{host}/x", f"https://user:pw@{host}/x", "javascript:alert(1)", f"https://evil.example\\@{host}/",
             "file:///etc/passwd"]  # fmt: skip
    answer = (await client.post("/api/imports/url", json={"links": links, "options": {"audio": True}})).json()

    assert [(job["source_app"], job["links"]) for job in answer["jobs"]] == [
        (source.name, [f"https://www.{host}/watch?v=1", f"https://{host}/2"]), (second.name, [f"https://{other}/x"]),
    ]  # fmt: skip
    assert {one["link"] for one in answer["refused"]} == set(links[4:])
    assert {one["code"] for one in answer["refused"]} == {"unsupported_link"}

    async def request() -> Any:
        return await source.fetches() or None

    [told] = await eventually(request)
    assert (str(told.job_id), list(told.links), told.options) == (
        answer["jobs"][0]["job_id"], answer["jobs"][0]["links"], {"audio": True},
    )  # fmt: skip
    job = (await client.get(f"/api/jobs/{told.job_id}")).json()
    assert (job["trigger"], job["status"], job["account_id"]) == ("manual", "queued", None)
    refused = await client.post("/api/imports/url", json={"links": ["https://elsewhere.example/"]})
    assert (refused.status_code, refused.json()["code"]) == (422, "unsupported_link")
    for body in ({"links": []}, {"links": ["x"] * 51}, {"links": ["x" * 3000]}, {"links": "x"}):
        assert (await client.post("/api/imports/url", json=body)).status_code == 422


async def test_a_job_of_a_source_is_cancelled_by_its_connector(gateway: Gateway) -> None:
    source, person = await source_of(gateway), await gateway.stack.person()
    client, account = await gateway.client_of(person), await source.account(person)
    job = (await client.post(f"/api/accounts/{account}/sync")).json()["job"]["id"]
    answers = [await client.post(f"/api/jobs/{job}/cancel") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json()["cancel_requested_at"] == answers[1].json()["cancel_requested_at"]

    async def was_told() -> bool:
        return CancelRequested(job_id=UUID(job)) in await source.commands(CancelRequested)

    await eventually(was_told)
    await gateway.stack.owner.execute("UPDATE sync_jobs SET ended_at = now() WHERE id = $1", UUID(job))
    assert (await client.post(f"/api/jobs/{job}/cancel")).json()["code"] == "job_ended"


async def test_a_file_that_is_cancelled_is_skipped(gateway: Gateway) -> None:
    client = await gateway.client_of(await gateway.stack.person())
    told = (await upload_speech(client, "budget.mp3")).json()
    assert (await client.post(f"/api/jobs/{told['job_id']}/cancel")).status_code == 202

    async def skipped() -> ItemSkipped | None:
        found = await read(gateway.stack, IMPORT_RESULTS, ItemSkipped)
        return next((one for one in found if str(one.item_id) == told["item_id"]), None)

    assert (await eventually(skipped)).code == "cancelled"


async def test_an_event_stream_begins_with_accounts_and_tells_their_changes(gateway: Gateway) -> None:
    from ingest_gateway.hub import Listener

    source, person = await source_of(gateway), await gateway.stack.person()
    client, account = await gateway.client_of(person), await source.account(person)
    listener, deps = Listener(), gateway.app.state.deps
    with deps.hub.listening(person.id, listener):
        await client.patch(f"/api/accounts/{account}", json={"paused": True})
        news = await listener.get(within=15)
    assert (news.account_id, news.status, news.version) == (account, "paused", 2)


async def test_an_account_is_due_again_later_than_now(gateway: Gateway) -> None:
    source, person = await source_of(gateway), await gateway.stack.person()
    account = await source.account(person, next_sync_at=datetime.now(UTC) - timedelta(minutes=1))
    gateway.app.state.deps.schedule.ring()

    async def moved() -> timedelta | None:
        due = await gateway.stack.owner.fetchval(
            "SELECT next_sync_at FROM import_sources WHERE id = $1", account
        )
        return due - datetime.now(UTC) if due > datetime.now(UTC) else None

    assert timedelta(minutes=50) < await eventually(moved) < timedelta(minutes=70)


async def test_a_source_of_links_is_switched_off_and_on_by_each_user(gateway: Gateway) -> None:
    host = f"{uuid4().hex}.example"
    source = await source_of(gateway, connect=("url",), oauth=None, link_hosts=(host,))
    person, other = await gateway.stack.person(), await gateway.stack.person()
    client, stranger = await gateway.client_of(person), await gateway.client_of(other)
    path, body = f"/api/sources/{source.name}", {"links": [f"https://{host}/1"]}
    assert (await card_of(client, source))["is_active"] is True
    off = await client.patch(path, json={"is_active": False})
    refused = await client.post("/api/imports/url", json=body)

    assert (off.status_code, off.json()["is_active"]) == (200, False)
    assert (refused.status_code, refused.json()["code"]) == (409, "source_switched_off")
    assert refused.json()["detail"] == "You have switched Zoomer off. Switch it on to import."
    assert (await stranger.post("/api/imports/url", json=body)).status_code == 202
    assert (await card_of(stranger, source))["is_active"] is True
    assert (await client.patch(path, json={"is_active": True})).json()["is_active"] is True
    assert (await client.post("/api/imports/url", json=body)).status_code == 202


async def test_a_source_with_accounts_has_its_switches_there(gateway: Gateway) -> None:
    source = await source_of(gateway)
    client = await gateway.client_of(await gateway.stack.person())
    answer = await client.patch(f"/api/sources/{source.name}", json={"is_active": False})

    assert (answer.status_code, answer.json()["code"]) == (409, "no_switch")
    assert (await card_of(client, source))["is_active"] is None
    assert (await client.patch("/api/sources/nowhere", json={"is_active": True})).json()[
        "code"
    ] == "no_such_source"
