"""`callvault sources`: what can be connected, and what is."""

import asyncio
from typing import Annotated

import typer

from callvault.access import find_access
from callvault.gateway import Source, open_gateway
from callvault.home import Home
from callvault.terminal import clean, local_time, print_json, print_table


def sources(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line and source.")] = False,
) -> None:
    """Show the sources, and your accounts at them."""
    found = asyncio.run(_find())
    if as_json:
        for source in found:
            print_json(source.model_dump(mode="json"))
        return
    heads = ("source", "connects by", "running", "account", "status", "calls", "waiting", "last sync", "id")
    print_table(heads, [row for source in found for row in _rows(source)])
    for source in found:
        for account in source.accounts:
            if account.message:
                typer.echo(clean(f"\n{source.name}, {account.email or account.id}: {account.message}"))
        if source.attempt and source.attempt.message:
            typer.echo(clean(f"\n{source.name}: {source.attempt.message}"))


async def _find() -> list[Source]:
    async with open_gateway(await find_access(Home.from_environment())) as gateway:
        return await gateway.sources()


def _rows(source: Source) -> list[tuple[object, ...]]:
    own = (source.source, ", ".join(source.connect) or None, "yes" if source.is_running else "no")
    rows: list[tuple[object, ...]] = [
        (
            *own, account.email, account.status, account.count, account.waiting or None,
            local_time(account.last_sync_at), account.id,
        )
        for account in source.accounts
    ]  # fmt: skip
    state = source.attempt.status if source.attempt else None
    return rows or [(*own, None, state, source.count, None, None, None)]
