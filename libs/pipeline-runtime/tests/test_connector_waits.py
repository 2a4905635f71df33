"""However a provider says how long to wait, it is understood."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline_runtime.connectors.waits import LONGEST_WAIT, wanted_wait

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
SAID = {
    "seconds": ({"retry-after": "7"}, 7.0),
    "fractions": ({"retry-after": "1.5"}, 1.5),
    "an HTTP date": ({"retry-after": "Fri, 20 Nov 2026 12:00:30 GMT"}, 30.0),
    "an ISO date": ({"retry-after": "2026-11-20T12:01:00Z"}, 60.0),
    "an ISO date without a zone": ({"retry-after": "2026-11-20T12:00:10"}, 10.0),
    "a moment since the epoch": ({"x-ratelimit-reset": str(NOW.timestamp() + 12)}, 12.0),
    "what is left of the window": ({"ratelimit-reset": "4"}, 4.0),
    "the past": ({"retry-after": "Fri, 20 Nov 2026 11:00:00 GMT"}, 0.0),
    "more than a day": ({"retry-after": "999999"}, LONGEST_WAIT),
    "nothing": ({}, None),
    "nonsense": ({"retry-after": "soon"}, None),
    "nonsense first": ({"retry-after": "soon", "ratelimit-reset": "3"}, 3.0),
    "less than nothing": ({"retry-after": "-5"}, None),
    "no number": ({"retry-after": "nan"}, None),
}


@pytest.mark.parametrize("said", SAID)
def test_a_wait_may_be_said_as(said: str) -> None:
    headers, seconds = SAID[said]
    assert wanted_wait(headers, NOW) == (None if seconds is None else pytest.approx(seconds))
