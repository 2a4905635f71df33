"""What a file is, by its content: good ones, bad ones, and names that lie."""

import json
import struct
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline_runtime.failures import CATALOGUE, LONGEST_MESSAGE, NOT_AUDIO, ItemProblem
from pipeline_runtime.media import Media, probe

SPEECH = Path(__file__).parents[3] / "tests" / "speech"
PROBLEMS: dict[str, str] = json.loads((SPEECH / "problems.json").read_text())
RECORDED = datetime(2026, 9, 14, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "kind", "container", "content_type", "created_at"),
    [
        ("budget.mp3", "audio", "mp3", "audio/mpeg", RECORDED),
        ("hiring.wav", "audio", "wav", "audio/wav", None),
        ("support.m4a", "audio", "m4a", "audio/mp4", RECORDED),
        ("webinar.mp4", "video", "mp4", "video/mp4", RECORDED),
        ("interview.mov", "video", "mov", "video/quicktime", RECORDED),
        ("kitchen.webm", "audio", "webm", "audio/webm", RECORDED),
    ],
)
def test_each_accepted_type_is_known_by_its_content(
    tmp_path: Path, name: str, kind: str, container: str, content_type: str, created_at: datetime | None
) -> None:
    liar = tmp_path / "notes.txt"
    liar.write_bytes((SPEECH / name).read_bytes())

    found = probe(liar)

    assert (found.kind, found.container, found.content_type) == (kind, container, content_type)
    assert (found.created_at, found.audio_tracks) == (created_at, 1)
    assert found.duration is not None
    assert 6 < found.duration < 8


@pytest.mark.parametrize("name", [name for name, code in PROBLEMS.items() if code != "no_speech"])
def test_a_bad_file_gets_its_code(name: str) -> None:
    assert code_of(SPEECH / name) == PROBLEMS[name]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\xff", "not_audio"),
        (b"\xff\xfb\x90\x64" * 40, "not_audio"),
        (b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1/part.mp3\n", "not_audio"),
        (b"ffconcat version 1.0\nfile '/etc/passwd'\n", "not_audio"),
        (b"Yes, free tickets for everybody, again and again", "not_audio"),
        (b"Not moov but a line of prose that goes on for a while", "not_audio"),
        (b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska" + bytes(50), "unsupported_type"),
        (b"RIFF\x24\x00\x00\x00AVI LIST" + bytes(50), "unsupported_type"),
        (b"\xff\xf1\x50\x80\x02\x1f\xfc" + bytes(50), "unsupported_type"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(50), "not_audio"),
        (b"\x00\x00\x00\x14ftypisom\x00\x00\x02\x00isom", "truncated_file"),
        (b"RIFF\xff\xff\xff\xffWAVE", "truncated_file"),
        (b"RIFF\x24\x00\x00\x00WAVEdata\x00\x00\x00\x00", "damaged_file"),
        (b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f", "not_audio"),
    ],
)
def test_made_up_content_is_refused_before_anything_decodes_it(
    tmp_path: Path, content: bytes, code: str
) -> None:
    path = tmp_path / "meeting.mp3"
    path.write_bytes(content)

    assert code_of(path) == code


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.6, 0.9])
@pytest.mark.parametrize(
    "name", ["budget.mp3", "hiring.wav", "support.m4a", "webinar.mp4", "interview.mov", "kitchen.webm"]
)
def test_a_part_of_a_file_is_never_taken_for_the_whole(tmp_path: Path, name: str, share: float) -> None:
    whole = (SPEECH / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(whole[: int(len(whole) * share)])

    assert code_of(path) == "truncated_file"


@pytest.mark.parametrize("name", ["budget.mp3", "hiring.wav", "support.m4a", "webinar.mp4", "interview.mov"])
def test_rubbish_after_the_end_does_no_harm(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes((SPEECH / name).read_bytes() + b"\x00\x01trailing rubbish" * 10)

    assert look(path).audio_tracks == 1


def test_a_wav_whose_length_was_left_open_is_taken(tmp_path: Path) -> None:
    data = bytearray((SPEECH / "hiring.wav").read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = b"\xff\xff\xff\xff"
    path = tmp_path / "streamed.wav"
    path.write_bytes(data)

    assert look(path).container == "wav"


@pytest.mark.parametrize("seconds", [0, 1, 2_082_844_800, 0xFFFF_FFF0])
def test_a_creation_time_that_nobody_set_is_none(tmp_path: Path, seconds: int) -> None:
    data = bytearray((SPEECH / "support.m4a").read_bytes())
    for box in (b"mvhd", b"mdhd", b"tkhd"):
        at = data.index(box) + 8
        data[at : at + 4] = struct.pack(">I", seconds)
    path = tmp_path / "clockless.m4a"
    path.write_bytes(data)

    assert look(path).created_at is None


def test_a_service_without_audio_does_not_load_a_media_library() -> None:
    check = "import sys, pipeline_runtime.media; sys.exit('av' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_every_problem_says_what_to_do_in_a_message_that_fits() -> None:
    assert all(code == problem.code for code, problem in CATALOGUE.items())
    assert all(len(problem.sentence) < 200 for problem in CATALOGUE.values())
    assert len(ItemProblem(NOT_AUDIO, "x" * 1000).message) == LONGEST_MESSAGE


def look(path: Path) -> Media:
    return probe(path)


def code_of(path: Path) -> str:
    with pytest.raises(ItemProblem) as caught:
        probe(path)
    return caught.value.code
