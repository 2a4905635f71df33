"""Uploads over a real socket to a real process: limits, cut connections, memory."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from httpx_sse import aconnect_sse
from tests.support.eventually import eventually
from tests.support.gateway import (
    MEGABYTE,
    SPEECH,
    GatewayProcess,
    gateway_process,
    make_token,
    upload_speech,
)
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")
HEAD = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="long.wav"\r\n\r\n'
TAIL = b"\r\n--edge--\r\n"
FORM = {"Content-Type": "multipart/form-data; boundary=edge"}


async def silence(size: int) -> AsyncIterator[bytes]:
    """A form with a WAV file of so many bytes of samples, a megabyte at a time."""
    rate = 16_000
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16, b"data", size)  # fmt: skip
    yield HEAD + header
    for _ in range(size // MEGABYTE):
        yield bytes(MEGABYTE)
    yield TAIL


async def test_a_large_upload_does_not_lie_in_memory(process: GatewayProcess) -> None:
    async with await process.client_of(await process.stack.person()) as client:
        assert (await upload_speech(client, "hiring.wav")).status_code == 202  # loads what is loaded once
        before = process.resident_bytes()
        peak = before
        sending = asyncio.create_task(
            client.post("/api/imports/file", content=silence(200 * MEGABYTE), headers=FORM, timeout=120)
        )
        while not sending.done():
            await asyncio.wait([sending], timeout=0.02)
            peak = max(peak, process.resident_bytes())
        answer = await sending

    assert answer.status_code == 202, answer.text
    assert answer.json()["size"] == 200 * MEGABYTE + 44
    assert peak - before < 60 * MEGABYTE


async def test_a_file_over_the_limit_is_refused_and_leaves_nothing(process: GatewayProcess) -> None:
    person = await process.stack.person()
    async with await process.client_of(person) as client:
        answer = await client.post(
            "/api/imports/file", content=silence(211 * MEGABYTE), headers=FORM, timeout=120
        )

    assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")
    assert "210 MB" in answer.json()["detail"]
    assert not [path for path in process.stored() if "incoming" in path.parts or str(person.id) in str(path)]
    assert not await process.stack.owner.fetchval(
        "SELECT count(*) FROM sync_jobs WHERE owner_user_id = $1", person.id
    )


async def test_an_announced_size_over_the_limit_is_refused_before_a_byte_is_sent(
    process: GatewayProcess,
) -> None:
    asks_first = "Expect: 100-continue\r\n"
    async with (
        begun_upload(process, announced=900 * MEGABYTE, extra=asks_first) as (reader, _),
        asyncio.timeout(10),
    ):
        answer = await reader.readuntil(b"\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 413")


async def test_a_connection_that_is_cut_in_mid_upload_leaves_nothing(process: GatewayProcess) -> None:
    content = (SPEECH / "hiring.wav").read_bytes()

    async def gone() -> bool:
        return not half_written(process) and "request.abandoned" in process.log.read_text()

    async with begun_upload(process, announced=len(HEAD) + 3 * len(content)) as (_, writer):
        writer.write(HEAD + content)
        await writer.drain()
        await eventually(partial(is_writing, process))
    await eventually(gone)


def half_written(process: GatewayProcess) -> list[Path]:
    return [path for path in process.stored() if "incoming" in path.parts]


async def is_writing(process: GatewayProcess) -> bool:
    return bool(half_written(process))


async def test_a_gateway_that_is_told_to_stop_ends_streams_and_leaves_no_half_of_a_file(
    gateway_stack: Stack, tmp_path: Path
) -> None:
    person = await gateway_stack.person()
    async with gateway_process(gateway_stack, tmp_path) as process, await process.client_of(person) as client:
        async with begun_upload(process, announced=10 * MEGABYTE) as (_, writer):
            writer.write(HEAD + b"RIFF")
            await writer.drain()
            await eventually(partial(is_writing, process))
            async with aconnect_sse(client, "GET", "/api/events") as source:
                events = source.aiter_sse()
                assert (await anext(events)).event == "snapshot"
                process.process.terminate()
                async with asyncio.timeout(15):
                    assert [event async for event in events] == []
        assert await process.stop() == 0
        assert process.stored() == []


@asynccontextmanager
async def begun_upload(
    process: GatewayProcess, *, announced: int, extra: str = ""
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """The head of an upload, sent by hand; the connection is cut at the end."""
    token = await make_token(process.stack, await process.stack.person())
    host, port = process.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"POST /api/imports/file HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: {FORM['Content-Type']}\r\nContent-Length: {announced}\r\n{extra}\r\n".encode()
    )
    await writer.drain()
    yield reader, writer
    writer.transport.abort()
    with suppress(ConnectionError):
        await writer.wait_closed()
