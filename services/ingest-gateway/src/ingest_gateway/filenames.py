"""A file's name: shown to people, never used as a path."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath

from ingest_gateway.problems import INVALID_FILENAME

LONGEST = 255
LONGEST_TITLE = 1000
UNNAMED = "recording"
_CONTROLS = {"Cc", "Cs", "Zl", "Zp"}
# Marks that turn the direction of writing: some exports put them in, and they can make one name look
# like another. They are left out.
_TURNING = dict.fromkeys((0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))


def clean_filename(raw: bytes) -> str:
    """The name as it is shown, at most 255 characters with its ending kept; `recording` where it is empty.

    Raises invalid_filename for one with path separators or control characters.
    """
    name = raw.decode("utf-8", "replace").translate(_TURNING).replace("%22", '"')
    name = unicodedata.normalize("NFC", name).strip(" ")
    if name in (".", "..") or any(_is_unsafe(character) for character in name):
        raise INVALID_FILENAME.error()
    if len(name) > LONGEST:
        suffix = PurePosixPath(name).suffix[:16]
        name = name[: LONGEST - len(suffix)] + suffix
    return name or UNNAMED


def _is_unsafe(character: str) -> bool:
    return character in "/\\" or unicodedata.category(character) in _CONTROLS


def title_of(filename: str) -> str:
    """A title for a file that was given none: its name without the ending."""
    return PurePosixPath(filename).stem.strip() or filename


def clean_title(text: str) -> str:
    """One line, at most 1000 characters; control characters become spaces."""
    spaced = "".join(" " if unicodedata.category(one) in _CONTROLS else one for one in text)
    return " ".join(unicodedata.normalize("NFC", spaced).split())[:LONGEST_TITLE]
