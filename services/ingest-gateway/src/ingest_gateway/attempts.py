"""How often somebody may try a password: by address, by e-mail, and by both together.

Counted in this process: several replicas allow as many times more, which still stops guessing.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable

from ingest_gateway.problems import TOO_MANY_ATTEMPTS

WINDOW_SECONDS = 15 * 60.0
OF_ONE_PAIR = 10
OF_ONE_ADDRESS = 100
OF_ONE_EMAIL = 100
KEPT = 50_000  # keys; the longest unused are forgotten first


class Attempts:
    """The failed attempts of the last minutes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def begin(self, address: str, email: str) -> None:
        """Count an attempt before it is made, so that many at once are seen. Raises too_many_attempts."""
        now = self._clock()
        limits = self._limits(address, email)
        for key, limit in limits.items():
            times = self._recent(key, now)
            if len(times) >= limit:
                wait = int(times[0] + WINDOW_SECONDS - now) + 1
                raise TOO_MANY_ATTEMPTS.error(headers={"Retry-After": str(wait)})
        for key in limits:
            self._recent(key, now).append(now)

    def forget(self, address: str, email: str) -> None:
        """It was the right password: this pair starts afresh, the others lose one attempt."""
        pair, *others = self._limits(address, email)
        self._times.pop(pair, None)
        for key in others:
            if times := self._times.get(key):
                times.pop()

    @staticmethod
    def _limits(address: str, email: str) -> dict[str, int]:
        return {
            f"pair {address} {email}": OF_ONE_PAIR,
            f"address {address}": OF_ONE_ADDRESS,
            f"email {email}": OF_ONE_EMAIL,
        }

    def _recent(self, key: str, now: float) -> deque[float]:
        times = self._times.setdefault(key, deque())
        self._times.move_to_end(key)
        while times and times[0] <= now - WINDOW_SECONDS:
            times.popleft()
        if len(self._times) > KEPT:
            self._times.popitem(last=False)
        return times
