"""Tokens that run out, and that are replaced by others at each refresh."""

from __future__ import annotations

from collections import Counter

from callvault.checking.case import Trial, case, require
from callvault.checking.cases.steps import again, connected, has_once

_ADVICE = "Leave tokens to the kit: no Authorization of your own, and let a 401 pass."


@case("expiry", "A token that expires in the middle of a sync is renewed once, and the sync goes on", "oauth",
      advice=_ADVICE)  # fmt: skip
async def _expiry(trial: Trial) -> None:
    async with connected(trial) as visitor:
        visitor.account.add(24)
        before = visitor.account.asked("token")
        visitor.account.then.append(("list", visitor.account.expire))
        await again(visitor)
        await has_once(trial, visitor, visitor.account.calls)
        asked = visitor.account.asked("token") - before
        require(asked == 1, f"the token was renewed {asked} times")


@case("rotation", "Each refresh token is used once, and the next one is kept", "oauth", advice=_ADVICE)
async def _rotation(trial: Trial) -> None:
    async with connected(trial) as visitor:
        for _ in range(3):
            visitor.account.expire()
            visitor.account.add(1)
            await again(visitor)
        twice = [count for count in Counter(visitor.account.spent).values() if count > 1]
        require(not twice, "a refresh token was used twice")
        require(len(visitor.account.spent) == 3, f"{len(visitor.account.spent)} refreshes, not 3")
        await has_once(trial, visitor, visitor.account.calls)
