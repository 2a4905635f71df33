"""Rate windows: so many calls in so many seconds, counted per key."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Hit:
    """One counted call. `reset` is the number of seconds left in the window."""

    allowed: bool
    limit: int
    remaining: int
    reset: float


class Windows:
    """Fixed windows that begin with their first call."""

    def __init__(self) -> None:
        self._windows: dict[str, tuple[float, int]] = {}

    def hit(self, key: str, limit: int, seconds: float, now: float, calls: int = 1) -> Hit:
        """Count a call; one that is refused is not counted. With no `calls`, only look."""
        began, used = self._windows.get(key, (now, 0))
        if now - began >= seconds:
            began, used = now, 0
        allowed = used + calls <= limit
        used += calls * allowed
        if calls:
            self._windows[key] = (began, used)
        return Hit(allowed, limit, max(limit - used, 0), began + seconds - now)

    def fill(self, key: str, calls: int, now: float) -> None:
        """Calls that somebody else made in this window."""
        began, used = self._windows.get(key, (now, 0))
        self._windows[key] = (began, used + calls)

    def clear(self) -> None:
        """Every window begins anew."""
        self._windows.clear()
