"""The processes that are measured: the recorder as the supervisor starts it, and the plain loop."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.stage import Stage
from callvault.spawn import clean_environment

ASSIGNED = "partitions.assigned"
ROOT = Path(__file__).parents[1]


class CheckFailed(Exception):
    """The recorder was fast and wrong."""


@dataclass(frozen=True)
class Process:
    """A running process, and when it was given its partitions (seconds since 1970)."""

    pid: int
    began: float


@contextmanager
def running(stage: Stage, database: str) -> Iterator[Process]:
    """A recorder with its own role and environment, reading; stopped in order at the end."""
    environment = {
        "RECORDER_DATABASE_URL": stage.servers.url("callvault_recorder", database),
        "KAFKA_BOOTSTRAP_SERVERS": stage.servers.kafka,
        "KAFKA_TOPIC_PREFIX": stage.settings.kafka_topic_prefix,
    }
    with _started(["-P", "-m", "recorder"], environment, None) as process:
        yield process


@contextmanager
def plain_loop(stage: Stage, database: str) -> Iterator[Process]:
    """The plain loop, reading what comes from now on."""
    words = [stage.servers.url("callvault_owner", database), stage.servers.kafka, stage.topic]
    with _started(["-m", "benchmarks.plain", *words], {}, ROOT) as process:
        yield process


@contextmanager
def _started(words: list[str], environment: dict[str, str], folder: Path | None) -> Iterator[Process]:
    with tempfile.TemporaryDirectory(prefix="callvault-bench-") as scratch:
        log = Path(scratch, "log")
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *words], cwd=folder or scratch, env=clean_environment() | environment,
                stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            yield Process(process.pid, _assigned(log, process))
        finally:
            process.terminate()
            code = process.wait(30)
        if code:
            raise CheckFailed(f"it left with {code}:\n{log.read_text()[-2000:]}")


def _assigned(log: Path, process: subprocess.Popen[bytes]) -> float:
    """When it began to read, by its own log."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        for line in log.read_text().splitlines():
            if ASSIGNED in line and (event := json.loads(line))["partitions"]:
                return datetime.fromisoformat(event["timestamp"]).timestamp()
        time.sleep(0.005)
    raise CheckFailed(f"it did not begin:\n{log.read_text()[-2000:]}")
