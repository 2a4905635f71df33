"""The recorder's process, started as the supervisor starts it."""

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


class CheckFailed(Exception):
    """The recorder was fast and wrong."""


@dataclass(frozen=True)
class Recorder:
    """A running recorder, and when it was given its partitions (seconds since 1970)."""

    pid: int
    began: float


@contextmanager
def running(stage: Stage, database: str) -> Iterator[Recorder]:
    """A recorder with its own role and environment, reading; stopped in order at the end."""
    environment = clean_environment() | {
        "RECORDER_DATABASE_URL": stage.servers.url("callvault_recorder", database),
        "KAFKA_BOOTSTRAP_SERVERS": stage.servers.kafka,
        "KAFKA_TOPIC_PREFIX": stage.settings.kafka_topic_prefix,
    }
    with tempfile.TemporaryDirectory(prefix="callvault-bench-") as folder:
        log = Path(folder, "recorder.log")
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "recorder"], cwd=folder, env=environment,
                stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            yield Recorder(process.pid, _assigned(log, process))
        finally:
            process.terminate()
            code = process.wait(30)
        if code:
            raise CheckFailed(f"the recorder left with {code}:\n{log.read_text()[-2000:]}")


def _assigned(log: Path, process: subprocess.Popen[bytes]) -> float:
    """When it began to read, by its own log."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        for line in log.read_text().splitlines():
            if ASSIGNED in line and (event := json.loads(line))["partitions"]:
                return datetime.fromisoformat(event["timestamp"]).timestamp()
        time.sleep(0.005)
    raise CheckFailed(f"the recorder did not begin:\n{log.read_text()[-2000:]}")
