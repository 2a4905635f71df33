"""What kind of file this is, by its first bytes, and whether all of it is there.

Nothing here decodes anything or loads a media library: a few reads at known places, so that a
wrong file is refused before a demuxer sees it. Sizes in bytes. Raises ItemProblem.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from pipeline_runtime.failures import (
    EMPTY_FILE,
    NOT_AUDIO,
    TRUNCATED_FILE,
    UNSUPPORTED_TYPE,
    ItemProblem,
)
from pipeline_runtime.mpeg import find_first_frame, promised_size, tag_end

Family = Literal["mp3", "wav", "iso", "webm"]
"""Which demuxer reads the file. `iso` is MP4 with its relatives M4A and MOV."""

HEAD = 64 * 1024  # bytes that are looked at to tell what a file is
CLEARLY = 0.01  # share of the promised bytes whose absence makes a file truncated

_OTHER_MEDIA: tuple[tuple[int, bytes, str], ...] = (
    (0, b"OggS", "Ogg"),
    (0, b"fLaC", "FLAC"),
    (0, b"FORM", "AIFF"),
    (0, b"#!AMR", "AMR"),
    (0, b"caff", "Core Audio"),
    (0, b"FLV\x01", "Flash video"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media"),
    (0, b"\x00\x00\x01\xba", "MPEG program stream"),
    (0, b"\x00\x00\x01\xb3", "MPEG video"),
    (8, b"AVI ", "AVI"),
)
_IMAGE_BRANDS = {b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis", b"crx "}
_QUICKTIME_BOXES = {b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}
_BOXES = _QUICKTIME_BOXES | set(b"ftyp moof mfra sidx ssix styp prft emsg uuid meta udta pdin bloc".split())


@dataclass(frozen=True)
class Sniffed:
    """What the first bytes say. `brand` is that of an ISO file: `M4A `, `isom`, `qt  `."""

    family: Family
    brand: str = ""


def sniff(path: Path) -> Sniffed:
    """The file's family by its content, whatever its name says; the file is known to be complete
    as far as its container says how long it is.

    Raises empty_file, not_audio, unsupported_type or truncated_file.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            raise ItemProblem(EMPTY_FILE)
        head = file.read(HEAD)
        found = _family(head, file)
        _check_completeness(found.family, file, size)
    return found


def sniff_beginning(path: Path) -> Sniffed | None:
    """The family of a file that has come in part; None while there is too little of it to tell.

    Raises not_audio or unsupported_type.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
        if len(head) < HEAD or tag_end(file) + HEAD > os.fstat(file.fileno()).st_size:
            return None
        return _family(head, file)


def _family(head: bytes, file: BinaryIO) -> Sniffed:
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return Sniffed("wav")
    if head[4:8] == b"ftyp":
        return _iso_family(head[8:12])
    if head[4:8] in _QUICKTIME_BOXES and head[0] < 0x20:  # QuickTime before there were brands, no text
        return Sniffed("iso", "qt  ")
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return _webm_family(head)
    for offset, magic, name in _OTHER_MEDIA:
        if head[offset : offset + len(magic)] == magic:
            raise ItemProblem(UNSUPPORTED_TYPE, f"This file is {name}.")
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        raise ItemProblem(UNSUPPORTED_TYPE, "This file is AAC without a container.")
    if find_first_frame(file) is not None:
        return Sniffed("mp3")
    raise ItemProblem(NOT_AUDIO)


def _iso_family(brand: bytes) -> Sniffed:
    if brand in _IMAGE_BRANDS:
        raise ItemProblem(NOT_AUDIO, "It is a picture.")
    return Sniffed("iso", brand.decode("ascii", "replace"))


def _webm_family(head: bytes) -> Sniffed:
    """The EBML header's DocType tells WebM from the rest of Matroska."""
    doctype = head.find(b"\x42\x82", 4, 64)
    if doctype < 0:
        raise ItemProblem(NOT_AUDIO)
    name = head[doctype + 3 : doctype + 3 + (head[doctype + 2] & 0x7F)].rstrip(b"\0")
    if name != b"webm":
        raise ItemProblem(UNSUPPORTED_TYPE, "This file is Matroska.")
    return Sniffed("webm")


def _check_completeness(family: Family, file: BinaryIO, size: int) -> None:
    promised = {"mp3": promised_size, "wav": _wav_size, "iso": _iso_size, "webm": _webm_size}[family]
    expected = promised(file, size)
    if expected is not None and expected - size > max(expected * CLEARLY, 512):
        raise ItemProblem(TRUNCATED_FILE)


def _wav_size(file: BinaryIO, size: int) -> int | None:
    """Where the samples end by the `data` chunk; None where a recorder left the size open."""
    file.seek(12)
    while len(header := file.read(8)) == 8:
        name, length = struct.unpack("<4sI", header)
        if name == b"data":
            is_open = length == 0 or length >= 0x7FFF_0000  # what streaming writers leave there
            return None if is_open else file.tell() + length
        file.seek(length + length % 2, os.SEEK_CUR)
    return size + HEAD  # not even the samples' chunk begins: all of it is missing


def _iso_size(file: BinaryIO, size: int) -> int | None:
    """Where the last box ends. An index that never comes counts as missing too."""
    end, names = 0, set()
    for name, end in _iso_boxes(file, size):  # noqa: B007  the last one is wanted
        names.add(name)
    return end if b"moov" in names else max(end, size) * 2 + HEAD


def _iso_boxes(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    """Name and end of each box on the top level, until what comes is none or the file ends."""
    offset = 0
    while offset + 8 <= size:
        file.seek(offset)
        length, name = struct.unpack(">I4s", file.read(8))
        if length == 1:
            length = int.from_bytes(file.read(8))
        elif length == 0:  # "up to the end of the file"
            length = size - offset
        if length < 8 or name not in _BOXES:
            return
        offset += length
        yield name, offset


def _webm_size(file: BinaryIO, _size: int) -> int | None:
    """Where the segment ends; None where it was left open, as browsers' recorders do."""
    file.seek(4)
    header = _ebml_length(file)
    if header is None:
        return None
    file.seek(header, os.SEEK_CUR)
    if file.read(4) != b"\x18\x53\x80\x67":
        return None
    length = _ebml_length(file)
    return None if length is None else file.tell() + length


def _ebml_length(file: BinaryIO) -> int | None:
    """A variable-length number; None where it says "unknown" or is none."""
    first = file.read(1)
    if not first or first[0] == 0:
        return None
    width = 9 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] & (0xFF >> width)]) + file.read(width - 1))
    return None if value == (1 << (7 * width)) - 1 else value
