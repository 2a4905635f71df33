"""The committed speech files, as bytes."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Literal

Kind = Literal["m4a", "mp4"]


@cache
def sound(name: str, kind: Kind) -> bytes:
    """A file of `spoken.json` by name: the sound alone, or with pictures."""
    return (files("sandbox.meetings") / "data" / f"{name}.{kind}").read_bytes()
