"""Rate limits, in each form in which providers say how long to wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from callvault.checking.accounts import Account, Fault
from callvault.checking.case import Trial, case, require
from callvault.checking.cases.steps import again, connected, has_once

_WAIT = 2.0
_EARLY = 1.2  # a date of HTTP has no fractions
_ADVICE = "Ask through `http` alone, and let its errors pass: it waits as long as the provider wants."


def _later() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=_WAIT)


_FORMS: dict[str, Callable[[], Mapping[str, str]]] = {
    "seconds": lambda: {"Retry-After": str(int(_WAIT))},
    "http-date": lambda: {"Retry-After": format_datetime(_later(), usegmt=True)},
    "iso-date": lambda: {"Retry-After": _later().isoformat()},
    "reset": lambda: {"RateLimit-Reset": str(int(_WAIT))},
    "epoch": lambda: {"X-RateLimit-Reset": str(int(time.time() + _WAIT))},
}


def _case_of(form: str, sentence: str) -> None:
    @case(f"429-{form}", sentence, "accounts", advice=_ADVICE)
    async def limited(trial: Trial) -> None:
        async with connected(trial) as visitor:
            visitor.account.add(4)
            faults = [Fault(kind, 429, _FORMS[form]) for kind in ("list", "item")]
            visitor.account.faults += faults
            await again(visitor)
            await has_once(trial, visitor, visitor.account.calls)
            require(bool(faults[0].fired), "the listing was not asked for")
            _require_patience(visitor.account, faults)


def _require_patience(account: Account, faults: list[Fault]) -> None:
    """Raises Unmet where an address was asked again before the provider wanted it."""
    for refused in (one for fault in faults for one in fault.fired):
        early = [
            seen for seen in account.seen
            if seen.path == refused.path and seen.status == 200 and 0 < seen.at - refused.at < _WAIT - _EARLY
        ]  # fmt: skip
        require(not early, f"it asked again {early[0].at - refused.at if early else 0:.1f} seconds after a 429")


for _form, _sentence in {
    "seconds": "A 429 that says how many seconds to wait is waited out",
    "http-date": "A 429 that says until when, as an HTTP date, is waited out",
    "iso-date": "A 429 that says until when, as an ISO date, is waited out",
    "reset": "A 429 with RateLimit-Reset in seconds is waited out",
    "epoch": "A 429 with X-RateLimit-Reset as a time of Unix is waited out",
}.items():
    _case_of(_form, _sentence)


@case(
    "429-silent",
    "A 429 that does not say how long to wait costs no call",
    "accounts",
    advice=_ADVICE,
    slow=True,
)
async def _silent(trial: Trial) -> None:
    async with connected(trial) as visitor:
        visitor.account.add(4)
        visitor.account.faults.append(Fault("list", 429))
        job = await visitor.sync(within=80)
        require(job["status"] == "completed", f"the sync ended as {job['status']}: {job['message']}")
        await has_once(trial, visitor, visitor.account.calls)


@case("5xx", "A provider that stumbles costs no call", "accounts", advice=_ADVICE)
async def _stumbles(trial: Trial) -> None:
    async with connected(trial) as visitor:
        visitor.account.add(4)
        visitor.account.faults += [Fault("list", 502), Fault("item", 500, after=1)]
        await again(visitor)
        await has_once(trial, visitor, visitor.account.calls)
