"""How long a provider wants us to wait, in whichever way it says so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_WAIT = 24 * 3600.0
_NAMES = ("retry-after", "ratelimit-reset", "x-ratelimit-reset")
_EPOCH = 1_000_000_000
"""A number above this is a time, below it a number of seconds."""


def wanted_wait(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds, of Retry-After and the like: a number, an HTTP date, an ISO date, an epoch. None: not said."""
    now = now or datetime.now(UTC)
    for name in _NAMES:
        if (said := headers.get(name)) and (seconds := _seconds(said.strip(), now)) is not None:
            return min(max(seconds, 0.0), LONGEST_WAIT)
    return None


def _seconds(said: str, now: datetime) -> float | None:
    try:
        number = float(said)
    except ValueError:
        moment = _moment(said)
        return None if moment is None else (moment - now).total_seconds()
    if number != number or number < 0:
        return None
    return number - now.timestamp() if number > _EPOCH else number


def _moment(said: str) -> datetime | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(said)
        except (ValueError, TypeError):
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None
