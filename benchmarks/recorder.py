"""`make bench-recorder`: how many records a second the recorder stores, beside what the machine can do.

The real process, on real servers, with ledger and outbox; the bare limits run in the same rounds, so
compare ratios. What is measured and how: docs/performance.md.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])  # this file's folder would hide the package `recorder`

import asyncpg
import uvloop

from benchmarks import bare, corpus, latency, loops, product, report
from benchmarks.corpus import CALL, SHORT, Corpus
from benchmarks.machine import Meter
from benchmarks.servers import Servers, running
from benchmarks.stage import SCHEMA, Stage, begin_again, clone, make_schema

NAIVE_RECORDS = 2_000
Loop = Callable[[Stage, bare.Connection, int], Awaitable[float]]


def main() -> int:
    """Measure, print, and leave with 0."""
    wanted = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # leave in order: servers stop, folders go
    with running(wanted.postgres_bin) as servers:
        results, waits = uvloop.run(_run(servers, wanted))
    if wanted.json:
        content = {"sizes": [asdict(one) for one in results], "latency": [asdict(one) for one in waits]}
        wanted.json.write_text(json.dumps(content, indent=2))
    for result in results:
        print(report.table(result))
    if waits:
        print(report.waits(waits))
    if results:
        print(report.line(results))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the records, one run")
    parser.add_argument("--runs", type=int, default=None, help="rounds of everything (default 3, quick 1)")
    parser.add_argument("--short", type=int, default=None, help="short records (default 100,000; 0: none)")
    parser.add_argument("--call", type=int, default=None, help="call-sized records (default 10,000; 0: none)")
    parser.add_argument("--only", nargs="*", help="of the bare contenders only these: " + ", ".join(CONTENDERS))
    parser.add_argument("--no-latency", action="store_true", help="throughput alone")
    parser.add_argument(
        "--postgres-bin", type=Path, help="programs of another PostgreSQL, such as one with lz4"
    )
    parser.add_argument("--json", type=Path, help="write the raw figures here")
    given = parser.parse_args()
    share = 5 if given.quick else 1
    given.runs = given.runs or (1 if given.quick else 3)
    given.short = 100_000 // share if given.short is None else given.short
    given.call = 10_000 // share if given.call is None else given.call
    given.only = list(CONTENDERS) if given.only is None else given.only
    return given


async def _run(servers: Servers, wanted: argparse.Namespace) -> tuple[list[report.Result], list[latency.Waits]]:
    await make_schema(servers)
    await clone(servers, SCHEMA, bare.DATABASE)
    storage = await _storage(servers)
    results = []
    for size, count in ((SHORT, wanted.short), (CALL, wanted.call)):
        if count:
            results.append(await _measure_size(servers, corpus.make(size.name, size, count), storage, wanted))
    rates = [] if wanted.no_latency else [(100, 5 if wanted.quick else 20), (1000, 3 if wanted.quick else 10)]
    return results, await _measure_latency(servers, rates) if rates else []


async def _storage(servers: Servers) -> str:
    """How the server compresses transcripts: it decides more than anything else."""
    connection = await asyncpg.connect(servers.url("callvault_owner", SCHEMA))
    found: str = await connection.fetchval(
        "SELECT attcompression::text FROM pg_attribute WHERE attrelid = 'recordings'::regclass"
        " AND attname = 'full_transcript'"
    )
    default: str = await connection.fetchval("SHOW default_toast_compression")
    await connection.close()
    return {"l": "lz4", "p": "pglz"}.get(found, default)


async def _measure_size(
    servers: Servers, data: Corpus, storage: str, wanted: argparse.Namespace
) -> report.Result:
    stage = Stage(servers, data)
    _say(f"{data.name}: preparing {len(data.calls):,} records, {data.unique:,} of them new")
    await stage.prepare()
    await stage.produce()
    rows = bare.rows_of(data)
    gc.collect()
    gc.freeze()  # the bare contenders are not to pay for what lies here
    result = report.Result(data.name, storage)
    for number in range(wanted.runs):
        limits = {name: await _bare(stage, rows, name) for name in CONTENDERS if name in wanted.only}
        _say(f"{data.name}: run {number + 1}, recorder")
        figures = await product.measure(stage)
        result.rounds.append(report.Round(figures, limits))
        _say(f"{data.name}: run {number + 1}, {figures.rate:,.0f} records/s, load {os.getloadavg()[0]:.1f}")
    gc.unfreeze()
    return result


async def _bare(stage: Stage, rows: list[bare.Row], name: str) -> report.Limit:
    _say(f"{stage.corpus.name}: {name}")
    contender = CONTENDERS[name]
    records = min(NAIVE_RECORDS, len(rows)) if name == report.NAIVE else len(rows)
    meter = Meter(stage.servers.postgres_pid, stage.servers.kafka_pid)
    async with bare.tables(stage.servers) as connection:
        begun = meter.read()
        seconds = await contender(stage, connection, rows[:records])
        spent = (meter.read() - begun).per_100k(records)
        if records == len(rows):
            await bare.check(connection, stage.corpus.unique)
    return report.Limit(records / seconds, spent)


def _writing(write: bare.Write) -> Any:
    async def contender(stage: Stage, connection: bare.Connection, rows: list[bare.Row]) -> float:
        return await bare.seconds_of(connection, write, rows, stage.corpus.size.batch)

    return contender


def _reading(loop: Loop) -> Any:
    async def contender(stage: Stage, connection: bare.Connection, rows: list[bare.Row]) -> float:
        await begin_again(stage.settings, stage.topic, loops.GROUP)
        return await loop(stage, connection, len(rows))

    return contender


CONTENDERS: dict[str, Any] = {
    report.COPY: _writing(bare.copy_and_dedup),
    report.UNNEST: _writing(bare.unnest),
    report.PLAIN: _reading(loops.plain),
    report.FASTSTREAM: _reading(loops.faststream),
    report.NAIVE: _reading(loops.naive),
}


async def _measure_latency(servers: Servers, rates: list[tuple[int, int]]) -> list[latency.Waits]:
    count = latency.WARMING + sum(rate * seconds for rate, seconds in rates)
    stage = Stage(servers, corpus.make("latency", SHORT, count, duplicates=0.0))
    _say("latency: preparing")
    await stage.prepare()
    _say("latency: measuring")
    return await latency.measure(stage, rates)


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
