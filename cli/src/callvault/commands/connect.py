"""`callvault connect`: an account, by signing in at its source or by a key."""

import asyncio
import sys
import time
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import typer

from callvault.access import find_access
from callvault.errors import CallvaultError
from callvault.gateway import Gateway, open_gateway
from callvault.home import Home

_WAIT_SECONDS = 60.0
_LOOK_SECONDS = 0.5


def connect(
    source: Annotated[str, typer.Argument(help="For example zoom; see `callvault sources`.")],
    key_stdin: Annotated[
        bool, typer.Option("--key-stdin", help="Read an API key's line from standard input.")
    ] = False,
) -> None:
    """Connect an account. The first sync begins by itself.

    Signing in happens in a browser: open the address, and paste the one that you come back to here.
    """
    typer.echo(asyncio.run(_connect(source, sys.stdin.readline().strip() if key_stdin else None)))


async def _connect(source: str, key: str | None) -> str:
    async with open_gateway(await find_access(Home.from_environment())) as gateway:
        connecting = await gateway.connect(source, {"api_key": key} if key else {})
        if connecting.authorize_url:
            typer.echo(f"Open this address and sign in:\n\n  {connecting.authorize_url}\n", err=True)
            pasted = await asyncio.to_thread(typer.prompt, "The address that you came back to", err=True)
            await _bring_back(gateway, source, str(pasted))
        return await _wait(gateway, source, connecting.attempt_id)


async def _bring_back(gateway: Gateway, source: str, address: str) -> None:
    """Raises what the source or the gateway refused."""
    query = urlsplit(address.strip()).query
    if not parse_qs(query).get("state"):
        wrong = "This is not the address of the page that you came back to."
        raise CallvaultError("wrong_address", wrong, "Copy it whole from the browser, and try again.")
    location = await gateway.come_back(source, query.encode())
    if error := parse_qs(urlsplit(location).query).get("connect_error"):
        attempt = (await gateway.source(source)).attempt
        message = attempt.message if attempt and attempt.reason == error[0] else ""
        raise CallvaultError(error[0], message or "It could not be connected. Try again.")


async def _wait(gateway: Gateway, source: str, attempt: str) -> str:
    """Until the connector has said yes or no. Raises what it said."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        card = await gateway.source(source)
        if card.attempt is None or card.attempt.id != attempt:  # done ones are not shown any more
            return f"Connected {card.name}. The first sync has begun; see `callvault sources`."
        if card.attempt.status in ("failed", "expired"):
            raise CallvaultError(card.attempt.reason or "failed", card.attempt.message or "It failed.")
        await asyncio.sleep(_LOOK_SECONDS)
    return f"{source} is still being connected; see `callvault sources`."
