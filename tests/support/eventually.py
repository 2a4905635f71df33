"""Ask until there is an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    probe: Callable[[], Awaitable[T | None]], *, within: float = 15.0, every: float = 0.05
) -> T:
    """The first answer of `probe` that is neither None nor False. Raises TimeoutError with the last one."""
    last: T | None = None
    try:
        async with asyncio.timeout(within):
            while True:
                last = await probe()
                if last is not None and last is not False:
                    return last
                await asyncio.sleep(every)
    except TimeoutError:
        raise TimeoutError(f"no answer within {within} s; the last was {last!r}") from None
