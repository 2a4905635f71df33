"""Where the gateway is, and the token that opens it."""

import os
from dataclasses import dataclass, field

import httpx

from callvault.clients import http_client
from callvault.control import status
from callvault.errors import CallvaultError
from callvault.home import Home


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
    # Imported here: the database's library takes longer than most commands, and is needed once.
    from callvault.local_user import EMAIL, make_token

    token = await make_token(home)
    home.keep_credentials({"email": EMAIL, "token": token})
    return token


async def _is_valid(url: str, token: str) -> bool:
    async with http_client(url, timeout=10) as client:
        try:
            answer = await client.get("/api/me", headers={"Authorization": f"Bearer {token}"})
        except httpx.TransportError as error:
            raise not_reachable(url) from error
    return answer.status_code != httpx.codes.UNAUTHORIZED


def not_reachable(url: str) -> CallvaultError:
    """The error of a gateway that does not answer."""
    return CallvaultError("not_reachable", f"The gateway at {url} does not answer.", "See `callvault status`.")
