"""Makes the speech files of this folder. Run by hand; the files it makes are kept in the repository.

Needs Debian's `flite` (apt-get install flite) and the project's virtual environment:

    .venv/bin/python tests/speech/make.py

Writes the good files, the bad ones, `scripts.json` (file: the words spoken in it) and
`problems.json` (bad file: the code that it must be refused or failed with).
"""

import json
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

HERE = Path(__file__).parent
RATE = 16_000  # Hz, mono, s16: what every file is made from
PAUSE = 0.35  # seconds between two sentences
RECORDED = datetime(2026, 9, 14, 9, 30, tzinfo=UTC)

Line = tuple[str, str]  # (voice, sentence)

STANDUP: list[Line] = [
    ("slt", "Good morning everyone. Let us begin with the new billing page."),
    (
        "rms",
        "The page is ready. Many customers tried it last week, and nearly all of them finished without help.",
    ),
    ("awb", "That is good news. What happened to the others?"),
    ("rms", "They could not find the invoice button, so we moved it to the top of the page."),
    ("slt", "Thank you. I will write to them today, and we will open the page for everybody on Thursday."),
    ("kal", "I will look after the servers on Thursday, and write a short report in the afternoon."),
]

SCRIPTS: dict[str, list[Line]] = {
    "standup.m4a": STANDUP,
    "budget.mp3": [
        ("rms", "The budget for next year is almost finished."),
        ("slt", "Please send me the travel costs by Friday morning."),
    ],
    "hiring.wav": [
        ("slt", "We have two candidates for the design team."),
        ("rms", "Both of them can start in January."),
    ],
    "support.m4a": [
        ("awb", "A customer wrote to us about a broken printer."),
        ("slt", "We will send a new one tomorrow morning."),
    ],
    "webinar.mp4": [
        ("slt", "Welcome to our garden school."),
        ("rms", "Today we will learn how to plant tomatoes and beans."),
    ],
    "interview.mov": [
        ("rms", "Tell me about your work in the hospital."),
        ("slt", "I worked at night and studied during the day."),
    ],
    "kitchen.webm": [
        ("slt", "The kitchen will be closed on Monday."),
        ("rms", "Lunch is served in the big hall instead."),
    ],
}

PROBLEMS = {
    "empty.mp3": "empty_file",
    "letter.mp3": "not_audio",
    "document.m4a": "not_audio",
    "chime.ogg": "unsupported_type",
    "truncated.mp3": "truncated_file",
    "truncated.wav": "truncated_file",
    "truncated.webm": "truncated_file",
    "truncated-start.mp4": "truncated_file",
    "truncated-end.mp4": "truncated_file",
    "mute.mp4": "no_audio_track",
    "silence.m4a": "no_speech",
}


def speak(lines: list[Line]) -> np.ndarray[Any, np.dtype[np.int16]]:
    """The lines one after the other, each in its voice, with a pause after each."""
    pause = np.zeros(int(PAUSE * RATE), dtype=np.int16)
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "line.wav"
        pieces = [pause]
        for voice, sentence in lines:
            subprocess.run(["flite", "-voice", voice, "-t", sentence, "-o", str(wav)], check=True)
            pieces += [samples_of(wav), pause]
    return np.concatenate(pieces)


def samples_of(wav: Path) -> np.ndarray[Any, np.dtype[np.int16]]:
    """A sound file as 16 kHz mono."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(str(wav)) as container:
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def sound_frames(samples: np.ndarray[Any, np.dtype[np.int16]]) -> Iterator[av.AudioFrame]:
    for start in range(0, len(samples), RATE):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + RATE], format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.pts = start
        frame.time_base = Fraction(1, RATE)
        yield frame


def pictures(seconds: float) -> Iterator[av.VideoFrame]:
    """Five small pictures a second: a bar that walks from left to right."""
    for number in range(int(seconds * 5)):
        image = np.full((96, 128, 3), 40, dtype=np.uint8)
        image[:, (number * 4) % 120 :][:, :8] = (90, 200, 140)
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts = number
        frame.time_base = Fraction(1, 5)
        yield frame


def write(
    path: Path,
    samples: np.ndarray[Any, np.dtype[np.int16]] | None,
    codec: str = "aac",
    *,
    kind: str | None = None,
    bits: int | None = 32_000,
    video: float = 0,
    options: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
) -> None:
    """One file of the samples (none: no sound) and `video` seconds of pictures (0: no picture)."""
    with av.open(str(path), "w", format=kind, options=options or {}) as container:
        container.metadata.update({"creation_time": RECORDED.isoformat(), **(metadata or {})})
        picture = container.add_stream("libx264", rate=5, options={"crf": "40"}) if video else None
        sound = container.add_stream(codec, rate=RATE, layout="mono") if samples is not None else None
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = 128, 96, "yuv420p"
            for image in pictures(video):
                container.mux(picture.encode(image))
            container.mux(picture.encode(None))
        if isinstance(sound, av.AudioStream) and samples is not None:
            if bits:
                sound.bit_rate = bits
            for frame in sound_frames(samples):
                container.mux(sound.encode(frame))
            container.mux(sound.encode(None))


def make_good() -> None:
    spoken = {name: speak(lines) for name, lines in SCRIPTS.items()}
    fast = {"movflags": "+faststart"}
    write(HERE / "standup.m4a", spoken["standup.m4a"], kind="ipod", bits=40_000, options=fast)
    write(HERE / "budget.mp3", spoken["budget.mp3"], "libmp3lame")
    write(HERE / "hiring.wav", spoken["hiring.wav"], "pcm_s16le", bits=None)
    write(HERE / "support.m4a", spoken["support.m4a"], kind="ipod")
    write(HERE / "webinar.mp4", spoken["webinar.mp4"], video=len(spoken["webinar.mp4"]) / RATE, options=fast)
    write(
        HERE / "interview.mov",
        spoken["interview.mov"],
        video=len(spoken["interview.mov"]) / RATE,
        options={"movflags": "use_metadata_tags"},
        metadata={"com.apple.quicktime.creationdate": "2026-09-14T11:30:00+0200"},
    )
    write(HERE / "kitchen.webm", spoken["kitchen.webm"], "libopus", kind="webm", bits=24_000)


def make_bad() -> None:
    (HERE / "empty.mp3").write_bytes(b"")
    (HERE / "letter.mp3").write_text("Dear customer,\nthis is a letter and no recording.\n" * 20)
    (HERE / "document.m4a").write_bytes(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + b"1 0 obj\n<< >>\nendobj\n" * 40)
    tone = (8000 * np.sin(np.arange(RATE) * 2 * np.pi * 440 / RATE)).astype(np.int16)
    write(HERE / "chime.ogg", tone, "libopus", kind="ogg", bits=16_000)
    for name, source in {
        "truncated.mp3": "budget.mp3",
        "truncated.webm": "kitchen.webm",
        "truncated-start.mp4": "webinar.mp4",
    }.items():
        cut(HERE / source, HERE / name)
    cut(HERE / "hiring.wav", HERE / "truncated.wav", 0.3)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.mp4"
        write(whole, speak(SCRIPTS["webinar.mp4"]))  # without faststart the index comes last
        cut(whole, HERE / "truncated-end.mp4")
    write(HERE / "mute.mp4", None, video=3)
    write(HERE / "silence.m4a", np.zeros(6 * RATE, dtype=np.int16), kind="ipod")


def cut(source: Path, target: Path, share: float = 0.5) -> None:
    """The first part of a file, as a broken upload or a full disk leaves it."""
    whole = source.read_bytes()
    target.write_bytes(whole[: int(len(whole) * share)])


def has_index_first(path: Path) -> bool:
    """Whether an MP4's `moov` box comes before its `mdat` box."""
    data, offset = path.read_bytes(), 0
    while offset + 8 <= len(data):
        size, name = struct.unpack(">I4s", data[offset : offset + 8])
        if name in (b"moov", b"mdat"):
            return bool(name == b"moov")
        offset += max(size, 8)
    return False


def main() -> None:
    make_good()
    make_bad()
    assert has_index_first(HERE / "truncated-start.mp4")
    assert not has_index_first(HERE / "truncated-end.mp4")
    words = {name: " ".join(sentence for _, sentence in lines) for name, lines in SCRIPTS.items()}
    (HERE / "scripts.json").write_text(json.dumps(words, indent=2) + "\n")
    (HERE / "problems.json").write_text(json.dumps(PROBLEMS, indent=2) + "\n")
    for path in sorted(HERE.iterdir()):
        print(f"{path.stat().st_size:>9,}  {path.name}")


if __name__ == "__main__":
    main()
