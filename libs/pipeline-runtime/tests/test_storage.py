"""Objects are whole or not there, and no key leaves the folder."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from uuid import uuid4

import pytest

from pipeline_runtime.storage import Storage


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(f"file://{tmp_path}/a%20store")


def keys(storage: Storage) -> list[str]:
    found = storage.keys()
    return [key for key, _ in found]


async def put(storage: Storage, key: str, *chunks: bytes) -> None:
    async with storage.incoming() as incoming:
        for chunk in chunks:
            incoming.write(chunk)
        incoming.keep(key)


@pytest.mark.parametrize(
    "key", ["", "/", "/etc/passwd", "..", "../up", "a/../../up", "a/..", "a//b", "a/", ".hidden", "a\\b", "a b",
            "a\x00b", "a/b\n", "~/a", "%2e%2e/up", "a:b", "\u202e"],
)  # fmt: skip
async def test_a_key_that_is_none_or_leaves_the_folder_is_refused(storage: Storage, key: str) -> None:
    with pytest.raises(ValueError, match="not a storage key"):
        storage.path(key)
    with pytest.raises(ValueError, match="not a storage key"):
        await storage.delete(key)
    with pytest.raises(ValueError, match="not a storage key"):
        await put(storage, key, b"words")
    assert storage.keys() == []
    assert storage.left_behind() == []


async def test_a_kept_object_is_whole_under_its_key_and_nowhere_else(storage: Storage, tmp_path: Path) -> None:
    assert storage.root == tmp_path / "a store"
    await put(storage, "owner-1/up.load/1.m4a", b"one ", b"two")
    assert storage.path("owner-1/up.load/1.m4a").read_bytes() == b"one two"
    assert keys(storage) == ["owner-1/up.load/1.m4a"]
    assert storage.left_behind() == []


async def test_an_object_is_a_file_to_read_and_a_missing_one_is_said(storage: Storage) -> None:
    await put(storage, "a/b", b"words")
    async with storage.local("a/b") as path:
        assert path.read_bytes() == b"words"
    with pytest.raises(FileNotFoundError):
        async with storage.local("a/c"):
            pass


async def test_a_file_that_is_put_twice_is_one_object_and_stays_where_it_was(
    storage: Storage, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"words")
    os.utime(file, (1_000, 2_000))
    for _ in range(2):
        storage.put("a/b", file)
    assert storage.path("a/b").read_bytes() == file.read_bytes() == b"words"
    assert storage.keys()[0][1] > 1_000_000_000  # as old as the putting: who sweeps looks at that
    assert storage.left_behind() == []
    with pytest.raises(FileNotFoundError):
        storage.put("a/b", tmp_path / "missing")


async def test_where_links_are_none_a_file_is_copied(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    file = tmp_path / "file"
    file.write_bytes(b"words")
    storage.put("a/b", file)
    assert storage.path("a/b").read_bytes() == b"words"
    assert storage.left_behind() == []


async def test_files_that_come_in_by_pieces_lie_beside_the_objects_or_where_it_is_said(tmp_path: Path) -> None:
    name, beside = uuid4(), tmp_path / "scratch"
    assert Storage(tmp_path.as_uri()).partial(name) == tmp_path / "partial" / str(name)
    apart = Storage(tmp_path.as_uri(), beside)
    apart.partial(name).parent.mkdir(parents=True)
    apart.partial(name).write_bytes(b"half")
    assert apart.partials() == [beside / "partial" / str(name)]
    assert apart.keys() == []


async def test_until_it_is_kept_an_object_is_not_there(storage: Storage) -> None:
    async with storage.incoming() as incoming:
        incoming.write(b"half")
        incoming.flush()
        assert incoming.path.read_bytes() == b"half"
        assert storage.left_behind() == [incoming.path]
        assert storage.keys() == []
        incoming.keep("a/b")
    assert keys(storage) == ["a/b"]


async def test_of_a_dropped_one_nothing_stays(storage: Storage) -> None:
    async with storage.incoming() as incoming:
        incoming.write(b"half")
    with pytest.raises(TypeError):
        await put(storage, "a/b", b"half", None)  # type: ignore[arg-type]  # it breaks in the middle
    assert storage.keys() == []
    assert storage.left_behind() == []


async def test_an_object_is_replaced_as_a_whole_and_can_be_deleted_twice(storage: Storage) -> None:
    await put(storage, "a/b", b"a long first one")
    reader = storage.path("a/b").open("rb")
    await put(storage, "a/b", b"second")
    assert reader.read() == b"a long first one"  # whoever reads it goes on
    reader.close()
    assert storage.path("a/b").read_bytes() == b"second"
    await storage.delete("a/b")
    await storage.delete("a/b")
    assert storage.keys() == []


async def test_the_times_of_objects_are_those_of_their_last_change(storage: Storage) -> None:
    await put(storage, "a/b", b"words")
    os.utime(storage.path("a/b"), (1_000, 2_000))
    assert storage.keys() == [("a/b", 2_000)]


@pytest.mark.parametrize("url", ["s3://", "gs://bucket/folder", "/a/path", "", "file://"])
def test_a_storage_url_that_is_neither_a_folder_nor_a_bucket_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="STORAGE_URL takes a folder"):
        Storage(url)
