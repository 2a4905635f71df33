"""What `callvault import` takes for a link, and what for a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from callvault.importing import read_given


@pytest.mark.parametrize(
    "word",
    [
        "https://youtu.be/dQw4w9WgXcQ",
        "HTTP://example.com",
        "youtu.be/dQw4w9WgXcQ",
        "www.youtube.com/watch?v=dQw4w9WgXcQ&t=5",
        "m.youtube.com:443/live/dQw4w9WgXcQ",
    ],
)
def test_a_link_is_one_with_and_without_its_scheme(word: str) -> None:
    assert read_given(word) == word


@pytest.mark.parametrize(
    "word", ["", "call.mp3", "./call.mp3", "calls/monday", "/tmp/a.b/c", "calls.old/monday.mp3", "youtu.be"]
)
def test_a_file_is_one_whether_or_not_it_is_there(word: str) -> None:
    assert read_given(word) == Path(word)


def test_what_is_there_is_a_file_though_it_looks_like_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.calls").mkdir()
    assert read_given("my.calls/monday") == Path("my.calls/monday")
    assert read_given("other.calls/monday") == "other.calls/monday"
