"""Scripted scenarios: settings, admin calls and rules under one name."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import Field

from sandbox.admin.commands import act, command
from sandbox.faults import Action, Rule, Strict
from sandbox.world import World

FOLDER = Path(__file__).parents[3] / "scenarios"


class Scenario(Strict):
    """A file of scenarios/ by name, or the same written out."""

    name: str | None = None
    about: str = ""
    settings: dict[str, Any] = Field(default_factory=dict)
    calls: list[Action] = Field(default_factory=list)  # admin calls, made at once
    steps: list[Rule] = Field(default_factory=list)


@command("scenario", Scenario)
async def play(world: World, wanted: Scenario) -> Any:
    """Set the settings, make the calls, add the rules."""
    if wanted.name and not (wanted.steps or wanted.calls or wanted.settings):
        wanted = load(wanted.name)
    world.settings = world.settings.changed(wanted.settings)
    for action in wanted.calls:
        await act(world, action)
    steps = [rule.model_copy(deep=True) for rule in wanted.steps]
    world.faults.rules += steps
    return {"name": wanted.name, "faults": [rule.report() for rule in steps]}


@cache
def load(name: str) -> Scenario:
    """A committed scenario. KeyError when there is none of that name."""
    path = FOLDER / f"{name}.json"
    if name not in names():
        raise KeyError(f"no scenario {name}: there are {', '.join(names())}")
    return Scenario.model_validate(json.loads(path.read_text("utf-8")))


def names() -> list[str]:
    """The committed scenarios."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))
