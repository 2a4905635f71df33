"""MPEG audio frames, as far as it takes to tell an MP3 from anything else and to see how long it
says it is. No decoding.
"""

from __future__ import annotations

from typing import BinaryIO

_SEARCHED = 64 * 1024  # bytes after the tag in which the first frame must begin
_IN_A_ROW = 3  # frames that must follow each other: a single header occurs in any random bytes
_KBITS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def frame_length(header: bytes) -> int | None:
    """Bytes of the Layer III frame that begins with these four bytes; None where none does."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    bits, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer != 1 or bits in (0, 15) or rate == 3:
        return None
    kbits = (_KBITS_1 if version == 3 else _KBITS_2)[bits]
    slots = 144 if version == 3 else 72
    return slots * kbits * 1000 // _RATES[version][rate] + padding


def find_first_frame(file: BinaryIO) -> int | None:
    """Where the first MP3 frame begins; None where the file is no MP3."""
    start = tag_end(file)
    file.seek(start)
    data = file.read(_SEARCHED)
    offset = data.find(b"\xff")
    while offset >= 0:
        if _is_a_row_of_frames(data, offset):
            return start + offset
        offset = data.find(b"\xff", offset + 1)
    return None


def promised_size(file: BinaryIO, _size: int) -> int | None:
    """Where the frames end by the Xing or Info header; None where there is none."""
    start = find_first_frame(file)
    if start is None:
        return None
    file.seek(start)
    frame = file.read(200)
    mark = max(frame.find(b"Xing"), frame.find(b"Info"))
    if mark < 0:
        return None
    flags, at = frame[mark + 7], mark + 8 + (4 if frame[mark + 7] & 1 else 0)
    return start + int.from_bytes(frame[at : at + 4]) if flags & 2 else None


def tag_end(file: BinaryIO) -> int:
    """Where the ID3v2 tag ends; 0 without one. Its size has seven bits to a byte."""
    file.seek(0)
    head = file.read(10)
    if len(head) < 10 or head[:3] != b"ID3":
        return 0
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 0x7F
    return 10 + size


def _is_a_row_of_frames(data: bytes, offset: int) -> bool:
    """Whether frames follow each other from here; two will do where the data end after them."""
    for number in range(_IN_A_ROW):
        if offset >= len(data) - 3:
            return number > 1
        length = frame_length(data[offset : offset + 4])
        if length is None:
            return False
        offset += length
    return True
