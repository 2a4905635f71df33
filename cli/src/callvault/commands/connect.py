"""`callvault connect`: an account, by signing in at its source or by a key."""

import asyncio
import sys
from typing import Annotated

import typer

from callvault.access import find_access
from callvault.connecting import bring_back, until_connected
from callvault.gateway import open_gateway
from callvault.home import Home


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
            await bring_back(gateway, source, str(pasted))
        card = await until_connected(gateway, source, connecting.attempt_id)
        if card is None:
            return f"{source} is still being connected; see `callvault sources`."
        return f"Connected {card.name}. The first sync has begun; see `callvault sources`."
