"""A world's clock: the machine's, moved forward by an admin call."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """Tokens, page tokens, links and rate windows live by it; webhook signatures do not."""

    def __init__(self) -> None:
        self.ahead = 0.0  # seconds

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time() + self.ahead

    def moment(self) -> datetime:
        """The same as a date in UTC."""
        return datetime.fromtimestamp(self.now(), UTC)


def iso(moment: datetime) -> str:
    """`2026-11-22T14:05:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
