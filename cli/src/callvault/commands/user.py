"""`callvault user add`: accounts, made by whoever runs the stack."""

import asyncio
import secrets
import sys
from enum import StrEnum
from typing import Annotated

import typer

from callvault.database import transaction
from callvault.errors import CallvaultError
from callvault.home import Home
from pipeline_runtime.people import PersonError, add_token, add_user, clean_email, hash_password

app = typer.Typer(help="People who may sign in.", no_args_is_help=True)


class Plan(StrEnum):
    """How much a user may import: ten a month, or all."""

    free = "free"
    unlimited = "unlimited"


@app.callback()
def user() -> None:
    """People who may sign in."""


@app.command()
def add(
    email: Annotated[str, typer.Argument(help="Their e-mail address, with which they sign in.")],
    plan: Annotated[Plan, typer.Option(help="free: ten imports a month.")] = Plan.free,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password's line from standard input.")
    ] = False,
    token: Annotated[bool, typer.Option("--token", help="Also make an API token, and print it.")] = False,
) -> None:
    """Add a user with a personal bank and vault.

    Asks for the password. Where nobody can be asked, or the answer is empty, makes one and prints it.
    """
    try:
        email = clean_email(email)
        password = sys.stdin.readline().rstrip("\r\n") if password_stdin else _ask_password()
        chosen = secrets.token_urlsafe(12) if password is None else password
        made_token = asyncio.run(_add(email, hash_password(chosen), plan, token=token))
    except PersonError as error:
        raise CallvaultError(error.code, error.message) from error
    typer.echo(f"Added {email}, plan {plan}.")
    if password is None:
        typer.echo(f"Password: {chosen}")
    if made_token:
        typer.echo(f"API token: {made_token}")


def _ask_password() -> str | None:
    """None where one is to be made."""
    if not sys.stdin.isatty():
        return None
    question = "Password (leave empty for a random one)"
    answer: str = typer.prompt(
        question, hide_input=True, confirmation_prompt=True, default="", show_default=False
    )
    return answer or None


async def _add(email: str, password_hash: str, plan: Plan, *, token: bool) -> str | None:
    async with transaction(Home.from_environment()) as connection:
        added = await add_user(connection, email, password_hash=password_hash, plan=plan)
        if not token:
            return None
        return await add_token(connection, added, kind="personal", name="Made with the account")
