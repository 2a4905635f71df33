"""Dialogues from plots: exchanges with gaps, filled in another way for every meeting."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

WORDS_A_SECOND = 2.6
WANDER = 0.35  # seconds between two lines, at least


@dataclass(frozen=True)
class Line:
    """One turn: who, what, and when in seconds since the meeting's start."""

    speaker: str
    text: str
    start: float
    end: float


@cache
def data(name: str) -> Any:
    """A committed data file of this package."""
    return json.loads((files("sandbox.meetings") / "data" / f"{name}.json").read_text("utf-8"))


def title(plot: str, names: dict[str, str], rng: random.Random) -> str:
    """A title for a meeting of that plot."""
    if plot.startswith("spoken:"):
        return str(data("spoken")[plot.removeprefix("spoken:")]["title"])
    return _filled(rng.choice(data("plots")["plots"][plot]["titles"]), names, rng)


def dialogue(plot: str, speakers: list[str], asides: int, rng: random.Random) -> list[Line]:
    """The plot's rounds in order, with so many asides between them."""
    if plot.startswith("spoken:"):
        return spoken(plot.removeprefix("spoken:"), speakers)
    names = {"b": first(speakers[1 % len(speakers)]), "b2": first(speakers[-1])}
    plots = data("plots")
    exchanges = [rng.choice(alternatives) for alternatives in plots["plots"][plot]["rounds"]]
    pool: list[str] = []
    for _ in range(asides):
        pool = pool or rng.sample(plots["asides"], len(plots["asides"]))
        exchanges.insert(rng.randint(1, len(exchanges) - 1), pool.pop())
    turns: list[tuple[str, str]] = []
    for exchange in exchanges:
        for turn in exchange.split(" | "):
            role, text = turn.split(": ", 1)
            speaker = speakers["ABC".index(role) % len(speakers)]
            text = _filled(text, names, rng)
            turns.append((speaker, text[0].upper() + text[1:]))
    return timed(turns, rng)


def timed(turns: list[tuple[str, str]], rng: random.Random | None = None) -> list[Line]:
    """Give (speaker, text) pairs their times, at the speed of speech."""
    rng = rng or random.Random(1)  # noqa: S311  # times to look at, not secrets
    at, lines = rng.uniform(1.2, 4), []
    for speaker, text in turns:
        end = at + max(len(text.split()) / WORDS_A_SECOND, 0.8)
        lines.append(Line(speaker, text, round(at, 2), round(end, 2)))
        at = end + WANDER + rng.expovariate(1.2)
    return lines


def spoken(name: str, speakers: list[str]) -> list[Line]:
    """What an audio file of ours says, with the times it has there."""
    script = data("spoken")[name]
    times = script.get("times") or [[i * 5.0, i * 5.0 + 4] for i in range(len(script["lines"]))]
    return [
        Line(speakers[int(who) % len(speakers)], text, start, end)
        for (who, _, text), (start, end) in zip(script["lines"], times, strict=True)
    ]


def first(name: str) -> str:
    """A first name."""
    return name.split()[0]


def _filled(text: str, names: dict[str, str], rng: random.Random) -> str:
    slots = data("plots")["slots"]
    while "{" in text:
        key = text[text.index("{") + 1 : text.index("}")]
        word = names[key] if key in names else rng.choice(slots[key])
        text = text.replace("{" + key + "}", word, 1)
    return text
