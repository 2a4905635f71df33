"""The user of whoever sits at the machine of an embedded stack. Made by the database's owner."""

import socket

from sqlalchemy import text

from callvault.database import transaction
from callvault.home import Home
from pipeline_runtime.people import PersonError, add_token, add_user

EMAIL = "you@callvault.local"
_FIND = text("SELECT id FROM users WHERE email = :email AND external_subject IS NULL")


async def make_token(home: Home) -> str:
    """A new personal token, for a new user where there was none. Raises the database's errors."""
    async with transaction(home) as connection:
        user = (await connection.execute(_FIND, {"email": EMAIL})).scalar_one_or_none()
        if user is None:
            try:
                user = await add_user(connection, EMAIL, plan="unlimited")
            except PersonError:  # another command was quicker
                user = (await connection.execute(_FIND, {"email": EMAIL})).scalar_one()
        return await add_token(connection, user, kind="personal", name=f"callvault on {socket.gethostname()}")
