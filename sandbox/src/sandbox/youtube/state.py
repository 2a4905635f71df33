"""What a world knows of YouTube besides its videos."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class YouTubeState:
    """`refused` counts blocked calls; `playlists` are made by admin calls besides the one of all videos."""

    refused: int = 0
    playlists: dict[str, list[str]] = field(default_factory=dict)
