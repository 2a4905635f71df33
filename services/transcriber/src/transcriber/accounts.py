"""What a transcript has taken: model, sound sent, the engine's usage, a cost estimate, what guards took out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from transcriber.engines.models import MODELS
from transcriber.transcript import Dropped, Transcript

_SHOWN = 50  # of what was dropped; all of it is counted
_PRICED = "openai"  # the one engine that the table's prices are of


def told(
    engine: str, parts: Sequence[Transcript], *, dropped: Sequence[Dropped] | None = None
) -> dict[str, Any]:
    """For a record's metadata. Keys that say nothing are left out.

    `model` is the one that made most of it, `models` seconds by model where there are several;
    `model_replaced` says that the configured one is gone. `dropped` are the whole recording's, in its own
    times; by default those of the parts. `cost_usd` is an estimate: seconds sent by the table's price.
    """
    seconds: dict[str, float] = defaultdict(float)
    usage: dict[str, float] = defaultdict(float)
    for part in parts:
        seconds[part.model or ""] += part.seconds or 0.0
        for name, value in part.usage.items():
            usage[name] += value
    models = {name: round(value, 3) for name, value in seconds.items() if name}
    out = list(dropped if dropped is not None else [one for part in parts for one in part.dropped])
    found = {
        "engine": engine,
        "model": max(models, key=lambda name: models[name], default=None),
        "models": models if len(models) > 1 else None,
        "model_replaced": _replaced(parts),
        "language": _language(parts),
        "usage": {name: round(value, 3) for name, value in usage.items()},
        "seconds_sent": round(sum(seconds.values()), 3),
        "cost_usd": _cost(models) if engine == _PRICED else None,
        "dropped": _dropped(out) if out else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _replaced(parts: Sequence[Transcript]) -> dict[str, str] | None:
    found = next((part for part in reversed(parts) if part.replaces and part.model), None)
    return {"from": str(found.replaces), "to": str(found.model)} if found else None


def _language(parts: Sequence[Transcript]) -> str | None:
    """The one that most is said in."""
    said: Counter[str] = Counter()
    for part in parts:
        if part.language and part.text:
            said[part.language] += len(part.text)
    return said.most_common(1)[0][0] if said else next((one.language for one in parts if one.language), None)


def _cost(seconds: dict[str, float]) -> float | None:
    """US dollars; None where a model's price is not known."""
    total = 0.0
    for name, value in seconds.items():
        price = MODELS[name].dollars_per_minute if name in MODELS else None
        if price is None:
            return None
        total += value / 60 * price
    return round(total, 6)


def _dropped(dropped: Sequence[Dropped]) -> dict[str, Any]:
    kept = [
        {**one.model_dump(), "start": round(one.start, 2), "end": round(one.end, 2)}
        for one in sorted(dropped, key=lambda one: one.start)[:_SHOWN]
    ]
    return {"counts": dict(Counter(one.reason for one in dropped)), "kept": kept}
