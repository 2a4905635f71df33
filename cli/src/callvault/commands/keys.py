"""`callvault keys rotate`: new keys for the credentials and the webhook secrets."""

import asyncio
import os
import signal
import time
from typing import Any

import typer

from callvault.control import status
from callvault.environment import GATEWAY, KEY_RINGS
from callvault.errors import CallvaultError
from callvault.finding import is_connector
from callvault.home import Home, new_key
from callvault.rotating import KEPT, rotate

_RESTART_SECONDS = 90.0
_LOOK_SECONDS = 0.2

app = typer.Typer(help="The keys under which secrets are stored.", no_args_is_help=True)


@app.callback()
def keys() -> None:
    """The keys under which secrets are stored."""


@app.command("rotate")
def rotate_keys() -> None:
    """Bring every stored secret under a new key.

    Keys that are kept in CALLVAULT_HOME: new ones are made, the services that use them are started
    again, and the keys before the last ones are dropped. Keys from the environment: put a new one in
    front of CREDENTIALS_KEYS and WEBHOOK_KEYS (commas between), start the services again, run this,
    and take the old ones away.
    """
    home = Home.from_environment()
    own = [name for name in KEY_RINGS if not os.environ.get(name)]
    if own:
        _put_in_front(home, own)
        _restart(home)
    for kept in KEPT:
        ring = os.environ.get(kept.ring) or home.key_ring(kept.ring.lower())
        told = asyncio.run(rotate(home, kept, ring))
        typer.echo(f"{kept.table}: {told.changed} brought to the new key.")
        if told.lost:
            message = f"{told.lost} secrets in {kept.table} are under none of {kept.ring}."
            remedy = "Put back the key that was taken away, and rotate again."
            raise CallvaultError("key_missing", message, remedy)


def _put_in_front(home: Home, names: list[str]) -> None:
    """The newest two stay beside it: a secret may be on its way that was sealed a minute ago."""
    for name in names:
        before = home.key_ring(name.lower()).split(",")
        home.keep_key_ring(name.lower(), ",".join([new_key(), *before[:2]]))


def _restart(home: Home) -> None:
    """End those of a running stack that hold the old ring; its supervisor starts them again."""
    holders = [process for process in status(home)["processes"] if _holds_keys(process)]
    for process in holders:
        os.kill(process["pid"], signal.SIGTERM)
    before = {process["name"]: process["pid"] for process in holders}
    deadline = time.monotonic() + _RESTART_SECONDS
    while not all(_is_back(process, before) for process in status(home)["processes"]):
        if time.monotonic() > deadline:
            message = f"Not all of {', '.join(before)} came back."
            raise CallvaultError("not_restarted", message, "See `callvault status`, and rotate again.")
        time.sleep(_LOOK_SECONDS)


def _is_back(process: dict[str, Any], before: dict[str, int]) -> bool:
    if process["name"] not in before:
        return True
    return process["state"] == "ready" and process["pid"] not in (None, before[process["name"]])


def _holds_keys(process: dict[str, Any]) -> bool:
    return process["pid"] is not None and (process["name"] == GATEWAY or is_connector(process["name"]))
