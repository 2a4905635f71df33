"""What the service hands to its engine and tells of it, on real Kafka and PostgreSQL."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.support.engine_server import EngineServer
from tests.support.sources import world_at

from pipeline_contracts import ConnectorRecord


async def test_a_users_terms_are_told_to_the_engine_and_are_in_no_log(
    paid_desk: Any, server: EngineServer, capsys: pytest.CaptureFixture[str]
) -> None:
    ticket = await paid_desk.ticket("hiring.wav")
    await paid_desk.stack.owner.execute(
        "INSERT INTO vocabularies (user_id, terms) VALUES ($1, $2)", ticket.owner, ["Nguyen", "CallVault"]
    )
    await paid_desk.publish(ticket)

    async with paid_desk.open():
        (record,) = await paid_desk.results()

    assert isinstance(record, ConnectorRecord)
    assert [one.value("prompt") for one in server.requests] == ["Nguyen, CallVault"]
    said = capsys.readouterr()
    assert "Nguyen" not in said.out + said.err
    assert "Nguyen" not in str(record.source_metadata)


async def test_after_the_last_day_of_whisper_1_its_successor_goes_on_and_record_and_readiness_say_so(
    desk: Any, sandbox_address: str
) -> None:
    async with world_at(sandbox_address) as world:
        await world.admin("clock", advance=400 * 86400)
        desk.environment.update(OPENAI_API_KEY="sk-sandbox", OPENAI_API_URL=f"{world.base}/openai/v1")
        ticket = await desk.ticket("hiring.wav")
        await desk.publish(ticket)

        async with desk.open() as app:
            (record,) = await desk.results()
            client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://transcriber")
            async with client:
                ready = (await client.get("/readyz")).json()

    assert isinstance(record, ConnectorRecord)
    made = record.source_metadata["transcription"]
    assert (made["engine"], made["model"]) == ("openai", "gpt-transcribe")
    assert made["model_replaced"] == {"from": "whisper-1", "to": "gpt-transcribe"}
    assert made["cost_usd"] > 0
    assert ready["notices"] == {"engine": "whisper-1 is gone: gpt-transcribe answers in its place"}
