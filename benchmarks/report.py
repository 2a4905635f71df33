"""What is printed: a table of each size, and the one line that begins with `recorder: `."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.latency import Waits
from benchmarks.machine import Spent
from benchmarks.product import Figures


@dataclass(frozen=True)
class Limit:
    """One run of a bare contender: records a second, and what it spent for 100,000."""

    rate: float
    spent: Spent


@dataclass
class Round:
    """One run of everything at one size."""

    product: Figures
    limits: dict[str, Limit]

    def ratio(self, name: str) -> float:
        """How many times a bare contender the product is."""
        return self.product.rate / self.limits[name].rate


@dataclass
class Result:
    """All that was measured at one size."""

    name: str
    storage: str
    rounds: list[Round] = field(default_factory=list)

    def rate(self) -> float:
        return median(one.product.rate for one in self.rounds)

    def ratio(self, name: str) -> float:
        return median(one.ratio(name) for one in self.rounds)

    def spent(self) -> Spent:
        each = [one.product.spent.per_100k(one.product.records) for one in self.rounds]
        return Spent(*(median(getattr(one, who) for one in each) for who in ("own", "postgres", "kafka")))

    def megabytes(self) -> float:
        return max(one.product.megabytes for one in self.rounds)


COPY, UNNEST, PLAIN, NAIVE, FASTSTREAM = (
    "COPY to temp + dedup", "unnest", "plain aiokafka loop", "naive loop", "FastStream batch",
)  # fmt: skip


def table(result: Result) -> str:
    """Every run of every contender at one size."""
    runs = " ".join(f"{one.product.rate:,.0f}" for one in result.rounds)
    spent = result.spent()
    lag = median(one.product.announced - one.product.seconds for one in result.rounds)
    lines = [
        f"{result.name} ({result.storage}), {result.rounds[0].product.records:,} records, "
        f"{result.rounds[0].product.messages:,} recording.created",
        f"  {'recorder':22} {result.rate():8,.0f}/s           "
        f"{_cpu(spent)}   {result.megabytes():.0f} MB   outbox empty {lag:.2f} s later   runs {runs}",
    ]
    for name, first in result.rounds[0].limits.items():
        rates = [one.limits[name].rate for one in result.rounds]
        each = " ".join(f"{rate:,.0f}" for rate in rates)
        cpu = _cpu(first.spent)
        lines.append(f"  {name:22} {median(rates):8,.0f}/s  x {result.ratio(name):5.2f}  {cpu}   runs {each}")
    return "\n".join(lines)


def _cpu(spent: Spent) -> str:
    return f"CPU s/100k {spent.own:5.1f} own {spent.postgres:5.1f} PostgreSQL {spent.kafka:4.1f} Kafka"


def waits(found: Sequence[Waits]) -> str:
    """A line for each contender and rate."""
    return "\n".join(f"latency at {one.rate:,}/s, {one.who}: {_waits(one)}" for one in found)


def _waits(one: Waits) -> str:
    committed = f"produced to committed p50 {one.commit_p50:.1f} ms, p99 {one.commit_p99:.1f} ms"
    if one.event_p50 is None:
        return committed
    return f"{committed}; committed to recording.created p50 {one.event_p50:.1f} ms, p99 {one.event_p99:.1f} ms"


def line(results: Sequence[Result]) -> str:
    """The one line."""
    return "recorder: " + "; ".join(_part(one) for one in results)


def _part(result: Result) -> str:
    spent = result.spent()
    against = ((COPY, "COPY+dedup"), (PLAIN, "plain loop"), (NAIVE, "naive"))
    ratios = [
        f"{result.ratio(name):.2g} x {short}" for name, short in against if name in result.rounds[0].limits
    ]
    return (
        f"{result.name} {result.rate():,.0f} records/s ({', '.join([*ratios, result.storage])}), "
        f"{spent.own:.1f} + {spent.postgres:.1f} CPU s/100k (own + PostgreSQL), {result.megabytes():.0f} MB"
    )
