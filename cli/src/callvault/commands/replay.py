"""`callvault replay`: dead letters back to where they came from."""

import asyncio
from collections.abc import Callable
from typing import Annotated

import typer

from callvault.home import Home
from callvault.replaying import Letter, open_letters
from callvault.terminal import local_time, print_json, print_table
from callvault.topic_reader import kafka_settings

_HEADS = ("offset", "parked", "reason", "job", "replayed", "detail")


def replay(
    topic: Annotated[str, typer.Argument(metavar="TOPIC.dead", help="For example import.results.dead.")],
    offset: Annotated[
        list[int] | None, typer.Option("--offset", min=0, help="This one; may be repeated.")
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Those parked for this reason.")] = None,
    job: Annotated[str | None, typer.Option("--job", help="Those of this job.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Those that were replayed before, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line and letter.")] = False,
) -> None:
    """Publish dead letters again to their topic. Without a choice, only show which lie there.

    A letter is sent as it came, and once: a second run leaves it out. An item that was failed for it and
    is to be worked on anew is opened by `callvault failures --retry`.
    """

    def chosen(letter: Letter) -> bool:
        return (
            (again or not letter.replayed)
            and (not offset or letter.offset in offset)
            and (not reason or letter.reason == reason)
            and (not job or letter.job == job)
            and not letter.cut
        )

    has_choice = bool(offset or reason or job or everything)
    letters = asyncio.run(_run(topic, chosen if has_choice else None))
    if as_json:
        for letter in letters:
            print_json(letter.told())
    elif letters:
        print_table(_HEADS, [_row(letter) for letter in letters])
    if not as_json:
        typer.echo(_summary(topic, len(letters), has_choice))


async def _run(topic: str, chosen: Callable[[Letter], bool] | None) -> list[Letter]:
    async with open_letters(kafka_settings(Home.from_environment()), topic) as letters:
        if chosen is None:
            return [letter async for letter in letters.read()]
        return [letter async for letter in letters.replay(chosen)]


def _row(letter: Letter) -> tuple[object, ...]:
    state = "cut" if letter.cut else "yes" if letter.replayed else "no"
    return letter.offset, local_time(letter.time), letter.reason, letter.job, state, letter.detail


def _summary(topic: str, count: int, was_sent: bool) -> str:
    if was_sent:
        return f"Sent {count} again to {topic.removesuffix('.dead')}."
    return f"{count} on {topic}. Choose with --offset, --reason, --job or --all which to send again."
