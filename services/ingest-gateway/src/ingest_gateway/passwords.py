"""Passwords are hashed and checked beside the event loop, a few at a time: each takes 64 MB for a while."""

from __future__ import annotations

import asyncio
from functools import cache

from pipeline_runtime.people import hash_password, password_matches

AT_ONCE = 2


class Passwords:
    """Argon2 in threads. Its semaphore belongs to the loop that uses it first."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(AT_ONCE)

    async def hash(self, password: str) -> str:
        """Raises PersonError invalid_password for one too short or too long."""
        async with self._room:
            return await asyncio.to_thread(hash_password, password)

    async def matches(self, password_hash: str | None, password: str) -> bool:
        """Whether it is the password. Takes as long where there is no such user."""
        async with self._room:
            return await asyncio.to_thread(_matches, password_hash, password)


def _matches(password_hash: str | None, password: str) -> bool:
    return password_matches(password_hash or _nobodys(), password) and password_hash is not None


@cache
def _nobodys() -> str:
    return hash_password("a password that nobody has")
