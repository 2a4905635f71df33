"""Webhooks: whose signature is right, and what comes twice, late, or in another order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from callvault.checking.case import Trial, case, require
from callvault.checking.cases.steps import again, connected, has_once
from callvault.checking.signing import Flaw
from callvault.checking.visitor import Unmet, Visitor, until
from callvault.provider import Call

_SCHEME = "Look at the manifest's webhook: the scheme says which headers sign what."
_NOTICE = "Look at `webhook`: it answers Notice(items=...) with the same external_id as the listing."


@asynccontextmanager
async def _listening(trial: Trial) -> AsyncIterator[Visitor]:
    """A connected user whose webhook is set up."""
    async with connected(trial, 2) as visitor:
        await visitor.pushed_to()
        yield visitor


def _new_call(visitor: Visitor, *, is_listed: bool = True) -> Call:
    call = visitor.account.add(1)[0]
    if not is_listed:
        visitor.account.unlisted.add(call.number)
    return call


def _body(trial: Trial, call: Call) -> Any:
    if trial.stand_in.provider.pushed is None:
        raise Unmet("tests/provider.py does not say what is pushed")
    return trial.stand_in.provider.pushed(call)


async def _taken(trial: Trial, visitor: Visitor, call: Call) -> None:
    """Deliver, and see the call arrive."""
    answer = await visitor.deliver(_body(trial, call))
    require(answer.is_success, f"the gateway answered {answer.status_code} to a good signature")
    await _arrived(trial, visitor, call)


async def _arrived(trial: Trial, visitor: Visitor, call: Call) -> None:
    async def there() -> bool:
        return trial.stand_in.provider.id(call) in {row["external_id"] for row in await visitor.library()}

    await until(there, "the pushed call did not arrive")


async def _pushes_ended(visitor: Visitor, count: int) -> None:
    async def over() -> bool:
        ended = [job for job in await visitor.jobs("webhook") if job["ended_at"]]
        return len(ended) >= count

    await until(over, f"{count} deliveries did not lead to as many jobs")


@case("pushed", "A webhook brings its call at once", "webhook", advice=_NOTICE)
async def _pushed(trial: Trial) -> None:
    async with _listening(trial) as visitor:
        await _taken(trial, visitor, _new_call(visitor))
        await has_once(trial, visitor, visitor.account.calls)


def _refusal_of(name: str, flaw: Flaw, sentence: str) -> None:
    @case(f"signature-{name}", sentence, "webhook", advice=_SCHEME)
    async def refused(trial: Trial) -> None:
        async with _listening(trial) as visitor:
            call = _new_call(visitor, is_listed=False)
            answer = await visitor.deliver(_body(trial, call), flaw)
            require(answer.status_code == 401, f"the gateway answered {answer.status_code}, not 401")
            await again(visitor)
            known = [one for one in visitor.account.calls if one != call]
            await has_once(trial, visitor, known)


_refusal_of("bad", "wrong", "A webhook signed with another secret is refused")
_refusal_of("stale", "stale", "A webhook that was signed an hour ago is refused")
_refusal_of("malformed", "malformed", "A webhook with a malformed signature is refused")
_refusal_of("missing", "missing", "A webhook without a signature is refused")


@case("replay", "The same delivery twice is one job", "webhook", advice=_SCHEME)
async def _replay(trial: Trial) -> None:
    async with _listening(trial) as visitor:
        call = _new_call(visitor)
        raw, headers = visitor.signed(_body(trial, call))
        answers = [await visitor.post(raw, headers) for _ in range(2)]
        require(all(answer.is_success for answer in answers), f"the gateway answered {answers[-1].status_code}")
        await _arrived(trial, visitor, call)
        await again(visitor)
        jobs = await visitor.jobs("webhook")
        require(len(jobs) == 1, f"there are {len(jobs)} jobs")
        await has_once(trial, visitor, visitor.account.calls)


@case("duplicates", "Several deliveries of one call import it once", "webhook", advice=_NOTICE)
async def _duplicates(trial: Trial) -> None:
    async with _listening(trial) as visitor:
        call = _new_call(visitor)
        for _ in range(3):
            await visitor.deliver(_body(trial, call))
        await _arrived(trial, visitor, call)
        await _pushes_ended(visitor, 1)
        await again(visitor)
        await has_once(trial, visitor, visitor.account.calls)


@case(
    "order", "Deliveries before the listing shows a call, after it, and the later call first, change nothing",
    "webhook", advice=_NOTICE,
)  # fmt: skip
async def _order(trial: Trial) -> None:
    async with _listening(trial) as visitor:
        early, late = visitor.account.add(2)
        visitor.account.unlisted |= {early.number, late.number}
        await _taken(trial, visitor, late)
        await _taken(trial, visitor, early)
        visitor.account.unlisted.clear()
        await again(visitor)
        listed_first = _new_call(visitor)
        await again(visitor)
        await visitor.deliver(_body(trial, listed_first))
        await _pushes_ended(visitor, 3)
        await has_once(trial, visitor, visitor.account.calls)


@case("odd-webhook", "A webhook that says something else does no harm", "webhook",
      advice="`webhook` answers Notice() to events that it does not know.")  # fmt: skip
async def _odd(trial: Trial) -> None:
    async with _listening(trial) as visitor:
        for body in ({"event": "something.else"}, {}):
            answer = await visitor.deliver(body)
            require(answer.is_success, f"the gateway answered {answer.status_code}")
        await _taken(trial, visitor, _new_call(visitor))
        await has_once(trial, visitor, visitor.account.calls)
