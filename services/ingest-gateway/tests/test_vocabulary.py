"""A user's names and terms: kept as they are written, limited, and nobody else's business."""

from __future__ import annotations

import pytest
from tests.support.gateway import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="session")
PATH = "/api/vocabulary"


async def test_terms_are_kept_in_their_order_and_replaced_as_a_whole(gateway: Gateway) -> None:
    client = await gateway.client_of(await gateway.stack.person())

    assert (await client.get(PATH)).json() == {"terms": []}
    answer = await client.put(PATH, json={"terms": ["Kubernetes", "Dr. Nguyen", "Łukasz"]})
    assert (answer.status_code, answer.json()) == (200, {"terms": ["Kubernetes", "Dr. Nguyen", "Łukasz"]})
    await client.put(PATH, json={"terms": ["CallVault"]})
    assert (await client.get(PATH)).json() == {"terms": ["CallVault"]}
    await client.put(PATH, json={"terms": []})
    assert (await client.get(PATH)).json() == {"terms": []}


async def test_what_cannot_be_seen_is_taken_out_and_what_comes_twice_is_kept_once(gateway: Gateway) -> None:
    client = await gateway.client_of(await gateway.stack.person())

    answer = await client.put(
        PATH, json={"terms": [" Call\nVault\u0000 ", "Maya", "callvault", "call vault", "maya"]}
    )

    assert answer.json() == {"terms": ["Call Vault", "Maya", "callvault"]}


@pytest.mark.parametrize(
    "body",
    [{"terms": ["x" * 61]}, {"terms": [" \u0000 "]}, {"terms": ["a"] * 101}, {"terms": "a"}, {"words": []}, {}],
    ids=["long", "empty", "many", "no list", "another field", "nothing"],
)
async def test_what_is_no_vocabulary_is_refused_without_being_told_again(
    gateway: Gateway, body: dict[str, object]
) -> None:
    client = await gateway.client_of(await gateway.stack.person())

    answer = await client.put(PATH, json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "xxxx" not in answer.text


async def test_nobody_sees_somebody_elses_terms(gateway: Gateway) -> None:
    one = await gateway.client_of(await gateway.stack.person())
    other = await gateway.client_of(await gateway.stack.person())

    await one.put(PATH, json={"terms": ["Project Heron"]})

    assert (await other.get(PATH)).json() == {"terms": []}
    assert (await gateway.anonymous().get(PATH)).status_code == 401
