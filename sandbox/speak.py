"""Makes the speech files of the sandbox. Run by hand; the files are kept in the repository.

Needs Debian's `flite` (apt-get install flite) and the project's virtual environment:

    .venv/bin/python sandbox/speak.py

Writes NAME.m4a and NAME.mp4 for every script of spoken.json, and the times of its lines into that file.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

DATA = Path(__file__).parent / "src/sandbox/meetings/data"
RATE = 16_000  # Hz, mono
PAUSE = 0.4  # seconds between two lines
Samples = np.ndarray[Any, np.dtype[np.int16]]


def line(voice: str, text: str) -> Samples:
    """One spoken line."""
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "line.wav"
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(wav)], check=True)
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        with av.open(str(wav)) as container:
            frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def speak(script: dict[str, Any]) -> Samples:
    """All lines with pauses; notes in the script when each begins and ends."""
    pause = np.zeros(int(PAUSE * RATE), dtype=np.int16)
    pieces, at, times = [pause], PAUSE, []
    for _, voice, text in script["lines"]:
        samples = line(voice, text)
        times.append([round(at, 2), round(at + len(samples) / RATE, 2)])
        at += len(samples) / RATE + PAUSE
        pieces += [samples, pause]
    script["times"] = times
    return np.concatenate(pieces)


def write(path: Path, samples: Samples, *, pictures: bool) -> None:
    """AAC in MP4, with one small picture a second where wanted."""
    with av.open(
        str(path), "w", format="mp4" if pictures else "ipod", options={"movflags": "+faststart"}
    ) as out:
        picture = out.add_stream("libx264", rate=1, options={"crf": "45"}) if pictures else None
        sound = out.add_stream("aac", rate=RATE, layout="mono")
        sound.bit_rate = 20_000
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = 128, 96, "yuv420p"
            for number in range(len(samples) // RATE):
                frame = av.VideoFrame.from_ndarray(
                    np.full((96, 128, 3), 40 + number, dtype=np.uint8), format="rgb24"
                )
                frame.pts, frame.time_base = number, Fraction(1, 1)
                out.mux(picture.encode(frame))
            out.mux(picture.encode(None))
        for start in range(0, len(samples), RATE):
            piece = av.AudioFrame.from_ndarray(samples[None, start : start + RATE], format="s16", layout="mono")
            piece.sample_rate, piece.pts, piece.time_base = RATE, start, Fraction(1, RATE)
            out.mux(sound.encode(piece))
        out.mux(sound.encode(None))


def main() -> None:
    """Make all of them."""
    source = DATA / "spoken.json"
    scripts = json.loads(source.read_text())
    for name, script in scripts.items():
        samples = speak(script)
        write(DATA / f"{name}.m4a", samples, pictures=False)
        write(DATA / f"{name}.mp4", samples, pictures=True)
        print(name, f"{len(samples) / RATE:.1f} s")
    rows = [f"{json.dumps(name)}: {json.dumps(script)}" for name, script in scripts.items()]
    source.write_text("{\n" + ",\n".join(rows) + "\n}\n")


if __name__ == "__main__":
    main()
