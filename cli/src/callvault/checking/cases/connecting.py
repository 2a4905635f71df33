"""Connecting, and losing the connection."""

from __future__ import annotations

from callvault.checking.case import Trial, case, require
from callvault.checking.cases.steps import connected, has_once
from callvault.checking.visitor import Unmet, until

_ACCOUNT = (
    "Look at `account`: it asks the provider who has been connected and answers Account(id=..., email=...)."
)


@case("connect", "A user connects, and the first sync begins by itself", "accounts", advice=_ACCOUNT)
async def _connects(trial: Trial) -> None:
    async with connected(trial) as visitor:
        email = (await visitor.status())["email"]
        require(email in (None, visitor.account.owner.email), f"the card shows the e-mail {email!r}")
        await has_once(trial, visitor, visitor.account.calls)


@case(
    "key", "A key connects, too", "key",
    advice="Look at api_key_header in the manifest: it names the header that takes the key.",
)  # fmt: skip
async def _connects_by_key(trial: Trial) -> None:
    async with trial.visiting() as visitor:
        visitor.account.add(2)
        await visitor.connect(key=visitor.account.api_key)
        await visitor.first_sync()
        await has_once(trial, visitor, visitor.account.calls)


@case(
    "wrong-key", "A key that the provider refuses is refused at once", "key",
    advice="`account` must ask something that needs the key, and let the errors of `http` pass.",
)  # fmt: skip
async def _wrong_key(trial: Trial) -> None:
    async with trial.visiting() as visitor:
        try:
            await visitor.connect(key="key-that-nobody-gave")
        except Unmet as refused:
            require("connecting failed" in str(refused), str(refused))
        else:
            raise Unmet("a key that nobody gave was connected")


@case(
    "withdrawn", "Where the provider no longer lets us in, the card asks for a reconnection", "accounts",
    advice="Let a 401 pass: `http` renews the token once, and then says ReconnectNeeded by itself.", slow=True,
)  # fmt: skip
async def _withdrawn(trial: Trial) -> None:
    async with connected(trial) as visitor:
        visitor.account.withdraw()
        await visitor.begin_sync()

        async def asks() -> bool:
            return bool((await visitor.status())["reason"] == "reconnect_needed")

        await until(asks, "the card did not ask for a reconnection")
