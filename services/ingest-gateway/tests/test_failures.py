"""Failures by cause, and retries of one, of a cause, of all."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.support.eventually import eventually
from tests.support.gateway import Gateway, add_recording, fail_item, upload_speech
from tests.support.stack import Person, Stack

from pipeline_contracts import IMPORT_FETCH, FetchRequested, decode
from pipeline_runtime.topics import make_topics

from .sources import source_of

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def failed_calls(
    stack: Stack, person: Person, count: int, *, code: str = "provider_unavailable", retryable: bool = True,
    source: str = "zoom", account: UUID | None = None,
) -> tuple[UUID, list[UUID]]:  # fmt: skip
    """A job of a source with calls that have all failed: the job, its items."""
    job, page = uuid4(), []
    for number in range(count):
        call = f"{job.hex}-{number}"
        page.append({"external_id": call, "title": f"Call {number}", "ticket": {"source_item": {"id": call}}})
    async with stack.owner.transaction():
        await stack.owner.execute(
            "INSERT INTO sync_jobs (id, owner_user_id, source_app, account_id, trigger) "
            "VALUES ($1, $2, $3, $4, 'manual')", job, person.id, source, account,
        )  # fmt: skip
        rows = await stack.owner.fetch("SELECT item_id FROM admit($1, $2, true)", job, json.dumps(page))
        await stack.owner.execute(
            "UPDATE sync_job_items SET status = 'failed', code = $2, message = 'It is away.', retryable = $3, "
            "ended_at = now() WHERE job_id = $1", job, code, retryable,
        )  # fmt: skip
        await stack.owner.execute(
            "UPDATE sync_jobs SET failed = found, status = 'failed', ended_at = now() WHERE id = $1", job
        )
    return job, [row["item_id"] for row in rows]


async def fetch_requests(stack: Stack, source: str, job: UUID) -> list[FetchRequested]:
    records = await stack.messages(f"import.fetch.{source}")
    found = [decode(IMPORT_FETCH, one.value, one.headers) for one in records]
    return [one for one in found if isinstance(one, FetchRequested) and one.job_id == job]


async def test_failures_stand_grouped_by_cause_and_those_in_the_library_do_not(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    account = uuid4()
    await failed_calls(gateway.stack, person, 3, code="reconnect_needed", account=account)
    await failed_calls(gateway.stack, person, 1, code="unsupported_type", retryable=False, source="youtube")
    told = (await upload_speech(client, "budget.mp3")).json()
    await fail_item(gateway.stack, UUID(told["item_id"]))
    await add_recording(gateway.stack, person, told["external_id"])
    answer = (await client.get("/api/failures")).json()

    assert answer["count"] == 4
    first, second = answer["groups"]
    assert (first["source_app"], first["account_id"], first["code"], first["count"], first["retryable"]) == (
        "zoom", str(account), "reconnect_needed", 3, True,
    )  # fmt: skip
    assert (first["message"], len(first["titles"])) == ("Zoom asks you to sign in again.", 3)
    assert (second["source_app"], second["count"], second["retryable"]) == ("youtube", 1, False)
    assert (second["message"], second["remedy"], second["source_name"]) == ("It is away.", "none", "Youtube")


async def test_failed_calls_are_listed_one_by_one_page_by_page(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    _, items = await failed_calls(gateway.stack, person, 3, code="reconnect_needed")
    await failed_calls(gateway.stack, person, 1, code="lost")
    query: dict[str, Any] = {"code": "reconnect_needed", "limit": 2}
    first = (await client.get("/api/failures/items", params=query)).json()
    second = (await client.get("/api/failures/items", params=query | {"before": first["next_before"]})).json()

    assert {one["id"] for one in first["items"] + second["items"]} == {str(item) for item in items}
    assert (len(first["items"]), second["next_before"]) == (2, None)
    assert (await client.get("/api/failures/items", params={"code": "'; DROP"})).json()[
        "code"
    ] == "invalid_request"


async def test_a_call_of_a_source_is_retried_by_its_connector(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    source, account = await made_source(gateway), uuid4()
    job, [item] = await failed_calls(gateway.stack, person, 1, source=source, account=account)
    answer = await client.post(f"/api/failures/{item}/retry")

    assert (answer.status_code, answer.json()["outcome"], answer.json()["attempt"]) == (202, "found", 2)

    async def requests() -> list[FetchRequested] | None:
        return await fetch_requests(gateway.stack, source, job) or None

    [request] = await eventually(requests)
    assert (request.trigger, request.account_id, request.item_ids) == ("retry", account, (item,))


async def test_a_cause_is_retried_together_and_the_others_stay(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    source = await made_source(gateway)
    job, items = await failed_calls(gateway.stack, person, 250, code="reconnect_needed", source=source)
    await failed_calls(gateway.stack, person, 2, code="lost", source=source)
    answer = await client.post("/api/failures/retry", json={"code": "reconnect_needed"})

    assert answer.status_code == 202, answer.text
    assert answer.json() == {"found": 250, "joined": 0, "duplicate": 0, "quota_exceeded": 0, "jobs": [str(job)]}
    assert [group["code"] for group in (await client.get("/api/failures")).json()["groups"]] == ["lost"]

    async def asked_for() -> bool:
        requests = await fetch_requests(gateway.stack, source, job)
        return {one for request in requests for one in request.item_ids or ()} == set(items)

    await eventually(asked_for)
    assert (await gateway.stack.books(job))["open"] == 250


async def test_all_are_retried_but_those_that_a_retry_cannot_help(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    await failed_calls(gateway.stack, person, 2)
    job, _ = await failed_calls(gateway.stack, person, 1, code="deleted", retryable=False)
    answer = await client.post("/api/failures/retry", json={})
    by_name = await client.post("/api/failures/retry", json={"code": "deleted"})

    assert (answer.json()["found"], by_name.json()["found"]) == (2, 1)
    assert by_name.json()["jobs"] == [str(job)]
    assert (await client.post("/api/failures/retry", json={})).json()["found"] == 0


async def test_a_used_up_month_leaves_what_is_over_as_it_was(gateway: Gateway) -> None:
    person = await gateway.stack.person("free")
    await gateway.stack.owner.execute("INSERT INTO import_usage VALUES ($1, this_month(), 8)", person.id)
    client = await gateway.client_of(person)
    await failed_calls(gateway.stack, person, 2)
    await gateway.stack.owner.execute("UPDATE import_usage SET used = 9 WHERE owner_user_id = $1", person.id)
    answer = (await client.post("/api/failures/retry", json={})).json()

    assert (answer["found"], answer["quota_exceeded"]) == (1, 1)


async def test_nobody_sees_or_retries_the_failures_of_others(gateway: Gateway) -> None:
    person, other = await gateway.stack.person(), await gateway.stack.person()
    stranger = await gateway.client_of(other)
    job, [item] = await failed_calls(gateway.stack, person, 1)

    assert (await stranger.get("/api/failures")).json() == {"count": 0, "groups": []}
    assert (await stranger.get("/api/failures/items")).json()["items"] == []
    assert (await stranger.post("/api/failures/retry", json={})).json()["found"] == 0
    assert (await stranger.post(f"/api/failures/{item}/retry")).json()["code"] == "not_found"
    assert (await gateway.anonymous().get("/api/failures")).status_code == 401
    assert (await stranger.post("/api/failures/retry", json={"everything": True})).status_code == 422
    assert (await gateway.stack.books(job))["failed"] == 1


async def test_a_dismissed_failure_is_shown_no_more_and_stays_in_the_books(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    source = await made_source(gateway)
    job, [item, other] = await failed_calls(gateway.stack, person, 2, source=source)
    await gateway.stack.owner.execute(
        "UPDATE sync_job_items SET retry_at = now() + interval '1 h' WHERE id = $1", item
    )
    answers = [await client.post(f"/api/failures/{item}/dismiss") for _ in range(2)]
    shown = (await client.get("/api/failures/items")).json()["items"]
    hidden = (await client.get("/api/failures/items", params={"dismissed": True})).json()["items"]

    assert [answer.status_code for answer in answers] == [204, 204]
    assert ([one["id"] for one in shown], [one["id"] for one in hidden]) == ([str(other)], [str(item)])
    assert hidden[0]["retry_at"] is None  # nor does it come back by itself
    assert (await client.get("/api/failures")).json()["count"] == 1
    assert (await gateway.stack.books(job))["failed"] == 2

    retried = await client.post(f"/api/failures/{item}/retry")
    assert (retried.status_code, retried.json()["attempt"]) == (202, 2)
    assert (await client.post(f"/api/failures/{item}/dismiss")).json()["code"] == "not_failed"
    await fail_item(gateway.stack, item)
    assert (await client.get("/api/failures")).json()["count"] == 2


async def test_a_cause_is_dismissed_together_and_all_are(gateway: Gateway) -> None:
    person, other = await gateway.stack.person(), await gateway.stack.person()
    client, stranger = await gateway.client_of(person), await gateway.client_of(other)
    await failed_calls(gateway.stack, person, 2, code="lost")
    _, [item] = await failed_calls(gateway.stack, person, 1, code="deleted", retryable=False)
    assert (await stranger.post("/api/failures/dismiss", json={})).json() == {"count": 0}
    assert (await stranger.post(f"/api/failures/{item}/dismiss")).json()["code"] == "not_found"

    assert (await client.post("/api/failures/dismiss", json={"code": "lost"})).json() == {"count": 2}
    assert [group["code"] for group in (await client.get("/api/failures")).json()["groups"]] == ["deleted"]
    assert (await client.post("/api/failures/retry", json={"code": "lost"})).json()["found"] == 0
    assert (await client.post("/api/failures/dismiss", json={})).json() == {"count": 1}
    assert (await client.get("/api/failures")).json() == {"count": 0, "groups": []}


async def test_a_cause_says_what_helps(gateway: Gateway) -> None:
    person = await gateway.stack.person("free")
    client = await gateway.client_of(person)
    source = await source_of(gateway)
    lost, back = [await source.account(person, status=status) for status in ("error", "active")]
    for account in (lost, back):
        await failed_calls(
            gateway.stack, person, 1, code="reconnect_needed", source=source.name, account=account
        )
    await failed_calls(gateway.stack, person, 1, code="quota_exceeded")

    async def told() -> dict[tuple[str, str | None], dict[str, Any]]:
        groups = (await client.get("/api/failures")).json()["groups"]
        return {(group["code"], group["account_id"]): group for group in groups}

    groups = await told()
    first, second = groups["reconnect_needed", str(lost)], groups["reconnect_needed", str(back)]
    assert (first["remedy"], first["account_email"]) == ("reconnect", "ada@work.example")
    assert (first["message"], first["source_name"]) == ("Zoomer asks you to sign in again.", "Zoomer")
    assert second["remedy"] == "retry"
    assert groups["quota_exceeded", None]["remedy"] == "retry"

    await gateway.stack.owner.execute("INSERT INTO import_usage VALUES ($1, this_month(), 10) "
        "ON CONFLICT (owner_user_id, month) DO UPDATE SET used = 10", person.id)  # fmt: skip
    full, usage = (await told())["quota_exceeded", None], (await client.get("/api/usage")).json()
    assert (full["remedy"], full["retry_from"]) == ("wait", usage["resets_at"])
    assert re.fullmatch(r"This month's 10 imports are used up. They are free again on 1 \w+\.", full["message"])


async def made_source(gateway: Gateway) -> str:
    """A source whose topics exist, as its connector would have made them."""
    source = f"zoom_{uuid4().hex[:6]}"
    await make_topics(gateway.stack.kafka, (IMPORT_FETCH.of_source(source),))
    return source
