"""What a world knows of Zoom besides meetings and tokens."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any


@dataclass
class PageToken:
    """Where a list goes on, and until when that is known."""

    user: str
    query: str
    offset: int
    expires: float


@dataclass
class FileToken:
    """A download_token or download_access_token: opens the files of one meeting."""

    meeting: str
    user: str
    expires: float


@dataclass
class Hook:
    """Where the app's events go. `valid` is what the last challenge said; `pauses` went before later ones."""

    url: str
    secret: str
    valid: bool = False
    challenges: int = 0
    pauses: list[float] = field(default_factory=list)  # seconds
    task: asyncio.Task[Any] | None = None


@dataclass
class ZoomState:
    """Tokens by value; one hook, as an app has one endpoint."""

    pages: dict[str, PageToken] = field(default_factory=dict)
    files: dict[str, FileToken] = field(default_factory=dict)
    links: dict[str, tuple[str, str, float]] = field(default_factory=dict)  # (meeting uuid, file id, until)
    hook: Hook | None = None
    owners: dict[str, str] = field(default_factory=dict)  # meeting uuid by file id

    def owner_of(self, token: str) -> str | None:
        """Whose meeting a file token opens."""
        found = self.files.get(token)
        return found.user if found else None
