"""What is missing in a transcript: shown with its times, and asked for again."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from tests.support.gateway import Gateway, add_recording
from tests.support.stack import Person

pytestmark = pytest.mark.asyncio(loop_scope="session")

GAP = {"start": 720.0, "end": 960.0, "code": "engine_unavailable", "message": "It is away.", "retryable": True}


async def partial(gateway: Gateway, person: Person, *gaps: dict[str, Any], **more: Any) -> UUID:
    """A call with these gaps."""
    recording = await add_recording(gateway.stack, person, "call")
    told = {"external_id": "call", "transcription": {"partial": bool(gaps), "gaps": list(gaps)}, **more}
    await gateway.stack.owner.execute(
        "UPDATE recordings SET source_metadata = $2 WHERE id = $1", recording, json.dumps(told)
    )
    return recording


async def test_a_call_shows_what_is_missing_in_it(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    recording = await partial(gateway, person, GAP)

    shown = (await client.get(f"/api/recordings/{recording}")).json()
    (listed,) = (await client.get("/api/recordings")).json()["recordings"]

    assert (shown["gaps"], shown["version"], shown["is_partial"]) == ([GAP], 1, True)
    assert listed["is_partial"] is True


@pytest.mark.parametrize("told", ["engine", {"gaps": "many", "partial": "so so"}, None])
async def test_metadata_of_another_making_has_no_gaps(gateway: Gateway, told: Any) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    recording = await partial(gateway, person, transcription=told)

    shown = (await client.get(f"/api/recordings/{recording}")).json()
    answer = await client.post(f"/api/recordings/{recording}/gaps/retry")

    assert (shown["gaps"], shown["is_partial"]) == ([], False)
    assert (answer.status_code, answer.json()["code"]) == (409, "no_gaps")


async def test_gaps_whose_sound_is_gone_are_not_asked_for(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    other = await gateway.client_of(await gateway.stack.person())
    recording = await partial(gateway, person, GAP)

    answer = await client.post(f"/api/recordings/{recording}/gaps/retry")

    assert (answer.status_code, answer.json()["code"]) == (409, "gaps_gone")
    assert (await other.post(f"/api/recordings/{recording}/gaps/retry")).status_code == 404
