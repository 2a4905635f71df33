"""Files on their way from the command to the gateway, over a bad network."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

import pytest
from tests.support.gateway import MEGABYTE, gateway_process, make_token
from tests.support.stack import Stack
from tests.support.wire import wire_to

from callvault.access import Access
from callvault.errors import CallvaultError
from callvault.gateway import open_gateway


def silence(folder: Path, megabytes: int) -> Path:
    path = folder / "long.wav"
    with wave.open(str(path), "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(16_000)
        recording.writeframes(bytes(megabytes * MEGABYTE))
    return path


async def test_a_file_goes_on_where_it_was_over_a_cut_network_and_a_killed_gateway(
    stack: Stack, tmp_path: Path
) -> None:
    path, shown = silence(tmp_path, 40), list[int]()
    person = await stack.person()
    token = await make_token(stack, person)
    async with (
        gateway_process(stack, tmp_path) as first,
        wire_to(first.url) as wire,
        open_gateway(Access(wire.url, token)) as gateway,
    ):
        wire.hold_after(15 * MEGABYTE)
        sending = asyncio.create_task(gateway.upload(path, shown.append))
        await wire.is_held.wait()
        wire.cut()
        wire.hold_after(10 * MEGABYTE)
        await wire.is_held.wait()
        first.process.kill()
        await asyncio.to_thread(first.process.wait)
        wire.cut()
        async with gateway_process(stack, tmp_path) as second:
            wire.lead_to(second.url)
            told = await sending
    assert (told.outcome, told.status, told.recording_id, told.error) == ("found", "running", None, None)
    assert wire.passed < 65 * MEGABYTE  # the second time at most what had come within a second before the kill
    assert shown[-1] == path.stat().st_size
    size = await stack.owner.fetchval("SELECT size FROM uploads WHERE owner_user_id = $1", person.id)
    assert size == path.stat().st_size


async def test_what_the_gateway_refuses_is_said_in_its_words_and_sent_once(
    stack: Stack, tmp_path: Path
) -> None:
    picture, empty, half = tmp_path / "a.mp3", tmp_path / "b.mp3", silence(tmp_path, 1)
    picture.write_bytes(b"\x89PNG" + bytes(3 * MEGABYTE))
    empty.touch()
    half.write_bytes(half.read_bytes()[: MEGABYTE // 2])
    token = await make_token(stack, await stack.person())
    async with (
        gateway_process(stack, tmp_path, UPLOAD_LIMIT_BYTES=str(4 * MEGABYTE)) as process,
        open_gateway(Access(process.url, token)) as gateway,
    ):
        for path, code in ((picture, "not_audio"), (empty, "empty_file"), (half, "truncated_file")):
            with pytest.raises(CallvaultError) as refused:
                await gateway.upload(path, lambda _: None)
            assert refused.value.code == code
        large = silence(tmp_path, 5)
        with pytest.raises(CallvaultError) as refused:
            await gateway.upload(large, lambda _: None)
        assert (refused.value.code, "4 MB" in str(refused.value)) == ("file_too_large", True)
