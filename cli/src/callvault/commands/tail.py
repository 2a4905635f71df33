"""`callvault tail`: what passes on a topic."""

import asyncio
import contextlib
import json
from dataclasses import asdict
from typing import Annotated

import typer

from callvault.home import Home
from callvault.terminal import clean, print_json
from callvault.topic_reader import Received, kafka_settings, read_topic


def tail(
    topic: Annotated[str, typer.Argument(help="For example recording.created or import.results.dead.")],
    from_start: Annotated[bool, typer.Option("--from-start", help="Everything that is still kept.")] = False,
    count: Annotated[int | None, typer.Option("-n", min=1, help="Stop after so many messages.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line and message.")] = False,
) -> None:
    """Print a topic's messages as they come, until Ctrl-C. Nobody else loses any by it."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_tail(topic, from_start=from_start, count=count, as_json=as_json))


async def _tail(topic: str, *, from_start: bool, count: int | None, as_json: bool) -> None:
    messages = read_topic(kafka_settings(Home.from_environment()), topic, from_start=from_start)
    async with contextlib.aclosing(messages):
        shown = 0
        async for received in messages:
            if as_json:
                print_json(asdict(received))
            else:
                typer.echo(describe(received))
            shown += 1
            if shown == count:
                return


def describe(received: Received) -> str:
    """A message for people: where it lies, its headers, its payload."""
    place = f"{received.topic}/{received.partition}/{received.offset}"
    lines = [f"{place}  {received.time.astimezone():%Y-%m-%d %H:%M:%S}  key {received.key}"]
    lines += [f"  {name}: {value}" for name, value in received.headers.items()]
    lines.append(json.dumps(received.payload, indent=2, ensure_ascii=False))
    return clean("\n".join(lines))
