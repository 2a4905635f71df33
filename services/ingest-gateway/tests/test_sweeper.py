"""What nobody comes back for is removed, and nothing else."""

import json
import os
import time
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from tests.support.gateway import SPEECH, Gateway, add_recording, upload_speech
from tests.support.stack import Person

from ingest_gateway.sweeper import OLD_SECONDS, Sweeper

pytestmark = pytest.mark.asyncio(loop_scope="session")


def aged(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_bytes(b"left behind")
    old = time.time() - OLD_SECONDS - 60
    os.utime(path, (old, old))
    return path


async def test_old_leftovers_go_and_everything_else_stays(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    client = await gateway.client_of(person)
    assert (await upload_speech(client, "budget.mp3")).status_code == 202
    [known] = [aged(path) for path in gateway.stored() if str(person.id) in str(path)]
    unfinished, orphan = aged(gateway.storage / "incoming" / "cut-off"), aged(known.with_name(str(uuid4())))
    not_ours = aged(gateway.storage / "objects" / "parts" / "one.mp3")
    fresh = [gateway.storage / "incoming" / "under-way", known.with_name(str(uuid4()))]
    for path in fresh:
        path.write_bytes(b"just now")
    deps = gateway.app.state.deps
    await Sweeper(deps.storage, deps.intake, timedelta(days=7)).sweep()

    assert not unfinished.exists()
    assert not orphan.exists()
    assert known.read_bytes() == (SPEECH / "budget.mp3").read_bytes()
    assert all(path.exists() for path in (*fresh, not_ours))
    fresh[0].unlink()


async def test_expired_tokens_and_sessions_go(gateway: Gateway) -> None:
    person = await gateway.stack.person()
    await gateway.client_of(person)
    await gateway.client_of(person)
    await gateway.stack.owner.execute(
        "UPDATE api_tokens SET expires_at = now() - interval '1 minute' "
        "WHERE id = (SELECT id FROM api_tokens WHERE user_id = $1 LIMIT 1)",
        person.id,
    )
    deps = gateway.app.state.deps
    await Sweeper(deps.storage, deps.intake, timedelta(days=7)).sweep()

    assert (
        await gateway.stack.owner.fetchval("SELECT count(*) FROM api_tokens WHERE user_id = $1", person.id) == 1
    )


async def audio_of(
    gateway: Gateway,
    person: Person,
    *,
    status: str,
    days: float,
    gaps: int | None = None,
    is_fetched: bool = False,
) -> Path:
    """Sound of a call that ended so many days ago: of a file, or fetched by a connector."""
    item, recording = uuid4(), None
    if status in ("imported", "duplicate"):
        recording = await add_recording(gateway.stack, person, item.hex)
        if gaps is not None:
            found = {"external_id": item.hex, "transcription": {"gaps": [{"start": 1.0, "end": 2.0}] * gaps}}
            await gateway.stack.owner.execute(
                "UPDATE recordings SET source_metadata = $2 WHERE id = $1", recording, json.dumps(found)
            )
    job = await gateway.stack.job(person, [])
    await gateway.stack.owner.execute(
        "INSERT INTO sync_job_items (id, job_id, owner_user_id, source_app, external_id, title, status, code, "
        "recording_id, ended_at) VALUES ($1, $2, $3, 'file_upload', $4, 'A call', $5, $6, $7, "
        "CASE $5 WHEN 'found' THEN NULL ELSE now() - make_interval(hours => $8) END)",
        item, job, person.id, item.hex, status, None if recording or status == "found" else "engine_unavailable",
        recording, int(days * 24),
    )  # fmt: skip
    name = f"{item}.1" if is_fetched else str(uuid4())
    if not is_fetched:
        await gateway.stack.owner.execute(
            "INSERT INTO uploads (id, owner_user_id, job_id, object_key, sha256, size, filename, content_type) "
            "VALUES ($1, $2, $3, $4, $5, 1, 'a.mp3', 'audio/mpeg')",
            UUID(name), person.id, job, f"{person.id}/{name}", "0" * 64,
        )  # fmt: skip
    return aged(gateway.storage / "objects" / str(person.id) / name)


@pytest.mark.parametrize("is_fetched", [False, True], ids=["of a file", "fetched"])
async def test_audio_goes_some_days_after_it_has_become_a_recording(gateway: Gateway, is_fetched: bool) -> None:
    person = await gateway.stack.person()
    wanted = [
        ({"status": "imported", "days": 8}, False),
        ({"status": "duplicate", "days": 8}, False),
        ({"status": "imported", "days": 6}, True),
        ({"status": "imported", "days": 8, "gaps": 0}, False),
        ({"status": "imported", "days": 8, "gaps": 2}, True),
        ({"status": "imported", "days": 31, "gaps": 2}, False),
        ({"status": "failed", "days": 29}, True),
        ({"status": "failed", "days": 31}, False),
        ({"status": "skipped", "days": 31}, False),
        ({"status": "found", "days": 90}, True),
    ]
    files = [await audio_of(gateway, person, is_fetched=is_fetched, **how) for how, _ in wanted]  # type: ignore[arg-type]
    deps = gateway.app.state.deps
    await Sweeper(deps.storage, deps.intake, None).sweep()
    forever = [how["status"] in ("imported", "duplicate", "found") or stays for how, stays in wanted]
    assert [file.exists() for file in files] == forever
    await Sweeper(deps.storage, deps.intake, timedelta(days=7)).sweep()
    assert [file.exists() for file in files] == [stays for _, stays in wanted]


async def test_bytes_of_uploads_go_with_their_row(gateway: Gateway) -> None:
    person, deps = await gateway.stack.person(), gateway.app.state.deps
    names = {state: uuid4() for state in ("receiving", "checking", "done", "none")}
    for state, name in names.items():
        aged(deps.storage.partial(name))
        if state != "none":
            await gateway.stack.owner.execute(
                "INSERT INTO incoming_uploads (id, owner_user_id, size, filename, state, job_id, outcome, expires_at) "
                "VALUES ($1, $2, 9, 'a', $3, $4, $5, now() + interval '1 hour')",
                name, person.id, state, await gateway.stack.job(person, []), "found" if state == "done" else None,
            )  # fmt: skip
    fresh = deps.storage.partial(uuid4())
    fresh.write_bytes(b"its row comes in a moment")
    await Sweeper(deps.storage, deps.intake, timedelta(days=7)).sweep()
    assert [deps.storage.partial(name).exists() for name in names.values()] == [True, True, False, False]
    assert fresh.exists()
