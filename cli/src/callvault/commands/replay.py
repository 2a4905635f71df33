"""`callvault replay`: dead letters back to where they came from."""

import asyncio
from collections.abc import Callable
from typing import Annotated

import typer

from callvault.home import Home
from callvault.reopening import asks_for_work, reopen_failed
from callvault.replaying import Letter, open_letters
from callvault.terminal import local_time, print_json, print_table
from callvault.topic_reader import kafka_settings

_NOT_OPENED = (
    "Items that have failed are left as they are, as MIGRATION_DATABASE_URL is not set. Their owners can open "
    "them with `callvault failures --retry`."
)
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

    A letter is sent as it came, and once: a second run leaves it out. Where it asks for work on an item that
    was failed meanwhile, the item is opened again; its own ticket follows in a moment.
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
    letters, opened = asyncio.run(_run(topic, chosen if has_choice else None))
    if as_json:
        for letter in letters:
            print_json(letter.told())
    elif letters:
        print_table(_HEADS, [_row(letter) for letter in letters])
    if not as_json:
        typer.echo(_summary(topic, len(letters), has_choice))
    if opened is None:
        typer.echo(_NOT_OPENED, err=True)
    elif opened and not as_json:
        typer.echo(f"Opened {opened} failed {'item' if opened == 1 else 'items'} again.")


async def _run(topic: str, chosen: Callable[[Letter], bool] | None) -> tuple[list[Letter], int | None]:
    home = Home.from_environment()
    async with open_letters(kafka_settings(home), topic) as letters:
        if chosen is None:
            return [letter async for letter in letters.read()], 0
        sent = [letter async for letter in letters.replay(chosen)]
        opened = await reopen_failed(home, [one.item for one in sent]) if asks_for_work(letters.topic) else 0
        return sent, opened


def _row(letter: Letter) -> tuple[object, ...]:
    state = "cut" if letter.cut else "yes" if letter.replayed else "no"
    return letter.offset, local_time(letter.time), letter.reason, letter.job, state, letter.detail


def _summary(topic: str, count: int, was_sent: bool) -> str:
    if was_sent:
        return f"Sent {count} again to {topic.removesuffix('.dead')}."
    return f"{count} on {topic}. Choose with --offset, --reason, --job or --all which to send again."
