"""Every accepted container with every codec that it may hold, decoded and understood; and files that would not end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import jiwer
import numpy as np
import pytest

from pipeline_runtime.failures import ItemProblem
from pipeline_runtime.media import probe
from transcriber import audio
from transcriber.audio import RATE, Part, decode
from transcriber.engines import PartAudio
from transcriber.engines.local import LocalEngine

from .recordings import FORMS, Samples, with_cover, write, write_bomb, write_tracks

SENTENCE = "We have two candidates for the design team."


@pytest.fixture(scope="module")
def engine() -> Iterator[LocalEngine]:
    made = LocalEngine()
    asyncio.run(made.start())
    yield made
    asyncio.run(made.close())


@pytest.fixture(scope="module")
def sentence(speech: Path, tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """The first sentence of a recording."""
    return decode(speech / "hiring.wav", tmp_path_factory.mktemp("sound") / "raw").samples(0.0, 3.0)


async def understood(engine: LocalEngine, file: Path, folder: Path) -> float:
    """The share of the sentence's words that is not heard in a file."""
    sound = decode(file, folder / "raw")
    assert sound.seconds == pytest.approx(3.0, abs=0.15)
    heard = await engine.transcribe(
        PartAudio(sound, Part(0, 0.0, sound.seconds)), language="en", on_progress=lambda _: None
    )
    return float(jiwer.wer(plain(SENTENCE), plain(heard.text)))


def plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


@pytest.mark.parametrize("name", FORMS)
async def test_every_form_of_a_recording_is_understood(
    engine: LocalEngine, sentence: Samples, tmp_path: Path, name: str
) -> None:
    file = write(FORMS[name], sentence, tmp_path)

    assert probe(file).audio_tracks == 1
    assert await understood(engine, file, tmp_path) <= 0.13  # a word


async def test_the_picture_of_an_album_is_no_sound_and_no_video(
    engine: LocalEngine, sentence: Samples, tmp_path: Path
) -> None:
    file = with_cover(write(FORMS["MP3 at a variable rate"], sentence, tmp_path))

    assert probe(file).kind == "audio"
    assert await understood(engine, file, tmp_path) <= 0.13


async def test_of_several_tracks_the_default_is_heard(
    engine: LocalEngine, sentence: Samples, tmp_path: Path
) -> None:
    file = write_tracks(tmp_path / "a.webm", [np.zeros_like(sentence), sentence], default=1)

    assert probe(file).audio_tracks == 2
    assert await understood(engine, file, tmp_path) <= 0.13


def test_of_several_tracks_without_a_default_the_first_is_heard(sentence: Samples, tmp_path: Path) -> None:
    short = sentence[: 2 * RATE]

    file = write_tracks(tmp_path / "a.webm", [short, sentence], default=None)

    assert decode(file, tmp_path / "raw").seconds == pytest.approx(2.0, abs=0.1)


def test_a_file_that_unfolds_far_beyond_its_size_is_stopped(sentence: Samples, tmp_path: Path) -> None:
    bomb = write_bomb(tmp_path, np.zeros_like(sentence), times=12_000)
    assert bomb.stat().st_size < 80_000

    with pytest.raises(ItemProblem, match="more sound than it can hold") as caught:
        decode(bomb, tmp_path / "raw")

    assert caught.value.code == "damaged_file"
    assert (tmp_path / "raw").stat().st_size < 200 * 1024 * 1024


def test_silence_that_takes_no_room_is_no_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "_FREE", 0)

    file = write(FORMS["WebM with Opus that pauses"], np.zeros(60 * RATE, dtype=np.int16), tmp_path)

    assert decode(file, tmp_path / "raw").seconds == pytest.approx(60, abs=1)
    assert file.stat().st_size < 60_000


def test_a_frame_that_is_larger_than_codecs_make_is_not_decoded(
    sentence: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(FORMS["M4A with ALAC"], sentence, tmp_path)
    monkeypatch.setattr(audio, "_FRAME", 1000)

    with pytest.raises(ItemProblem) as caught:
        decode(file, tmp_path / "raw")

    assert caught.value.code == "damaged_file"


def test_a_file_that_takes_for_ever_is_given_up(sentence: Samples, tmp_path: Path) -> None:
    file = write(FORMS["WAV with 16 bits"], sentence, tmp_path)

    with pytest.raises(ItemProblem, match="too long to decode") as caught:
        decode(file, tmp_path / "raw", within=0.0)

    assert caught.value.code == "damaged_file"


def test_whoever_waits_for_a_file_without_sound_in_it_can_stop_it(
    sentence: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(FORMS["M4A with ALAC"], sentence, tmp_path)
    monkeypatch.setattr(audio, "_FRAME", 1000)  # not one frame is decoded
    monkeypatch.setattr(audio, "_SILENT", 0.0)

    def stop(_: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        decode(file, tmp_path / "raw", stop)
