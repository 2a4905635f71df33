"""Recordings in parts, on real Kafka and PostgreSQL: cut, asked for side by side, joined again."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jiwer
import pytest
from tests.support.engine_server import Answer, EngineServer, numbered, refusal, spoken
from tests.support.eventually import eventually
from tests.support.sources import world_at
from tests.support.talk import Turn, write_talk

from pipeline_contracts import IMPORT_ACTIVITY, ConnectorRecord, ImportActivity, decode
from transcriber import trying
from transcriber.audio import RATE
from transcriber.audio import decode as decode_sound
from transcriber.cutting import cut
from transcriber.engines import Caps
from transcriber.pieces import limits_of
from transcriber.voice import FRAME, find_speech

from .test_service import asked, sent

MINUTES = 10


@pytest.fixture(scope="module")
def ten_minutes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Turn]]:
    path = tmp_path_factory.mktemp("talk") / "ten-minutes.wav"
    return path, write_talk(path, MINUTES * 60)


@pytest.fixture(scope="module")
def two_minutes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Turn]]:
    path = tmp_path_factory.mktemp("talk") / "two-minutes.wav"
    return path, write_talk(path, 120)


def how_many(path: Path, folder: Path, seconds: float) -> int:
    """Into how many parts a recording is cut."""
    audio = decode_sound(path, folder / "raw")
    frames = -(-round(audio.seconds * RATE) // FRAME)
    return len(cut(find_speech(audio), frames, limits_of(Caps(), seconds)))


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "FIRST_WAIT", 0.01)


async def test_ten_minutes_are_asked_for_in_parts_and_told_as_one(
    paid_desk: Any, server: EngineServer, ten_minutes: tuple[Path, list[Turn]]
) -> None:
    server.script = numbered(60)
    ticket = await paid_desk.ticket(ten_minutes[0])
    await paid_desk.publish(ticket)

    async with paid_desk.open(transcriber_part_seconds=30):
        (record,) = await paid_desk.results(within=90)
        parts = await paid_desk.parts(ticket)

    assert isinstance(record, ConnectorRecord)
    assert 15 <= len(parts) <= 30
    assert len(server.requests) == len(parts)
    assert {request.filename.rpartition(".")[2] for request in server.requests} == {"mp3"}
    assert all(part["seconds"] <= 45 for part in parts)
    assert record.duration == pytest.approx(ten_minutes[1][-1].end, abs=15)
    assert sorted(map(int, re.findall(r"Number (\d+)\.", record.full_transcript))) == list(range(len(parts)))
    assert record.segments is not None
    assert [one.start for one in record.segments] == pytest.approx([part["start_s"] for part in parts])
    made = record.source_metadata["transcription"]
    assert (made["parts"], made["usage"]["seconds"]) == (len(parts), 6 * len(parts))
    assert made["seconds_sent"] == pytest.approx(sum(part["seconds"] for part in parts), abs=2)
    assert "partial" not in made
    spans = [span for part in parts for span in json.loads(part["spans"])]
    for turn in ten_minutes[1]:  # whatever is said lies in a part
        assert any(
            start - 0.4 <= turn.start + 0.5 and turn.end - 0.5 <= end + 0.4 for start, end in spans
        ) or sum(max(0.0, min(end, turn.end) - max(start, turn.start)) for start, end in spans) > 0.9 * (
            turn.end - turn.start
        )


async def test_ten_minutes_through_openai_as_the_sandbox_plays_it(
    desk: Any, sandbox_address: str, ten_minutes: tuple[Path, list[Turn]]
) -> None:
    async with world_at(sandbox_address) as world:
        desk.environment.update(OPENAI_API_KEY="sk-sandbox", OPENAI_API_URL=f"{world.base}/openai/v1")
        ticket = await desk.ticket(ten_minutes[0])
        await desk.publish(ticket)

        async with desk.open(transcriber_part_seconds=30, transcriber_workers=8):
            (record,) = await desk.results(within=90)
            parts = await desk.parts(ticket)
        assert await world.calls("openai.transcriptions") == len(parts)

    made = record.source_metadata["transcription"]
    assert (made["engine"], made["model"], made["parts"]) == ("openai", "whisper-1", len(parts))
    assert record.segments is not None
    starts = [one.start for one in record.segments]
    assert starts == sorted(starts)
    looped = [one["start"] for one in made.get("dropped", {}).get("kept", [])]  # the made-up talks are few
    for part in parts:  # each has said something, and at its own time
        end = json.loads(part["spans"])[-1][1]
        assert any(part["start_s"] - 0.01 <= start <= end for start in starts + looped)


async def test_progress_is_of_the_whole_recording_and_never_goes_back(
    paid_desk: Any, server: EngineServer, two_minutes: tuple[Path, list[Turn]]
) -> None:
    server.default = Answer(spoken("Hello.").body, seconds=0.3)
    ticket = await paid_desk.ticket(two_minutes[0])
    await paid_desk.publish(ticket)

    async with paid_desk.open(transcriber_part_seconds=15, transcriber_workers=1):
        (record,) = await paid_desk.results()

    records = await paid_desk.stack.messages("import.activity", at_least=3)
    told = [decode(IMPORT_ACTIVITY, one.value, one.headers) for one in records]
    heard = [one for one in told if isinstance(one, ImportActivity) and one.doing == "transcribing"]
    done = [one.seconds_done or 0.0 for one in heard]
    assert done == sorted(done)
    assert [one.seconds_total for one in heard] == pytest.approx([record.duration] * len(heard))
    assert done[-1] == pytest.approx(record.duration)
    assert len(set(done)) > 3


async def test_words_and_times_of_many_parts_are_those_of_the_recording(
    desk: Any, two_minutes: tuple[Path, list[Turn]]
) -> None:
    path, turns = two_minutes
    ticket = await desk.ticket(path)
    await desk.publish(ticket)

    async with desk.open(transcriber_part_seconds=30):
        (record,) = await desk.results(within=120)
        parts = await desk.parts(ticket)

    assert len(parts) >= 3
    script = " ".join(turn.text for turn in turns)
    assert jiwer.wer(plain(script), plain(record.full_transcript)) < 0.05
    assert plain(" ".join(one.text for one in record.segments)) == plain(record.full_transcript)
    starts = [one.start for one in record.segments]
    assert starts == sorted(starts)
    for turn in turns:
        assert min(abs(start - turn.start) for start in starts) < 1.5


async def test_a_kill_at_ninety_per_cent_costs_one_part(
    paid_desk: Any, server: EngineServer, ten_minutes: tuple[Path, list[Turn]], tmp_path: Path
) -> None:
    ticket = await paid_desk.ticket(ten_minutes[0])
    await paid_desk.publish(ticket)
    environment = {"TRANSCRIBER_PART_SECONDS": "30", "TRANSCRIBER_WORKERS": "1"}
    finished = how_many(ten_minutes[0], tmp_path, 30) * 9 // 10
    server.script = [*numbered(finished, "Before"), Answer({"text": "never heard"}, seconds=60)]

    with paid_desk.process(**environment) as killed:
        await eventually(lambda: asked(server, finished + 1), within=90)
        killed.kill()
    with paid_desk.process(**environment):
        (record,) = await paid_desk.results(within=90)
        parts = await paid_desk.parts(ticket)

    assert len(server.requests) == len(parts) + 1
    assert record.full_transcript.count("Before") == finished
    assert "never heard" not in record.full_transcript


async def test_what_an_engine_never_answers_is_a_gap_and_no_text(
    paid_desk: Any, server: EngineServer, two_minutes: tuple[Path, list[Turn]]
) -> None:
    ticket = await paid_desk.ticket(two_minutes[0])
    await paid_desk.publish(ticket)
    server.script = [spoken("One."), refusal(400, "This sound is not to my taste"), spoken("Three.")]

    async with paid_desk.open(transcriber_part_seconds=30, transcriber_workers=1):
        (record,) = await paid_desk.results()
        parts = await paid_desk.parts(ticket)

    assert isinstance(record, ConnectorRecord)
    assert record.full_transcript.startswith("One. Three. Hello from the engine.")
    made = record.source_metadata["transcription"]
    assert made["partial"] is True
    (gap,) = made["gaps"]
    spans = json.loads(parts[1]["spans"])
    assert (gap["start"], gap["end"]) == (spans[0][0], spans[-1][1])
    assert (gap["code"], gap["retryable"]) == ("engine_refused", False)
    assert gap["message"]


async def test_an_outage_of_the_engine_costs_time_and_no_words(
    paid_desk: Any, server: EngineServer, two_minutes: tuple[Path, list[Turn]]
) -> None:
    ticket = await paid_desk.ticket(two_minutes[0])
    await paid_desk.publish(ticket)
    cut = Answer(spoken("Lost on its way.").body, cut=True)
    server.script = [spoken("One."), Answer("", 503), refusal(429, "Slow down"), cut, spoken("Two.")]

    async with paid_desk.open(transcriber_part_seconds=30):
        (record,) = await paid_desk.results()
        parts = await paid_desk.parts(ticket)

    assert "partial" not in record.source_metadata["transcription"]
    assert len(server.requests) == len(parts) + 3
    assert "Lost" not in record.full_transcript


@pytest.mark.parametrize(
    "answer",
    [
        refusal(413, "Maximum content size limit exceeded", kind="server_error"),
        refusal(400, "audio duration 60 seconds is longer than 25 seconds which is the maximum for this model"),
    ],
    ids=["413", "400"],
)
async def test_a_part_that_the_engine_finds_too_long_is_cut_again(
    paid_desk: Any, server: EngineServer, two_minutes: tuple[Path, list[Turn]], answer: Answer
) -> None:
    ticket = await paid_desk.ticket(two_minutes[0])
    await paid_desk.publish(ticket)
    server.script = [answer, *numbered(20)]

    async with paid_desk.open(transcriber_part_seconds=60, transcriber_workers=1):
        (record,) = await paid_desk.results()
        parts = await paid_desk.parts(ticket)

    assert len(parts) >= 3
    assert len(server.requests) == len(parts) + 1
    assert "partial" not in record.source_metadata["transcription"]
    starts = [part["start_s"] for part in parts]
    assert starts == sorted(starts)
    assert [one.start for one in record.segments] == pytest.approx(starts)


async def test_ten_files_of_one_user_do_not_starve_the_one_of_another(
    paid_desk: Any, server: EngineServer
) -> None:
    ada, bob = await paid_desk.stack.person(), await paid_desk.stack.person()
    server.default = Answer(spoken("Hello.").body, seconds=0.2)
    for _ in range(10):
        await paid_desk.publish(await paid_desk.ticket("budget.mp3", person=ada))

    async with paid_desk.open(transcriber_workers=1):
        await eventually(lambda: asked(server, 2))
        late = await paid_desk.ticket("hiring.wav", person=bob)
        await paid_desk.publish(late)
        results = await paid_desk.results(11)

    owners = [one.external_id == late.message.draft.external_id for one in results]
    assert owners.index(True) <= 6


async def test_a_cancelled_recording_frees_its_parts_and_their_sound(
    paid_desk: Any, server: EngineServer, two_minutes: tuple[Path, list[Turn]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transcriber.sweeping.EVERY_SECONDS", 0.2)
    server.default = Answer(spoken("Hello.").body, seconds=20)
    ticket = await paid_desk.ticket(two_minutes[0])
    await paid_desk.publish(ticket)
    prefix = f"{ticket.owner}/{ticket.message.item_id}/"

    def kept() -> list[str]:
        return [found[0] for found in paid_desk.storage.keys() if found[0].startswith(prefix)]  # noqa: SIM118

    async def swept() -> bool:
        return not kept() and not await paid_desk.parts(ticket)

    async with paid_desk.open(transcriber_part_seconds=30):
        await eventually(lambda: asked(server))
        assert len(kept()) == len(await paid_desk.parts(ticket)) > 2
        async with paid_desk.stack.owner.transaction():  # as the recorder does it
            await paid_desk.stack.owner.execute("DELETE FROM tasks WHERE item_id = $1", ticket.message.item_id)
            await paid_desk.stack.owner.execute(
                "UPDATE sync_job_items SET status = 'skipped', code = 'cancelled', ended_at = now() WHERE id = $1",
                ticket.message.item_id,
            )
        await eventually(swept)

    assert paid_desk.storage.path(ticket.message.audio.key).exists()
    assert await paid_desk.stack.messages("import.results") == []


async def test_a_retried_item_asks_for_what_is_missing_alone(
    paid_desk: Any, server: EngineServer, two_minutes: tuple[Path, list[Turn]]
) -> None:
    ticket = await paid_desk.ticket(two_minutes[0])
    await paid_desk.publish(ticket)
    server.default = refusal(401, "Incorrect API key provided: key")
    server.script = []

    async with paid_desk.open(transcriber_part_seconds=30, transcriber_workers=1):
        (failed,) = await paid_desk.results()
        parts = await paid_desk.parts(ticket)
        assert (failed.code, len(server.requests)) == ("engine_unauthorised", len(parts))
        server.script = numbered(len(parts))
        again = await paid_desk.again(ticket)
        await paid_desk.publish(again)
        record = (await paid_desk.results(2))[1]
        await eventually(lambda: sent(paid_desk, ticket))

    assert record.full_transcript == " ".join(f"Number {number}." for number in range(len(parts)))
    assert len(server.requests) == 2 * len(parts)


def plain(text: str) -> str:
    """As words are compared: without case and punctuation."""
    return " ".join(re.sub(r"[^\w\s]", "", text.casefold()).split())


async def test_a_part_in_another_language_than_the_rest_is_asked_for_once_more(
    paid_desk: Any, server: EngineServer, two_minutes: tuple[Path, list[Turn]]
) -> None:
    ticket = await paid_desk.ticket(two_minutes[0])
    await paid_desk.publish(ticket)
    odd = spoken("Das war Musik.", language="german")
    server.script = [*numbered(1, "First"), odd, *numbered(20, "More")]

    async with paid_desk.open(transcriber_part_seconds=25, transcriber_workers=1):
        (record,) = await paid_desk.results()
        parts = await paid_desk.parts(ticket)

    assert len(server.requests) == len(parts) + 1
    assert [request.value("language") for request in server.requests] == [None] * len(parts) + ["en"]
    assert "Musik" not in record.full_transcript
    assert record.source_metadata["transcription"]["language"] == "en"


async def test_speakers_of_later_parts_are_told_by_the_voices_of_the_first(
    paid_desk: Any, server: EngineServer, two_minutes: tuple[Path, list[Turn]]
) -> None:
    def said(text: str, speaker: str) -> Answer:
        segment = {"type": "transcript.text.segment", "id": "seg_001", "start": 0.5, "end": 4.5, "text": text}
        return Answer(
            {"task": "transcribe", "duration": 30, "text": text, "segments": [segment | {"speaker": speaker}]}
        )

    ticket = await paid_desk.ticket(two_minutes[0])
    await paid_desk.publish(ticket)
    server.script = [said("I begin.", "A"), *(said(f"I go on {n}.", "Speaker 1") for n in range(20))]

    async with paid_desk.open(
        transcriber_part_seconds=30, transcriber_model="gpt-4o-transcribe-diarize", transcriber_workers=4
    ):
        (record,) = await paid_desk.results()
        parts = await paid_desk.parts(ticket)

    assert len(server.requests) == len(parts) > 2
    told = [request.value("known_speaker_names[]") for request in server.requests]
    assert told == [None] + ["Speaker 1"] * (len(parts) - 1)
    assert {segment.speaker for segment in record.segments} == {"Speaker 1"}
