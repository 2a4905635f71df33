"""People: a user with a personal bank and vault, passwords, API tokens. One way for sign-up and command."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import datetime
from typing import Literal
from uuid import UUID, uuid4

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

TOKEN_PREFIX = "cv_"  # noqa: S105 - lets people and scanners know one when they see it
MIN_PASSWORD = 10
MAX_PASSWORD = 256
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+")
_MAX_EMAIL = 320
_hasher = PasswordHasher()

_ADD_USER = text("""
    INSERT INTO users (id, email, password_hash, external_subject, plan)
    VALUES (:id, :email, :password_hash, :external_subject, :plan)
    ON CONFLICT DO NOTHING RETURNING id
""")
_ADD_HOME = (
    text("INSERT INTO banks (id, name, personal_of) VALUES (:bank, 'Personal', :user)"),
    text("INSERT INTO bank_memberships (bank_id, user_id, role) VALUES (:bank, :user, 'owner')"),
    text("INSERT INTO vaults (id, bank_id, name, personal_of) VALUES (:vault, :bank, 'Personal', :user)"),
)
_ADD_TOKEN = text("""
    INSERT INTO api_tokens (id, user_id, kind, name, token_hash, expires_at)
    VALUES (:id, :user, :kind, :name, :token_hash, :expires_at)
""")


class PersonError(ValueError):
    """What is wrong with a person's data: a stable slug, and a sentence for them."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def clean_email(email: str) -> str:
    """The address in the one form that is stored. Raises PersonError `invalid_email`."""
    cleaned = email.strip().lower()
    if len(cleaned) > _MAX_EMAIL or not _EMAIL.fullmatch(cleaned):
        raise PersonError("invalid_email", "This is not an e-mail address.")
    return cleaned


def hash_password(password: str) -> str:
    """The argon2id hash. Takes tens of milliseconds of CPU. Raises PersonError `invalid_password`."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise PersonError(
            "invalid_password", f"A password has between {MIN_PASSWORD} and {MAX_PASSWORD} characters."
        )
    return _hasher.hash(password)


def password_matches(password_hash: str, password: str) -> bool:
    """Whether this is the password. As slow as hashing, so that guessing is."""
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def new_token() -> str:
    """A fresh API token of 32 random bytes."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def token_digest(token: str) -> bytes:
    """What is stored of a token. It is random: a plain SHA-256 cannot be guessed back."""
    return hashlib.sha256(token.encode()).digest()


async def add_user(
    connection: AsyncConnection,
    email: str,
    *,
    password_hash: str | None = None,
    external_subject: str | None = None,
    plan: str = "free",
) -> UUID:
    """Add a user with a personal bank and vault, in the caller's transaction; answers the user's id.

    The role is callvault_intake or the owner. Raises PersonError `invalid_email`, or `user_exists`
    where a local account has this address or a user this outside identity.
    """
    user = uuid4()
    values = {
        "id": user,
        "email": clean_email(email),
        "password_hash": password_hash,
        "external_subject": external_subject,
        "plan": plan,
    }
    if (await connection.execute(_ADD_USER, values)).first() is None:
        raise PersonError("user_exists", "There is a user with this e-mail address already.")
    home = {"user": user, "bank": uuid4(), "vault": uuid4()}
    for statement in _ADD_HOME:
        await connection.execute(statement, home)
    return user


async def add_token(
    connection: AsyncConnection,
    user: UUID,
    *,
    kind: Literal["session", "personal"],
    name: str,
    expires_at: datetime | None = None,
) -> str:
    """Add a token for a user, in the caller's transaction; answers the token, which is stored nowhere."""
    token = new_token()
    values = {
        "id": uuid4(),
        "user": user,
        "kind": kind,
        "name": name,
        "token_hash": token_digest(token),
        "expires_at": expires_at,
    }
    await connection.execute(_ADD_TOKEN, values)
    return token
