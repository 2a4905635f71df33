"""What a recording is, by its content and never by its name.

`probe` opens a file with PyAV in a way that is safe for files from strangers: the first bytes
must be those of an accepted type, that type's demuxer is forced (no playlist, no script of
other files is ever followed), only the `file` protocol is open, sizes and streams are limited.
Services that call `probe` declare the package `av` themselves; it is loaded at the first call.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipeline_runtime.containers import Family, Sniffed, sniff
from pipeline_runtime.failures import (
    DAMAGED_FILE,
    NO_AUDIO_TRACK,
    UNSUPPORTED_TYPE,
    ItemProblem,
)

if TYPE_CHECKING:
    from av.container import InputContainer

Container = Literal["mp3", "wav", "m4a", "mp4", "mov", "webm"]

_DEMUXERS: dict[Family, str] = {"mp3": "mp3", "wav": "wav", "iso": "mov", "webm": "matroska"}
_AUDIO_DECODERS = (
    "aac,alac,mp3,mp3float,mp2,mp2float,ac3,eac3,opus,libopus,vorbis,flac,"
    "pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,"
    "pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,pcm_alaw,pcm_mulaw,adpcm_ms,adpcm_ima_wav"
)
_OPTIONS = {
    "protocol_whitelist": "file",
    "probesize": str(5 * 1024 * 1024),
    "max_streams": "32",
    "codec_whitelist": _AUDIO_DECODERS,  # pictures are never decoded
}
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_CLOCKS_DIFFER = timedelta(days=1)
_TYPES: dict[Container, tuple[str, str]] = {
    "mp3": ("audio/mpeg", "audio/mpeg"),
    "wav": ("audio/wav", "audio/wav"),
    "m4a": ("audio/mp4", "audio/mp4"),
    "mp4": ("audio/mp4", "video/mp4"),
    "mov": ("audio/mp4", "video/quicktime"),
    "webm": ("audio/webm", "video/webm"),
}


@dataclass(frozen=True)
class Media:
    """A recording's outside. `duration` in seconds, None where the container does not say it;
    `created_at` aware and in UTC, None unless the container holds a believable one.
    """

    kind: Literal["audio", "video"]
    container: Container
    content_type: str
    duration: float | None
    created_at: datetime | None
    audio_tracks: int


def probe(path: Path) -> Media:
    """Look at a file without decoding it; takes milliseconds, but blocks: call it in a thread.

    Raises ItemProblem: empty_file, not_audio, unsupported_type, truncated_file, damaged_file or
    no_audio_track.
    """
    sniffed = sniff(path)
    with opened(path, sniffed.family) as container:
        audio = container.streams.audio
        if not audio:
            raise ItemProblem(NO_AUDIO_TRACK)
        if all(stream.codec_context is None for stream in audio):
            raise ItemProblem(UNSUPPORTED_TYPE, "Its sound is in a form that is not known here.")
        kind: Literal["audio", "video"] = "video" if _has_pictures(container) else "audio"
        name = _container_name(sniffed, kind)
        return Media(
            kind=kind,
            container=name,
            content_type=_TYPES[name][kind == "video"],
            duration=container.duration / 1_000_000 if container.duration else None,
            created_at=_created_at(container.metadata),
            audio_tracks=len(audio),
        )


@contextmanager
def opened(path: Path, family: Family) -> Iterator[InputContainer]:
    """The file behind its family's demuxer, with the limits that strangers' files need.

    Raises ItemProblem damaged_file where it cannot be opened.
    """
    import av  # here, so that services without audio need not have it

    try:
        container = av.open(
            str(path.resolve()), "r", format=_DEMUXERS[family], options=_OPTIONS, metadata_errors="replace"
        )
    except (av.FFmpegError, ValueError) as error:
        raise ItemProblem(DAMAGED_FILE) from error
    with container:
        yield container


def _has_pictures(container: InputContainer) -> bool:
    """Whether there is a moving picture: the cover of an album is none."""
    import av

    cover = av.stream.Disposition.attached_pic
    return any(not stream.disposition & cover for stream in container.streams.video)


def _container_name(sniffed: Sniffed, kind: str) -> Container:
    if sniffed.family == "iso":
        if sniffed.brand == "qt  ":
            return "mov"
        return "mp4" if kind == "video" else "m4a"
    return sniffed.family


def _created_at(metadata: dict[str, str]) -> datetime | None:
    """The phone's own field first, because it alone has the recorder's clock and zone right."""
    for name in ("com.apple.quicktime.creationdate", "creation_time"):
        found = _believable(metadata.get(name, ""))
        if found:
            return found
    return None


def _believable(text: str) -> datetime | None:
    """The time in UTC; None for epochs that were never set and for the far future."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    return time if _EARLIEST <= time <= datetime.now(UTC) + _CLOCKS_DIFFER else None
