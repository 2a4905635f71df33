"""A real Prometheus over a running stack: the deployed configuration, with the stack's addresses for targets."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from callvault.clients import http_client
from tests.support.eventually import eventually
from tests.support.live import COMMAND, Live

DEPLOYED = Path(__file__).parents[2] / "deploy" / "prometheus"
UNPACKED = Path(sys.prefix, "share", "callvault", "prometheus")
SERVERS = {"kafka", "postgres"}
STEP = 2
"""Seconds between two samples that are looked at."""


def program(name: str) -> str:
    """The path of `prometheus` or `promtool`. There is no test without it, and no skipping."""
    found = shutil.which(name) or shutil.which(name, path=UNPACKED)
    assert found, f"{name} is missing: run `make setup-dev`, or `sh requirements/prometheus.sh` to see why"
    return found


@dataclass(frozen=True)
class Series:
    """One result of a query: its labels, and its numbers over time (no NaN among them)."""

    labels: dict[str, str]
    values: list[float]


@dataclass(frozen=True)
class Prometheus:
    """A running one, asked over HTTP."""

    http: httpx.AsyncClient

    async def ask(self, path: str, **query: str | float) -> Any:
        """The data of an answer of the API. Fails where Prometheus did not understand."""
        answer = (await self.http.get(f"/api/v1/{path}", params=query)).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    async def look(self, query: str, *, begin: float, end: float) -> list[Series]:
        """What a panel would draw between two times (Unix seconds)."""
        data = await self.ask("query_range", query=query, start=begin, end=end, step=STEP)
        return [
            Series(one["metric"], [float(value) for _, value in one["values"] if value != "NaN"])
            for one in data["result"]
        ]

    async def now(self, query: str) -> list[float]:
        """The numbers that a query has now."""
        data = await self.ask("query", query=query)
        return [float(one["value"][1]) for one in data["result"]]

    async def sees(self, query: str, *, within: float = 40) -> None:
        """Return when a query has a result that is not 0."""

        async def probe() -> bool:
            return any(await self.now(query))

        try:
            await eventually(probe, within=within, every=0.2)
        except TimeoutError:
            raise AssertionError(f"nothing on Prometheus for {query}") from None


def targets(live: Live) -> list[dict[str, Any]]:
    """Every service of the stack, from `callvault status --json`, as Prometheus reads lists of targets."""
    environment = {"CALLVAULT_HOME": str(live.home.path), "PATH": "/usr/bin:/bin"}
    told = subprocess.run([COMMAND, "status", "--json"], env=environment, capture_output=True, check=True)
    return [
        {"targets": [f"127.0.0.1:{process['port']}"], "labels": {"job": process["name"]}}
        for process in json.loads(told.stdout)["processes"]
        if process["name"] not in SERVERS
    ]


def configuration(folder: Path, live: Live) -> Path:
    """What is deployed, but for where the services are, and quicker."""
    (folder / "targets.json").write_text(json.dumps(targets(live)))
    read = yaml.safe_load((DEPLOYED / "prometheus.yml").read_text())
    read["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    read["rule_files"] = [str(DEPLOYED / name) for name in read["rule_files"]]
    for job in read["scrape_configs"]:
        del job["dns_sd_configs"], job["relabel_configs"]
        job["file_sd_configs"] = [{"files": [str(folder / "targets.json")]}]
    written = folder / "prometheus.yml"
    written.write_text(yaml.safe_dump(read))
    return written


@contextmanager
def process(folder: Path, live: Live) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Prometheus, and its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [program("prometheus"), f"--config.file={configuration(folder, live)}"]
    command += [f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={address}"]
    with (folder / "prometheus.log").open("wb") as file:
        running = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    try:
        yield running, f"http://{address}"
    finally:
        running.terminate()
        try:
            running.wait(timeout=15)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait(timeout=5)


@asynccontextmanager
async def prometheus_over(live: Live, folder: Path) -> AsyncIterator[Prometheus]:
    """Prometheus, scraping every service of a stack each second."""
    with process(folder, live) as (child, address):
        async with http_client(address, timeout=30) as http:

            async def ready() -> bool:
                assert child.poll() is None, (folder / "prometheus.log").read_text()
                try:
                    return (await http.get("/-/ready")).is_success
                except httpx.TransportError:
                    return False

            await eventually(ready, within=30)
            yield Prometheus(http)
