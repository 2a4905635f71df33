"""What a world knows of Fathom besides meetings and tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Subscription:
    """A webhook that a user created."""

    id: str
    user: str
    url: str
    secret: str
    created: str
    triggered_for: list[str]
    include: dict[str, bool]

    def shape(self) -> dict[str, Any]:
        """As the API gives it."""
        return {
            "id": self.id, "url": self.url, "secret": self.secret, "created_at": self.created,
            **self.include, "triggered_for": self.triggered_for,
        }  # fmt: skip


@dataclass
class Download:
    """A download that a client asked for, and how often it looked since."""

    id: str
    recording: int
    user: str
    client: str
    polls: int = 0
    expires: float = 0


@dataclass
class FathomState:
    """Subscriptions and downloads by id."""

    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    downloads: dict[str, Download] = field(default_factory=dict)
