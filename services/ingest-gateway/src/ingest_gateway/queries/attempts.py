"""Attempts of browsers that come back from a provider, by the intake role: whose they are says the state."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_SUBMIT = text("""
UPDATE connect_attempts SET status = 'submitted', secret_sealed = :secret
WHERE state_hash = :state_hash AND source_app = :source AND method = 'oauth2' AND status = 'started'
  AND session_hash = ANY(CAST(:session_hashes AS bytea[])) AND expires_at > now()
RETURNING id
""")
_REFUSE = text("""
UPDATE connect_attempts SET status = 'failed', reason = :reason, pkce_verifier_sealed = NULL
WHERE state_hash = :state_hash AND source_app = :source AND method = 'oauth2' AND status = 'started'
  AND session_hash = ANY(CAST(:session_hashes AS bytea[])) AND expires_at > now()
RETURNING id
""")
_STATE = text("""
SELECT status, expires_at <= now() AS is_over, session_hash = ANY(CAST(:session_hashes AS bytea[])) AS is_bound
FROM connect_attempts WHERE state_hash = :state_hash AND source_app = :source
""")


@dataclass(frozen=True)
class Returned:
    """A browser that comes back from a provider: the state it brings, and what it may be bound to."""

    source: str
    state_hash: bytes
    session_hashes: list[bytes]


async def submit_code(connection: AsyncConnection, *, returned: Returned, secret: bytes) -> UUID | None:
    """Store the sealed code with its attempt, once. None where there is no such attempt to be used."""
    attempt: UUID | None = await connection.scalar(_SUBMIT, {**returned.__dict__, "secret": secret})
    return attempt


async def refuse_attempt(connection: AsyncConnection, *, returned: Returned, reason: str) -> UUID | None:
    """The provider said no. None where there is no such attempt to be used."""
    attempt: UUID | None = await connection.scalar(_REFUSE, {**returned.__dict__, "reason": reason})
    return attempt


async def find_why_not(connection: AsyncConnection, *, returned: Returned) -> str:
    """Why an attempt cannot be used, as a code."""
    row = (await connection.execute(_STATE, returned.__dict__)).one_or_none()
    if row is None:
        return "unknown_attempt"
    if not row.is_bound:
        return "other_browser"
    return "attempt_expired" if row.is_over else "attempt_used"
