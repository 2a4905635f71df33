"""Webhooks over HTTP: stored before anybody looks, once, whatever comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from tests.support.eventually import eventually
from tests.support.gateway import Gateway

from pipeline_contracts import FetchRequested

from .sources import Source, source_of
from .test_signatures import BODY, SECRET, TOKEN, ZOOM, standard_headers, zoom_headers

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def inbox_of(gateway: Gateway, source: Source) -> list[dict[str, Any]]:
    rows = await gateway.stack.owner.fetch(
        "SELECT * FROM webhook_inbox WHERE source_app = $1 ORDER BY received_at", source.name
    )
    return [dict(row) for row in rows]


async def push(gateway: Gateway, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:
    return await gateway.anonymous().post(f"/webhooks/{path}", content=body, headers=headers)


async def with_secret(gateway: Gateway) -> tuple[Source, UUID]:
    """A source that pushes to each account's own address, with an account."""
    source = await source_of(gateway)
    account = await source.account(await gateway.stack.person())
    await source.secret(SECRET, account)
    return source, account


async def test_a_delivery_is_stored_as_it_came_and_said_on(gateway: Gateway) -> None:
    source, account = await with_secret(gateway)
    answer = await push(gateway, f"{source.name}/{account}", BODY, standard_headers())
    [row] = await inbox_of(gateway, source)

    assert (answer.status_code, answer.content) == (204, b"")
    assert (row["body"], row["account_id"], row["state"], row["has_body"]) == (BODY, account, "stored", True)

    async def was_told() -> bool:
        return await source.fetches() == [FetchRequested(trigger="webhook", inbox_id=row["id"])]

    await eventually(was_told)


async def test_a_delivery_that_comes_twice_at_once_is_stored_once(gateway: Gateway) -> None:
    source, account = await with_secret(gateway)
    headers = standard_headers()
    answers = await asyncio.gather(
        *(push(gateway, f"{source.name}/{account}", BODY, headers) for _ in range(8))
    )

    assert {answer.status_code for answer in answers} == {204}
    assert len(await inbox_of(gateway, source)) == 1


async def test_the_same_id_at_another_account_is_another_delivery(gateway: Gateway) -> None:
    source, account = await with_secret(gateway)
    other = await source.account(await gateway.stack.person())
    await source.secret(SECRET, other)
    for one in (account, other):
        assert (await push(gateway, f"{source.name}/{one}", BODY, standard_headers())).status_code == 204
    assert {row["account_id"] for row in await inbox_of(gateway, source)} == {account, other}


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook-signature": "v1,xxx"}, {"webhook-signature": "v1"}, {"webhook-signature": "é"},
        {"webhook-signature": ""}, {"webhook-id": ""}, {"webhook-timestamp": "nan"},
        {"webhook-timestamp": "1700000000"}, {"webhook-id": "another"},
    ],
)  # fmt: skip
async def test_what_is_not_genuine_is_a_401_and_nothing_is_stored(
    gateway: Gateway, changes: dict[str, str]
) -> None:
    source, account = await with_secret(gateway)
    headers = {name: value.encode() for name, value in (standard_headers() | changes).items()}
    answer = await gateway.anonymous().post(
        f"/webhooks/{source.name}/{account}", content=BODY, headers=list(headers.items())
    )

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_signature")
    assert await inbox_of(gateway, source) == []


async def test_sources_and_accounts_that_nobody_knows_are_not_found(gateway: Gateway) -> None:
    source, account = await with_secret(gateway)
    shared = await source_of(gateway, webhook=ZOOM)
    await shared.secret(TOKEN)
    silent, keyless = await source_of(gateway, webhook=None), await source_of(gateway, webhook=ZOOM)
    paths = (
        "nobody", f"nobody/{account}", f"{source.name}/{uuid4()}", f"{source.name}/x", source.name,
        f"{shared.name}/{account}", silent.name, keyless.name, f"{source.name}/{account}/more",
    )  # fmt: skip

    for path in paths:
        answer = await push(gateway, path, BODY, standard_headers() | zoom_headers())
        assert answer.status_code == 404, path
    assert await inbox_of(gateway, shared) == []


async def test_a_body_over_the_limit_is_refused_and_one_of_many_kilobytes_is_not(gateway: Gateway) -> None:
    source, account = await with_secret(gateway)
    path = f"{source.name}/{account}"
    large = b"x" * (3 * 1024 * 1024)

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 1024 * 1024

    assert (await push(gateway, path, large, standard_headers(large))).status_code == 204
    refused = await push(gateway, path, endless(), standard_headers())
    assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")


async def test_a_source_with_one_address_for_all_answers_its_challenge_and_stores_the_rest(
    gateway: Gateway,
) -> None:
    source = await source_of(gateway, webhook=ZOOM)
    await source.secret(TOKEN)
    challenge = b'{"event":"endpoint.url_validation","payload":{"plainToken":"abc"},"event_ts":1}'
    answer = await push(gateway, source.name, challenge, zoom_headers(challenge))
    forged = await push(gateway, source.name, challenge, zoom_headers(challenge, secret="another"))
    stored = await push(gateway, source.name, BODY, zoom_headers())

    assert (answer.status_code, answer.json()["plainToken"]) == (200, "abc")
    assert len(answer.json()["encryptedToken"]) == 64
    assert (forged.status_code, stored.status_code) == (401, 204)
    assert [row["body"] for row in await inbox_of(gateway, source)] == [BODY]
    client = await gateway.client_of(await gateway.stack.person())
    assert TOKEN not in (await client.get("/api/sources")).text


async def test_a_delivery_is_taken_while_the_connector_is_away(gateway: Gateway) -> None:
    source, account = await with_secret(gateway)
    manifests = gateway.app.state.deps.manifests
    manifests._known[source.name] = source.manifest.model_copy(
        update={"sent_at": source.manifest.sent_at.replace(year=2020)}
    )

    assert not manifests.is_running(source.name)
    assert (await push(gateway, f"{source.name}/{account}", BODY, standard_headers())).status_code == 204
