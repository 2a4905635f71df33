"""The service on real Kafka and PostgreSQL: tickets in, records and failures out."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest
from tests.support.engine_server import Answer, EngineServer, refusal, spoken
from tests.support.eventually import eventually

from pipeline_contracts import (
    IMPORT_ACTIVITY,
    About,
    ConnectorRecord,
    Encoded,
    Envelope,
    ImportActivity,
    ItemFailed,
    about,
    decode,
)
from pipeline_runtime import metrics
from transcriber import trying

PROBLEMS: dict[str, str] = json.loads(
    (Path(__file__).parents[3] / "tests" / "speech" / "problems.json").read_text()
)


async def test_a_ticket_becomes_a_record_with_the_words_that_were_spoken(desk: Any) -> None:
    ticket = await desk.ticket("hiring.wav")
    await desk.publish(ticket)

    async with desk.open():
        (record,) = await desk.results()
        task = await eventually(lambda: sent(desk, ticket))

    assert isinstance(record, ConnectorRecord)
    assert record.full_transcript == (
        "We have two candidates for the design team. Both of them can start in January."
    )
    assert record.duration == 6.705
    assert record.segments
    assert next(iter(record.source_metadata)) == "external_id"
    assert record.source_metadata["filename"] == "hiring.wav"
    assert record.source_metadata["language_checked"] is False
    made_by = record.source_metadata["transcription"]
    assert (made_by["engine"], made_by["model"], made_by["language"]) == ("local", "tiny.en", "en")
    assert (task["tries"], task["lease_until"]) == (1, None)
    (message,) = await desk.stack.messages("import.results")
    assert about(message.headers) == About(ticket.message.job_id, ticket.message.item_id, 1)
    assert message.key == str(ticket.owner).encode()


async def test_what_the_engine_does_is_counted_from_nought_before_anything_comes(desk: Any) -> None:
    metrics.AUDIO_SECONDS.clear()
    metrics.ENGINE_SECONDS.clear()
    async with desk.open():
        shown = generate_latest().decode()
    assert 'callvault_audio_seconds_total{engine="local"} 0.0' in shown
    assert 'callvault_engine_seconds_count{engine="local",outcome="failed"} 0.0' in shown


async def test_what_a_task_does_is_told(desk: Any) -> None:
    ticket = await desk.ticket("standup.m4a")
    await desk.publish(ticket)

    async with desk.open():
        await desk.results()

    records = await desk.stack.messages("import.activity", at_least=2)
    told = [decode(IMPORT_ACTIVITY, record.value, record.headers) for record in records]
    assert all(isinstance(one, ImportActivity) and one.item_id == ticket.message.item_id for one in told)
    heard = [one for one in told if isinstance(one, ImportActivity) and one.doing == "transcribing"]
    assert [one.seconds_done for one in heard] == sorted(one.seconds_done or 0.0 for one in heard)
    assert {one.seconds_total for one in heard} == {31.424}


async def test_a_ticket_that_comes_ten_times_costs_one_engine_call(
    paid_desk: Any, server: EngineServer
) -> None:
    ticket = await paid_desk.ticket("budget.mp3")
    for _ in range(10):
        await paid_desk.publish(ticket)

    async with paid_desk.open():
        (record,) = await paid_desk.results()
        await eventually(lambda: sent(paid_desk, ticket))
        await paid_desk.publish(ticket)
        last = await paid_desk.ticket("hiring.wav")
        await paid_desk.publish(last)
        await paid_desk.results(2)

    assert record.full_transcript == "Hello from the engine."
    assert record.source_metadata["language_checked"] is True
    assert len(server.requests) == 2
    assert len(await paid_desk.results(2)) == 2


async def test_a_ticket_of_an_ended_item_or_of_an_older_attempt_is_no_work(
    paid_desk: Any, server: EngineServer
) -> None:
    ended, retried = await paid_desk.ticket("budget.mp3"), await paid_desk.ticket("budget.mp3")
    await paid_desk.stack.owner.execute(
        "UPDATE sync_job_items SET status = 'skipped', code = 'cancelled', ended_at = now() WHERE id = $1",
        ended.message.item_id,
    )
    await paid_desk.stack.owner.execute(
        "UPDATE sync_job_items SET attempt = 2 WHERE id = $1", retried.message.item_id
    )
    wanted = await paid_desk.ticket("hiring.wav")

    async with paid_desk.open():
        for ticket in (ended, retried, wanted):
            await paid_desk.publish(ticket)
        (record,) = await paid_desk.results()

    assert record.external_id == wanted.message.draft.external_id
    assert len(server.requests) == 1
    assert await paid_desk.task(ended) is None
    assert await paid_desk.task(retried) is None


async def test_an_unreadable_message_is_parked_and_ends_its_item(paid_desk: Any) -> None:
    ticket = await paid_desk.ticket("budget.mp3")
    envelope = Envelope(
        type=ticket.message.event_type,
        source="tests",
        about=About(ticket.message.job_id, ticket.message.item_id, 1),
    )
    rubbish = Encoded("import.audio", str(ticket.owner).encode(), b'{"job_id": 7}', envelope.headers())
    nobodys = Encoded("import.audio", b"x", b"\xff\xfe", [])

    async with paid_desk.open():
        await paid_desk.stack.publish(nobodys)
        await paid_desk.stack.publish(rubbish)
        (failed,) = await paid_desk.results()
        parked = await paid_desk.stack.messages("import.audio.dead", at_least=2)

    assert (failed.code, failed.item_id, failed.retryable) == (
        "unreadable_message", ticket.message.item_id, True,
    )  # fmt: skip
    assert {dict(one.headers)["dead_reason"] for one in parked} == {b"unknown_type", b"invalid_message"}


async def test_bad_files_fail_with_their_code_and_stop_nobody(paid_desk: Any, server: EngineServer) -> None:
    bad = {code: await paid_desk.ticket(name) for name, code in PROBLEMS.items()}
    gone = await paid_desk.ticket("budget.mp3")
    await paid_desk.storage.delete(gone.message.audio.key)
    bad["file_missing"] = gone
    good = await paid_desk.ticket("budget.mp3")

    async with paid_desk.open():
        for ticket in (*bad.values(), good):
            await paid_desk.publish(ticket)
        results = await paid_desk.results(len(bad) + 1)

    failed = {one.code: one for one in results if isinstance(one, ItemFailed)}
    assert set(failed) == set(bad)
    assert all(failed[code].item_id == ticket.message.item_id for code, ticket in bad.items())
    assert not any(one.retryable for one in failed.values())
    assert len(server.requests) == 1


async def test_a_language_that_the_engine_lacks_is_said_before_anything_is_decoded(desk: Any) -> None:
    await desk.publish(await desk.ticket("budget.mp3", language="de-AT"))

    async with desk.open():
        (failed,) = await desk.results()

    assert (failed.code, failed.retryable) == ("language_not_supported", False)


async def test_a_busy_engine_is_tried_again_when_it_said(
    paid_desk: Any, server: EngineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trying, "FIRST_WAIT", 0.01)
    server.script = [
        refusal(429, "Rate limit reached", headers={"Retry-After": "2"}),
        refusal(500, "The server had an error"),
        spoken("At last."),
    ]
    ticket = await paid_desk.ticket("budget.mp3")
    await paid_desk.publish(ticket)

    async with paid_desk.open():
        waiting = await eventually(lambda: put_off(paid_desk, ticket))
        (record,) = await paid_desk.results()

    assert waiting["not_before"] > waiting["created_at"]
    assert record.full_transcript == "At last."
    assert len(server.requests) == 3
    told = await paid_desk.stack.messages("import.activity", at_least=1)
    assert "waiting" in {json.loads(one.value)["doing"] for one in told}


async def test_an_engine_that_stays_down_fails_the_item_and_a_retry_may_help(
    paid_desk: Any, server: EngineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trying, "FIRST_WAIT", 0.01)
    server.default = Answer("", 503)
    await paid_desk.publish(await paid_desk.ticket("budget.mp3"))

    async with paid_desk.open():
        (failed,) = await paid_desk.results()

    assert (failed.code, failed.retryable) == ("engine_unavailable", True)
    assert len(server.requests) == trying.TRIES


async def test_a_wrong_key_fails_at_once_and_says_what_to_do(paid_desk: Any, server: EngineServer) -> None:
    server.default = refusal(401, "Incorrect API key provided: key")
    await paid_desk.publish(await paid_desk.ticket("budget.mp3"))

    async with paid_desk.open():
        (failed,) = await paid_desk.results()

    assert failed.code == "engine_unauthorised"
    assert "Put a valid key in the settings" in failed.message
    assert len(server.requests) == 1


async def test_a_stopped_service_puts_its_work_back(paid_desk: Any, server: EngineServer) -> None:
    server.script = [Answer({"text": "never heard"}, seconds=20)]
    ticket = await paid_desk.ticket("budget.mp3")
    await paid_desk.publish(ticket)

    async with paid_desk.open():
        await eventually(lambda: asked(server))
    left = await paid_desk.task(ticket, "transcribe_part")
    async with paid_desk.open():
        (record,) = await paid_desk.results()

    assert left is not None
    assert left["lease_until"] is None
    assert record.full_transcript == "Hello from the engine."


async def test_a_killed_transcriber_leaves_its_task_to_the_next_and_that_one_stops_cleanly(
    paid_desk: Any, server: EngineServer
) -> None:
    server.script = [Answer({"text": "never heard"}, seconds=30)]
    ticket = await paid_desk.ticket("budget.mp3")
    await paid_desk.publish(ticket)

    with paid_desk.process() as killed:
        await eventually(lambda: asked(server), within=60)
        killed.kill()
    with paid_desk.process() as following:
        (record,) = await paid_desk.results(within=60)
        task = await eventually(lambda: sent(paid_desk, ticket))
        following.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(following.wait, 30)

    assert record.full_transcript == "Hello from the engine."
    assert task["lease_until"] is None
    assert len(server.requests) == 2
    assert code == 0


async def sent(desk: Any, ticket: Any) -> Any:
    """The ticket's row once its result is with Kafka."""
    row = await desk.task(ticket)
    return row if row and row["sent_at"] else None


async def put_off(desk: Any, ticket: Any) -> Any:
    """The ticket's row once it waits for another try."""
    row = await desk.task(ticket, "transcribe_part")
    return row if row and row["tries"] and not row["is_leased"] else None


async def asked(server: EngineServer, times: int = 1) -> bool:
    """Whether the engine has that many requests."""
    return len(server.requests) >= times
