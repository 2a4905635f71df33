"""New keys for what is stored encrypted: put in front of the ring, then everything is brought to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from callvault.database import transaction
from callvault.errors import CallvaultError
from callvault.home import Home

AT_ONCE = 200


@dataclass(frozen=True)
class Kept:
    """A table's column of secrets, and which ring they lie under."""

    ring: str
    table: str
    key: str


CREDENTIALS = Kept("CREDENTIALS_KEYS", "source_credentials", "account_id")
WEBHOOKS = Kept("WEBHOOK_KEYS", "webhook_secrets", "id")
KEPT = (CREDENTIALS, WEBHOOKS)


@dataclass(frozen=True)
class Rotated:
    """How many secrets were brought to the first key, and how many no key opens."""

    changed: int
    lost: int


def read_ring(name: str, keys: str) -> list[Fernet]:
    """Raises `invalid_keys` where one of them is none."""
    words = [word.strip() for word in keys.split(",") if word.strip()]
    try:
        return [Fernet(word) for word in words]
    except ValueError:
        message = f"{name} holds a key that is none."
        raise CallvaultError("invalid_keys", message, "A key is 32 bytes in URL-safe base64.") from None


async def rotate(home: Home, kept: Kept, keys: str) -> Rotated:
    """Bring the secrets of a table under the ring's first key; those that lie there already stay.

    A secret that a connector changes meanwhile is left as it was written: it is under a key of the ring.
    Raises `invalid_keys` and the database's errors.
    """
    fernets = read_ring(kept.ring, keys)
    ring, changed, lost, place = MultiFernet(fernets), 0, 0, None
    while True:
        async with _rows(home, kept, place) as (connection, rows):
            for key, secret in rows:
                place = key
                if _is_under(fernets[0], secret):
                    continue
                try:
                    new = ring.rotate(secret)
                except InvalidToken:
                    lost += 1
                    continue
                changed += await _replace(connection, kept, key, secret, new)
        if len(rows) < AT_ONCE:
            return Rotated(changed, lost)


@asynccontextmanager
async def _rows(
    home: Home, kept: Kept, place: object
) -> AsyncIterator[tuple[AsyncConnection, list[tuple[object, bytes]]]]:
    """The next rows, in a transaction as the tables' owner."""
    statement = text(
        f"SELECT {kept.key}, secret FROM {kept.table} "
        f"WHERE CAST(:place AS uuid) IS NULL OR {kept.key} > :place ORDER BY {kept.key} LIMIT {AT_ONCE}"
    )
    async with transaction(home) as connection:
        found = await connection.execute(statement, {"place": place})
        yield connection, [(row[0], bytes(row[1])) for row in found]


async def _replace(connection: AsyncConnection, kept: Kept, key: object, old: bytes, new: bytes) -> int:
    statement = text(f"UPDATE {kept.table} SET secret = :new WHERE {kept.key} = :key AND secret = :old")
    return (await connection.execute(statement, {"key": key, "old": old, "new": new})).rowcount


def _is_under(first: Fernet, secret: bytes) -> bool:
    try:
        first.decrypt(secret)
    except InvalidToken:
        return False
    return True
