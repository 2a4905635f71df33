"""What processes use: CPU seconds and memory, from the kernel's own accounts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Spent:
    """CPU seconds of the contender, of PostgreSQL and of Kafka. A server elsewhere counts as zero."""

    own: float
    postgres: float
    kafka: float

    def __sub__(self, other: Spent) -> Spent:
        return Spent(self.own - other.own, self.postgres - other.postgres, self.kafka - other.kafka)

    def per_100k(self, records: int) -> Spent:
        share = 100_000 / records
        return Spent(self.own * share, self.postgres * share, self.kafka * share)


@dataclass(frozen=True)
class Meter:
    """Reads what has been spent. `own` None means this process."""

    postgres: int | None
    kafka: int | None
    own: int | None = None

    def read(self) -> Spent:
        own = time.process_time() if self.own is None else _with_children(self.own)
        return Spent(own, _with_children(self.postgres), _with_children(self.kafka))


def _with_children(pid: int | None) -> float:
    """A process, those of its children that live, and those that have ended."""
    if pid is None:
        return 0.0
    process = psutil.Process(pid)
    total = sum(process.cpu_times()[:4])
    for child in process.children():
        try:
            total += sum(child.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue
    return total


def peak_megabytes(pid: int) -> float:
    """The most memory that a process has had resident."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share of the values lies."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]
