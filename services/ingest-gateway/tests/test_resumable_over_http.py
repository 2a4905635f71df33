"""Uploads by tuspy over a real socket to real processes: killed gateways, cut networks, memory."""

from __future__ import annotations

import asyncio
import hashlib
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio
from tests.support.eventually import eventually
from tests.support.fixtures import stack_on
from tests.support.gateway import MEGABYTE, GatewayProcess, gateway_of, gateway_process, make_token
from tests.support.servers import Servers
from tests.support.stack import Person, Stack
from tests.support.wire import wire_to
from tusclient.client import TusClient
from tusclient.uploader import Uploader

from .tus import begun, decided, id_of, send

RATE = 16_000


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lone_stack(running_servers: Servers) -> AsyncIterator[Stack]:
    """Without replicas that share the database and not the folder: they would ask for bytes in vain."""
    async with stack_on(running_servers) as stack:
        yield stack


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lone(lone_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayProcess]:
    async with gateway_process(lone_stack, tmp_path_factory.mktemp("lone")) as running:
        yield running


def silent_wav(folder: Path, megabytes: int) -> Path:
    """A recording of so many megabytes in which nobody says a word; on the disk it takes none."""
    size = megabytes * MEGABYTE
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, RATE, RATE * 2, 2, 16, b"data", size)  # fmt: skip
    path = folder / f"{megabytes}.wav"
    with path.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + size)
    return path


@asynccontextmanager
async def uploader_of(stack: Stack, person: Person, url: str, path: Path) -> AsyncIterator[Uploader]:
    """A client that tries again as tuspy does: it asks how far the upload is, then goes on there."""
    headers = {"Authorization": f"Bearer {await make_token(stack, person)}"}
    client = TusClient(f"{url}/api/uploads", headers=headers)
    with path.open("rb") as file:
        yield client.uploader(
            file_stream=file, chunk_size=64 * MEGABYTE, metadata={"filename": path.name}, retries=100,
            retry_delay=0.2,
        )  # fmt: skip


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def test_an_upload_outlives_killed_gateways_while_it_comes_in_and_while_it_is_hashed(
    stack: Stack, tmp_path: Path
) -> None:
    person, path = await stack.person(), silent_wav(tmp_path, 200)
    async with (
        gateway_process(stack, tmp_path) as first,
        wire_to(first.url) as wire,
        uploader_of(stack, person, wire.url, path) as uploader,
    ):
        wire.hold_after(100 * MEGABYTE)
        sending = asyncio.create_task(asyncio.to_thread(uploader.upload))
        await wire.is_held.wait()
        first.process.kill()
        await asyncio.to_thread(first.process.wait)
        wire.cut()

        async with gateway_process(stack, tmp_path) as second:
            wire.lead_to(second.url)
            before = wire.passed
            await sending
            name = id_of(str(uploader.url))
            await eventually(lambda: is_being_checked(stack, name), every=0.002)
            second.process.kill()
            await asyncio.to_thread(second.process.wait)
        assert wire.passed - before < 180 * MEGABYTE  # not all over again
        assert (
            await stack.owner.fetchval("SELECT state FROM incoming_uploads WHERE id = $1", name) == "checking"
        )

        async with gateway_of(stack, tmp_path) as third, await third.client_of(person) as client:
            told = await decided(client, f"/api/uploads/{name}", within=30)  # once the dead one's lease is over
    assert told["outcome"] == "found"
    row = await stack.owner.fetchrow("SELECT * FROM uploads WHERE id = $1", name)
    assert row is not None
    assert (row["sha256"], row["size"]) == (sha256_of(path), path.stat().st_size)
    assert sha256_of(tmp_path / "storage/objects" / row["object_key"]) == row["sha256"]
    assert not list((tmp_path / "storage/partial").iterdir())


async def is_being_checked(stack: Stack, name: UUID) -> bool:
    return bool(await stack.owner.fetchval(
        "SELECT true FROM tasks WHERE kind = 'check_upload' AND lease_until > now() "
        "AND payload ->> 'upload_id' = $1", str(name),
    ))  # fmt: skip


@pytest.mark.asyncio(loop_scope="session")
async def test_an_upload_goes_on_where_the_network_was_cut(lone: GatewayProcess, tmp_path: Path) -> None:
    person, path = await lone.stack.person(), silent_wav(tmp_path, 40)
    async with (
        await lone.client_of(person) as client,
        wire_to(lone.url) as wire,
        uploader_of(lone.stack, person, wire.url, path) as uploader,
    ):
        wire.hold_after(15 * MEGABYTE)
        sending = asyncio.create_task(asyncio.to_thread(uploader.upload))
        await wire.is_held.wait()
        wire.cut()
        await sending
        told = await decided(client, str(uploader.url).removeprefix(wire.url))
    assert wire.passed < 45 * MEGABYTE  # what had come before the cut did not come again
    row = await lone.stack.owner.fetchrow("SELECT * FROM uploads WHERE id = $1", UUID(told["id"]))
    assert row is not None
    assert (told["outcome"], row["sha256"]) == ("found", sha256_of(path))


@pytest.mark.asyncio(loop_scope="session")
async def test_a_large_upload_does_not_lie_in_memory_nor_does_its_check(
    lone: GatewayProcess, tmp_path: Path
) -> None:
    path = silent_wav(tmp_path, 200)

    async def pieces() -> AsyncIterator[bytes]:
        with path.open("rb") as file:
            while piece := file.read(MEGABYTE):
                yield piece

    async with await lone.client_of(await lone.stack.person()) as client:
        small = silent_wav(tmp_path, 1)  # loads what is loaded once
        where = await begun(client, small.stat().st_size, filename="small.wav")
        assert (await send(client, where, 0, small.read_bytes())).status_code == 204
        await decided(client, where)

        where = await begun(client, path.stat().st_size, filename="long.wav")
        before = peak = lone.resident_bytes()
        working = asyncio.create_task(send(client, where, 0, pieces()))
        told = None
        while told is None or told["state"] == "checking":
            await asyncio.sleep(0.02)
            peak = max(peak, lone.resident_bytes())
            if working.done():
                told = (await client.get(where)).json()
        assert (working.result().status_code, told["state"]) == (204, "done")
    assert peak - before < 60 * MEGABYTE
