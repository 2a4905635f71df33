"""The POST calls of the admin, by path: a model of the body and what it does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pydantic import BaseModel

from sandbox.faults import Action, Strict
from sandbox.world import World

Body = TypeVar("Body", bound=BaseModel)
Command = Callable[[World, Any], Awaitable[Any]]
COMMANDS: dict[str, tuple[type[BaseModel], Command]] = {}


class Nothing(Strict):
    """A call without a body."""


def command(path: str, model: type[Body]) -> Callable[[Callable[[World, Body], Awaitable[Any]]], Command]:
    """Register a function under `/admin/<path>`."""

    def register(function: Callable[[World, Body], Awaitable[Any]]) -> Command:
        COMMANDS[path] = (model, function)
        return function

    return register


async def run(world: World, path: str, body: Any) -> Any:
    """Make an admin call. ValidationError for a bad body, KeyError for what is not there."""
    model, function = COMMANDS[path.strip("/")]
    return await function(world, model.model_validate(body or {}))


async def act(world: World, action: Action) -> Any:
    """An admin call that a rule makes."""
    path = action.path.strip("/")
    return await run(world, f"{path}/delete" if action.method == "DELETE" else path, action.body)
