"""Storage in a bucket, by S3's protocol, on a server of this machine."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.support.bucket import Bucket, bucket

from pipeline_runtime.buckets import PIECE
from pipeline_runtime.storage import Storage

pytestmark = pytest.mark.asyncio(loop_scope="session")
MEGABYTE = 1024 * 1024


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def store(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bucket]:
    async with bucket(tmp_path_factory.mktemp("bucket")) as running:
        yield running


@pytest.fixture
def storage(store: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Storage:
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    return Storage("s3://calls/some/prefix", tmp_path)


def keys(storage: Storage) -> list[str]:
    found = storage.keys()
    return sorted(key for key, _ in found)


async def put(storage: Storage, key: str, content: bytes) -> None:
    async with storage.incoming() as incoming:
        incoming.write(content)
        incoming.keep(key)


async def test_an_object_comes_and_goes(storage: Storage, store: Bucket) -> None:
    await put(storage, "owner/one", b"words")
    told = await store.head("some/prefix/owner/one")
    assert (told.headers["content-length"], told.headers["x-amz-server-side-encryption"]) == ("5", "AES256")
    assert keys(storage) == ["owner/one"]
    async with storage.local("owner/one") as path:
        assert path.read_bytes() == b"words"
    assert not path.exists()
    assert storage.left_behind() == []
    for _ in range(2):
        await storage.delete("owner/one")
    assert storage.keys() == []
    with pytest.raises(FileNotFoundError):
        async with storage.local("owner/one"):
            pass


async def test_copies_of_a_dead_process_go_and_those_in_use_stay(storage: Storage, tmp_path: Path) -> None:
    await put(storage, "owner/one", b"words")
    dead = tmp_path / "copies" / "dead.copy"
    dead.parent.mkdir()
    dead.write_bytes(b"gigabytes")
    async with storage.local("owner/one") as used:
        for path in (dead, used):
            os.utime(path, (1_000, 2_000))
        async with storage.local("owner/one") as path:
            assert path != used
        assert used.read_bytes() == b"words"
    assert not dead.exists()
    await storage.delete("owner/one")


async def test_a_large_object_goes_in_parts_and_comes_back_whole(storage: Storage, store: Bucket) -> None:
    content = os.urandom(2 * PIECE + 7 * MEGABYTE + 11)
    await put(storage, "owner/large", content)
    assert (await store.head("some/prefix/owner/large")).headers["etag"].endswith('-3"')  # three parts
    async with storage.local("owner/large") as path:
        assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(content).digest()
    await storage.delete("owner/large")


async def test_an_object_is_replaced_as_a_whole(storage: Storage) -> None:
    await put(storage, "owner/one", b"a long first one")
    await put(storage, "owner/one", b"second")
    async with storage.local("owner/one") as path:
        assert path.read_bytes() == b"second"
    await storage.delete("owner/one")


async def test_objects_outside_the_prefix_are_nobodys_business(storage: Storage, tmp_path: Path) -> None:
    other = Storage("s3://calls/other", tmp_path)
    await put(other, "owner/one", b"words")
    assert storage.keys() == []
    assert keys(other) == ["owner/one"]
    await other.delete("owner/one")


@pytest.mark.parametrize("key", ["", "/a", "../a", "a/../b", "a b"])
async def test_a_key_that_is_none_is_refused(storage: Storage, key: str) -> None:
    with pytest.raises(ValueError, match="not a storage key"):
        await storage.delete(key)
    with pytest.raises(ValueError, match="not a storage key"):
        await put(storage, key, b"words")


async def test_what_a_bucket_refuses_is_an_error_of_storage_without_addresses(
    storage: Storage, tmp_path: Path
) -> None:
    with pytest.raises(OSError, match="the bucket did not do it") as refused:
        await put(Storage("s3://no-such-bucket/x", tmp_path), "owner/one", b"words")
    assert "127.0.0.1" not in str(refused.value)


async def test_objects_of_a_bucket_have_no_path(storage: Storage) -> None:
    with pytest.raises(ValueError, match="no path"):
        storage.path("owner/one")


COUNTED = """
import resource, sys
from pathlib import Path
from pipeline_runtime.storage import Storage
storage, large = Storage("s3://calls/memory", Path(sys.argv[1])), Path(sys.argv[1]) / "large"
with large.open("wb") as file:
    file.truncate(int(sys.argv[2]))
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
small = Path(sys.argv[1]) / "small"
small.write_bytes(b"x")
storage.put("owner/small", small)
before = peak()
storage.put("owner/large", large)
print(peak() - before)
"""


async def test_a_large_file_does_not_lie_in_memory_on_its_way(storage: Storage, tmp_path: Path) -> None:
    """In a process of its own: the peak of this one says nothing."""
    command = [sys.executable, "-c", COUNTED, str(tmp_path), str(200 * MEGABYTE)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    assert int(said) < 4 * PIECE
    await storage.delete("owner/large")
