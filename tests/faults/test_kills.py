"""Real processes are killed in mid-import: nothing is lost, doubled or stuck, and the books balance."""

from __future__ import annotations

import asyncio
import secrets
import wave
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from pipeline_contracts import TOPICS
from tests.support.engine_server import Answer, EngineServer, refusal, spoken
from tests.support.eventually import eventually
from tests.support.live import SPEECH, Caller, Live


def another_call() -> bytes:
    """A WAV file with speech that no other is equal to."""
    with wave.open(str(SPEECH / "hiring.wav")) as original:
        parameters, frames = original.getparams(), original.readframes(original.getnframes())
    out = BytesIO()
    with wave.open(out, "wb") as copy:
        copy.setparams(parameters)
        copy.writeframes(frames + secrets.token_bytes(parameters.sampwidth * 8))
    return out.getvalue()


def _slow(seconds: float) -> Answer:
    return replace(spoken("Hello from the slow engine."), seconds=seconds)


async def asked(engine: EngineServer, times: int = 1) -> None:
    """Return when the engine has been asked that often."""

    async def probe() -> bool:
        return len(engine.requests) >= times

    await eventually(probe, within=30)


async def all_imported(live: Live, person: Caller, uploads: list[dict[str, Any]]) -> None:
    jobs = [await person.job(one["job_id"], within=90) for one in uploads]
    assert [job["status"] for job in jobs] == ["completed"] * len(jobs)
    assert sum(job["imported"] for job in jobs) == len(uploads)
    await live.assert_books_balance(person.id)

    async def announced() -> bool:
        return len({one["ce_id"] for one in await live.created(person.id)}) == len(uploads)

    await eventually(announced, within=40, every=0.3)  # each look reads the whole topic


async def test_ten_uploads_of_one_file_at_once_make_one_recording_and_one_engine_call(
    shaky: Live, engine: EngineServer
) -> None:
    ada = await shaky.sign_up()
    call = another_call()
    answers = await asyncio.gather(*(ada.upload(call) for _ in range(10)))
    assert sorted(one["outcome"] for one in answers if one["outcome"] != "duplicate")[0] == "found"
    jobs = [await ada.job(one["job_id"]) for one in answers]
    assert sorted((job["imported"], job["duplicates"]) for job in jobs) == [(0, 1)] * 9 + [(1, 0)]
    assert len({job["items"][0]["recording_id"] for job in jobs}) == 1
    assert len(engine.requests) == 1
    assert len(await shaky.created(ada.id)) == 1
    await shaky.assert_books_balance(ada.id)


async def test_the_recorder_killed_between_insert_and_commit(shaky: Live, engine: EngineServer) -> None:
    ada = await shaky.sign_up()
    engine.script[:] = [_slow(4)]
    answer = await ada.upload(another_call())
    connection = await shaky.owner()

    async def recorder_is_waiting() -> bool:
        return bool(await shaky.rows("SELECT 1 FROM pg_locks WHERE NOT granted"))

    try:
        async with connection.transaction():  # the recorder inserts first and counts last: it waits in between
            await connection.execute("SELECT 1 FROM sync_jobs WHERE id = $1 FOR UPDATE", answer["job_id"])
            await eventually(recorder_is_waiting, within=30)
            assert await shaky.rows("SELECT 1 FROM recordings WHERE owner_user_id = $1", ada.id) == []
            killed = shaky.process("recorder")["pid"]
            await shaky.kill("recorder")
    finally:
        await connection.close()
    await shaky.back("recorder", killed)
    await all_imported(shaky, ada, [answer])


async def test_the_transcriber_killed_in_mid_work(shaky: Live, engine: EngineServer) -> None:
    ada = await shaky.sign_up()
    engine.script[:] = [_slow(60) for _ in range(3)]
    uploads = [await ada.upload(another_call()) for _ in range(3)]
    await asked(engine, 3)
    killed = shaky.process("transcriber")["pid"]
    await shaky.kill("transcriber")
    await shaky.back("transcriber", killed)
    await all_imported(shaky, ada, uploads)


async def test_the_broker_killed_in_mid_import(shaky: Live, engine: EngineServer) -> None:
    ada = await shaky.sign_up()
    engine.script[:] = [_slow(3) for _ in range(4)]
    uploads = [await ada.upload(another_call()) for _ in range(3)]
    await asked(engine)
    killed = shaky.process("kafka")["pid"]
    await shaky.kill("kafka")
    uploads.append(await ada.upload(another_call()))  # an upload needs no broker
    await shaky.back("kafka", killed)
    await all_imported(shaky, ada, uploads)


async def test_postgres_killed_in_mid_import(shaky: Live, engine: EngineServer) -> None:
    ada = await shaky.sign_up()
    engine.script[:] = [_slow(2) for _ in range(3)]
    uploads = [await ada.upload(another_call()) for _ in range(3)]
    await asked(engine)
    killed = shaky.process("postgres")["pid"]
    await shaky.kill("postgres")
    await shaky.back("postgres", killed)
    await all_imported(shaky, ada, uploads)


async def test_all_topics_deleted_in_mid_import(shaky: Live, engine: EngineServer) -> None:
    ada = await shaky.sign_up()
    engine.script[:] = [_slow(3) for _ in range(6)]
    uploads = [await ada.upload(another_call()) for _ in range(6)]
    await asked(engine)
    admin = AIOKafkaAdminClient(bootstrap_servers=shaky.kafka)
    await admin.start()
    await admin.delete_topics([topic.name for topic in TOPICS])
    await admin.close()
    jobs = [await ada.job(one["job_id"], within=120) for one in uploads]
    assert [job["status"] for job in jobs] == ["completed"] * 6
    await shaky.assert_books_balance(ada.id)


@pytest.mark.parametrize(
    ("answer", "code", "retryable"),
    [
        (refusal(401, "no"), "engine_unauthorised", True),
        (refusal(413, "too large", kind="server_error"), "file_too_large", False),
    ],
)
async def test_an_engine_that_refuses_fails_the_item_and_the_upload_can_be_retried(
    shaky: Live, engine: EngineServer, answer: Answer, code: str, retryable: bool
) -> None:
    ada = await shaky.sign_up()
    engine.script[:] = [answer]
    job = await ada.job((await ada.upload(another_call()))["job_id"])
    item = job["items"][0]
    assert (job["status"], item["retryable"]) == ("failed", retryable)
    assert len(engine.requests) == 1
    assert (await ada.http.post(f"/api/failures/{item['id']}/retry")).status_code == 202

    async def imported() -> bool:
        return (await ada.http.get(f"/api/jobs/{job['id']}")).json()["status"] == "completed"

    await eventually(imported, within=30)
    await shaky.assert_books_balance(ada.id)


async def test_an_engine_that_is_down_or_busy_for_a_moment_costs_only_time(
    shaky: Live, engine: EngineServer
) -> None:
    ada = await shaky.sign_up()
    engine.script[:] = [
        refusal(500, "oops", kind="server_error"),
        refusal(429, "slow down", headers={"Retry-After": "1"}),
    ]
    upload = await ada.upload(another_call())
    await all_imported(shaky, ada, [upload])
    assert len(engine.requests) == 3
