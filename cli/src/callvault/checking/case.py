"""A case: a sentence that is true of a good connector, and how to see whether it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from callvault.checking.stack import CheckStack
from callvault.checking.stand_in import StandIn
from callvault.checking.visitor import Unmet, Visitor
from pipeline_contracts import ConnectorManifest

Need = Literal["accounts", "key", "oauth", "webhook", "links"]
Outcome = Literal["passed", "failed", "not_applicable"]
NEEDS: dict[Need, str] = {
    "accounts": "this source has no accounts",
    "key": "this source takes no keys",
    "oauth": "this source has no sign-in",
    "webhook": "this source pushes nothing",
    "links": "this source takes no links",
}


@dataclass(frozen=True)
class Trial:
    """What cases work with."""

    folder: Path
    stack: CheckStack
    stand_in: StandIn
    manifest: ConnectorManifest
    visiting: Callable[[], AbstractAsyncContextManager[Visitor]] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False, default=())

    def has(self, need: Need) -> bool:
        """Whether the source is such a one."""
        methods = set(self.manifest.connect)
        return {
            "accounts": bool(methods & {"oauth2", "api_key"}),
            "key": "api_key" in methods,
            "oauth": "oauth2" in methods,
            "webhook": self.manifest.webhook is not None,
            "links": "url" in methods,
        }[need]


@dataclass(frozen=True)
class Result:
    """What became of a case. `seen` is why it is not passed, `advice` what to do about it."""

    case: str
    sentence: str
    outcome: Outcome
    seen: str = ""
    advice: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Case:
    """`look` returns where the sentence holds, and raises Unmet where not."""

    name: str
    sentence: str
    needs: tuple[Need, ...]
    advice: str
    look: Callable[[Trial], Awaitable[None]] = field(repr=False)
    is_slow: bool = False

    def result(self, outcome: Outcome, seen: str = "", seconds: float = 0.0) -> Result:
        """What became of it."""
        advice = self.advice if outcome == "failed" else ""
        return Result(self.name, self.sentence, outcome, seen, advice, round(seconds, 1))


CASES: list[Case] = []
"""In the order of the report."""


def case(
    name: str, sentence: str, *needs: Need, advice: str, slow: bool = False
) -> Callable[[Callable[[Trial], Awaitable[None]]], Callable[[Trial], Awaitable[None]]]:
    """Put a function among the cases. Slow ones are begun first."""

    def kept(look: Callable[[Trial], Awaitable[None]]) -> Callable[[Trial], Awaitable[None]]:
        CASES.append(Case(name, sentence, needs, advice, look, slow))
        return look

    return kept


def require(is_so: bool, seen: str) -> None:
    """Raises Unmet."""
    if not is_so:
        raise Unmet(seen)
