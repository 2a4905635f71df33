"""Where the gateway is, and the token that opens it."""

import os
import socket
from dataclasses import dataclass, field

import httpx
from sqlalchemy import text

from callvault.control import status
from callvault.database import transaction
from callvault.errors import CallvaultError
from callvault.home import Home
from pipeline_runtime.people import PersonError, add_token, add_user

LOCAL_USER = "you@callvault.local"
_FIND_USER = text("SELECT id FROM users WHERE email = :email AND external_subject IS NULL")


@dataclass(frozen=True)
class Access:
    """The gateway's address without a slash at its end, and a token."""

    url: str
    token: str = field(repr=False)


async def find_access(home: Home) -> Access:
    """CALLVAULT_URL and CALLVAULT_TOKEN; without them the stack of this home and its local user.

    Raises `token_missing`, `not_running`, `not_reachable`, and the database's errors.
    """
    token = os.environ.get("CALLVAULT_TOKEN")
    url = os.environ.get("CALLVAULT_URL")
    if url and not token:
        # The local user's token is never sent to an address from the environment.
        message = "CALLVAULT_URL is set, and there is no token for it."
        raise CallvaultError("token_missing", message, "Set CALLVAULT_TOKEN.")
    url = (url or running_gateway(home)).rstrip("/")
    return Access(url, token or await _local_token(home, url))


def running_gateway(home: Home) -> str:
    """The address of this home's gateway. Raises `not_running`."""
    url = status(home)["urls"].get("gateway")
    if url is None:
        remedy = "Start one with `callvault up`, or set CALLVAULT_URL and CALLVAULT_TOKEN."
        raise CallvaultError("not_running", f"No stack is running on {home.path}.", remedy)
    return str(url)


async def _local_token(home: Home, url: str) -> str:
    """The kept token, or a new one where there is none or the database no longer knows it."""
    token = home.credentials().get("token")
    if isinstance(token, str) and await _is_valid(url, token):
        return token
    token = await _make_token(home)
    home.keep_credentials({"email": LOCAL_USER, "token": token})
    return token


async def _is_valid(url: str, token: str) -> bool:
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        try:
            answer = await client.get(f"{url}/api/me", headers={"Authorization": f"Bearer {token}"})
        except httpx.TransportError as error:
            raise not_reachable(url) from error
    return answer.status_code != httpx.codes.UNAUTHORIZED


async def _make_token(home: Home) -> str:
    async with transaction(home) as connection:
        known = (await connection.execute(_FIND_USER, {"email": LOCAL_USER})).scalar_one_or_none()
        try:
            user = known or await add_user(connection, LOCAL_USER, plan="unlimited")
        except PersonError:  # another command was quicker
            user = (await connection.execute(_FIND_USER, {"email": LOCAL_USER})).scalar_one()
        return await add_token(connection, user, kind="personal", name=f"callvault on {socket.gethostname()}")


def not_reachable(url: str) -> CallvaultError:
    """The error of a gateway that does not answer."""
    return CallvaultError("not_reachable", f"The gateway at {url} does not answer.", "See `callvault status`.")
