"""Recordings in every accepted form, made from kept speech when a test wants them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

RATE = 16_000
Samples = np.ndarray[Any, np.dtype[np.int16]]


@dataclass(frozen=True)
class Form:
    """A container with a sound in it. `muxer` is libav's name, `options` the encoder's."""

    file: str
    muxer: str
    codec: str
    rate: int = 44_100
    layout: str = "mono"
    options: dict[str, str] = field(default_factory=dict)
    container: dict[str, str] = field(default_factory=dict)
    picture: str | None = None
    bit_rate: int | None = None


_VARIABLE = {"flags": "+qscale", "global_quality": str(118 * 4)}
FORMS = {
    "MP3 at a constant rate": Form("a.mp3", "mp3", "libmp3lame", bit_rate=64_000),
    "MP3 at a variable rate": Form("a.mp3", "mp3", "libmp3lame", layout="stereo", options=_VARIABLE),
    "MP3 without a header of its own": Form(
        "a.mp3", "mp3", "libmp3lame", rate=22_050, container={"write_xing": "0", "id3v2_version": "0"}
    ),
    "MP3 at 8 kHz": Form("a.mp3", "mp3", "libmp3lame", rate=8_000),
    "WAV with 8 bits": Form("a.wav", "wav", "pcm_u8"),
    "WAV with 16 bits": Form("a.wav", "wav", "pcm_s16le", layout="stereo"),
    "WAV with 24 bits": Form("a.wav", "wav", "pcm_s24le", rate=96_000),
    "WAV with 32 bits": Form("a.wav", "wav", "pcm_s32le", rate=48_000),
    "WAV with floats": Form("a.wav", "wav", "pcm_f32le", layout="stereo"),
    "WAV with long floats": Form("a.wav", "wav", "pcm_f64le"),
    "WAV from a telephone": Form("a.wav", "wav", "pcm_mulaw", rate=8_000),
    "WAV of six channels": Form("a.wav", "wav", "pcm_s16le", layout="5.1"),
    "M4A with AAC": Form("a.m4a", "ipod", "aac", layout="stereo"),
    "M4A with its index first": Form("a.m4a", "ipod", "aac", container={"movflags": "faststart"}),
    "M4A with ALAC": Form("a.m4a", "ipod", "alac"),
    "MP4 with its index at the end": Form("a.mp4", "mp4", "aac", picture="mpeg4"),
    "MP4 in fragments": Form("a.mp4", "mp4", "aac", container={"movflags": "frag_keyframe+empty_moov"}),
    "MP4 with Opus": Form("a.mp4", "mp4", "libopus", rate=48_000),
    "MP4 with MP3": Form("a.mp4", "mp4", "libmp3lame", picture="mpeg4"),
    "MOV with AAC": Form("a.mov", "mov", "aac", picture="mpeg4"),
    "MOV with PCM": Form("a.mov", "mov", "pcm_s16be", layout="stereo"),
    "WebM with Opus": Form("a.webm", "webm", "libopus", rate=48_000, layout="stereo"),
    "WebM with Vorbis": Form("a.webm", "webm", "vorbis", layout="stereo", options={"strict": "experimental"}),
    "WebM with Opus that pauses": Form("a.webm", "webm", "libopus", rate=48_000, options={"dtx": "1"}),
    "a wrong ending": Form("a.mp3", "ipod", "aac"),
}


def write(form: Form, samples: Samples, folder: Path) -> Path:
    """The sound as a file of that form."""
    target = folder / form.file
    with av.open(str(target), "w", format=form.muxer, options=form.container) as out:
        sound = _track(out, form)
        picture: Any = out.add_stream(form.picture, rate=5) if form.picture else None
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = 64, 64, "yuv420p"
            _show(out, picture, len(samples) / RATE)
        _say(out, sound, samples)
    return target


def write_tracks(target: Path, tracks: Sequence[Samples], default: int | None) -> Path:
    """A WebM file with several sounds; that one is marked as the default, or none."""
    with av.open(str(target), "w", format="webm", options={"default_mode": "passthrough"}) as out:
        streams = [_track(out, Form("", "webm", "libopus", rate=48_000)) for _ in tracks]
        if default is not None:
            streams[default].disposition = av.stream.Disposition.default
        for stream, samples in zip(streams, tracks, strict=True):
            _say(out, stream, samples)
    return target


def with_cover(mp3: Path) -> Path:
    """The MP3 with the picture of an album in front, in which bytes look like the beginning of sound."""
    picture = b"\xff\xd8\xff\xe0" + b"\xff\xfb\x90\x64" * 20_000 + b"\xff\xd9"
    body = b"\x00image/jpeg\x00\x03\x00" + picture
    frame = b"APIC" + struct.pack(">I", len(body)) + b"\x00\x00" + body
    size = len(frame)
    header = b"ID3\x03\x00\x00" + bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    mp3.write_bytes(header + frame + mp3.read_bytes())
    return mp3


def _track(out: Any, form: Form) -> Any:
    stream = out.add_stream(form.codec, rate=form.rate, layout=form.layout)
    stream.options = form.options
    if form.bit_rate:
        stream.bit_rate = form.bit_rate
    return stream


def _say(out: Any, stream: Any, samples: Samples) -> None:
    context = stream.codec_context
    resampler = av.AudioResampler(
        format=context.format, layout=context.layout, rate=context.rate, frame_size=context.frame_size or 1024
    )
    frame = av.AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
    for made in (*resampler.resample(frame), *resampler.resample(None)):
        out.mux(stream.encode(made))
    out.mux(stream.encode(None))


def _show(out: Any, stream: Any, seconds: float) -> None:
    for number in range(int(seconds * 5)):
        frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), number % 256, dtype=np.uint8), format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, 5)
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def write_bomb(folder: Path, samples: Samples, times: int) -> Path:
    """A file whose index names the same few bytes of sound over and over: 4 bytes for each half second."""
    source = write(Form("once.m4a", "ipod", "alac", rate=8_000), samples, folder)
    data = source.read_bytes()
    index = data.index(b"moov") - 4
    with av.open(str(source)) as container:
        packet = next(iter(container.demux(audio=0)))
        offset, size = packet.pos, packet.size
    table = {
        b"stts": struct.pack(">IIII", 0, 1, times, 4096),
        b"stsz": struct.pack(">III", 0, size, times),
        b"stsc": struct.pack(">IIIII", 0, 1, 1, 1, 1),
        b"stco": struct.pack(">II", 0, times) + struct.pack(">I", offset) * times,
    }
    bomb = folder / "bomb.m4a"
    bomb.write_bytes(data[:index] + _replaced(data[index:], table))
    return bomb


def _replaced(boxes: bytes, table: dict[bytes, bytes]) -> bytes:
    """The boxes with other contents for some of them, at any depth."""
    out = b""
    while boxes:
        size, name = struct.unpack(">I4s", boxes[:8])
        body, boxes = boxes[8:size], boxes[size:]
        if name in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
            body = _replaced(body, table)
        body = table.get(name, body)
        name = b"free" if name == b"edts" else name  # it would end the sound where it ended before
        out += struct.pack(">I4s", len(body) + 8, name) + body
    return out
