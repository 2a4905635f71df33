"""Who somebody is. By the intake role, which is asked before a user is known, but where it says otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

_LOCAL = text("""
SELECT id, email, plan, password_hash FROM users WHERE email = :email AND external_subject IS NULL
""")
_EXTERNAL = text("SELECT id, email FROM users WHERE external_subject = :subject")
_SET_EMAIL = text("UPDATE users SET email = :email WHERE id = :user")
_USER = text("SELECT id, email, plan FROM users WHERE id = :user")
_HOLDER = text("""
SELECT id, user_id, last_used_at IS NULL OR last_used_at < now() - interval '1 minute' AS is_stale
FROM api_tokens WHERE token_hash = :digest AND kind = :kind AND (expires_at IS NULL OR expires_at > now())
""")
_USED = text("UPDATE api_tokens SET last_used_at = now() WHERE id = :id")
_DROP_SESSION = text("DELETE FROM api_tokens WHERE token_hash = :digest AND kind = 'session'")
_DROP_EXPIRED = text("DELETE FROM api_tokens WHERE expires_at < now()")
_ME = text("""
SELECT u.id, u.email, u.plan, b.id AS bank_id, v.id AS vault_id
FROM users u JOIN banks b ON b.personal_of = u.id JOIN vaults v ON v.personal_of = u.id
WHERE u.id = :user
""")
_USAGE = text("""
SELECT u.plan, this_month() AS month, (this_month() + interval '1 month')::date AS next_month,
    CASE WHEN p.monthly_imports IS NOT NULL THEN coalesce(i.used, 0)
         ELSE (SELECT count(*) FROM recordings r WHERE r.owner_user_id = u.id
               AND r.created_at >= CAST(this_month() AS timestamp) AT TIME ZONE 'UTC') END AS used,
    p.monthly_imports,
    (SELECT count(DISTINCT (o.source_app, o.external_id)) FROM sync_job_items o
     WHERE o.owner_user_id = u.id AND o.status = 'found') AS pending
FROM users u JOIN plans p ON p.name = u.plan
LEFT JOIN import_usage i ON i.owner_user_id = u.id AND i.month = this_month()
WHERE u.id = :user
""")


@dataclass(frozen=True)
class LocalUser:
    """A user who signs in here. The hash is None where nobody has set a password."""

    id: UUID
    email: str
    plan: str
    password_hash: str | None


@dataclass(frozen=True)
class Usage:
    """A month of imports; `monthly_imports` is None without a limit. Months are those of UTC.

    `pending` calls are being imported and not counted yet.
    """

    plan: str
    month: date
    next_month: date
    used: int
    monthly_imports: int | None
    pending: int


async def find_local_user(connection: AsyncConnection, *, email: str) -> LocalUser | None:
    """By e-mail address, as `clean_email` writes it."""
    row = (await connection.execute(_LOCAL, {"email": email})).one_or_none()
    return LocalUser(**row._mapping) if row else None


async def find_user(connection: AsyncConnection, *, user: UUID) -> RowMapping | None:
    """Id, email and plan."""
    return (await connection.execute(_USER, {"user": user})).mappings().one_or_none()


async def find_external_user(connection: AsyncConnection, *, subject: str) -> tuple[UUID, str] | None:
    """Id and email of the user behind an outside identity."""
    row = (await connection.execute(_EXTERNAL, {"subject": subject})).one_or_none()
    return (row.id, row.email) if row else None


async def set_email(connection: AsyncConnection, *, user: UUID, email: str) -> None:
    """The identity provider knows another address by now."""
    await connection.execute(_SET_EMAIL, {"user": user, "email": email})


async def find_token_holder(connection: AsyncConnection, *, digest: bytes, kind: str) -> UUID | None:
    """The user of a token that is valid now. Notes the use, once a minute at most."""
    row = (await connection.execute(_HOLDER, {"digest": digest, "kind": kind})).one_or_none()
    if row is None:
        return None
    if row.is_stale:
        await connection.execute(_USED, {"id": row.id})
    return UUID(str(row.user_id))


async def drop_session(connection: AsyncConnection, *, digest: bytes) -> None:
    """Sign out."""
    await connection.execute(_DROP_SESSION, {"digest": digest})


async def drop_expired_tokens(connection: AsyncConnection) -> int:
    """Sessions and tokens that nobody can use any more; answers how many there were."""
    return (await connection.execute(_DROP_EXPIRED)).rowcount


async def find_me(connection: AsyncConnection, *, user: UUID) -> dict[str, Any]:
    """By the web role: the user with the personal bank and vault."""
    return dict((await connection.execute(_ME, {"user": user})).mappings().one())


async def find_usage(connection: AsyncConnection, *, user: UUID) -> Usage:
    """By the web role: this month's imports."""
    return Usage(**(await connection.execute(_USAGE, {"user": user})).mappings().one())
