"""What nobody comes back for is removed, and nothing else."""

import os
import time
from pathlib import Path
from uuid import uuid4

import pytest
from tests.support.gateway import SPEECH, Gateway, upload_speech

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
    await Sweeper(deps.storage, deps.intake).sweep()

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
    await Sweeper(deps.storage, deps.intake).sweep()

    assert (
        await gateway.stack.owner.fetchval("SELECT count(*) FROM api_tokens WHERE user_id = $1", person.id) == 1
    )
