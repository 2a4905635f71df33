"""Writes results, whatever comes: retries what passes, splits what the database refuses, parks what is bad."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import asyncpg
import structlog

from pipeline_contracts import IMPORT_RESULTS, about
from pipeline_runtime import deadletters, metrics
from pipeline_runtime.database import AWAY, standstill
from pipeline_runtime.kafka import Publisher
from pipeline_runtime.outbox import Relay
from recorder.batch import Batch, Outcome
from recorder.results import Bad, Record, Result

PASSING = (
    *AWAY,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,  # deadlock and serialisation
)
REFUSED = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProgramLimitExceededError)
SESSION = {
    "application_name": "recorder",
    # Every statement looks rows up by keys, of one record or of five hundred: planning it anew each time takes
    # longer than running it, and a plan that reads whole tables is good only while they are small.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "jit": "off",
    **standstill(),
}
LONGEST_PAUSE = 5.0
TRIES = 3

log = structlog.get_logger()


class Writer:
    """One lane's way into the database, on a connection of its own that is made again when it breaks."""

    def __init__(self, dsn: str, relay: Relay, publisher: Publisher, public_url: str) -> None:
        self._dsn = dsn
        self._relay = relay
        self._publisher = publisher
        self._public_url = public_url
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._suspicion = deadletters.Suspicion(IMPORT_RESULTS)

    async def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            await self._connection.close(timeout=2)

    async def write(self, results: Sequence[Result]) -> None:
        """Return when every result is in the books or parked, and all of that is confirmed."""
        try:
            outcome = await self._write(results)
        except REFUSED as error:
            await self._write_halves(results, error)
        except Exception as error:
            if len(results) == 1 and not await self._may_park(results[0], error):
                await self.write(results)
            else:
                await self._write_halves(results, error)
        else:
            self._suspicion.worked()
            await self._after_commit(outcome)

    async def _write(self, results: Sequence[Result]) -> Outcome:
        """One transaction; waits out what passes. What does not pass is tried a few times, then raised."""
        pause, tries = 0.05, 0
        while True:
            try:
                batch = Batch(await self._connected(), self._public_url)
                return await batch.write(results)
            except REFUSED:
                raise
            except PASSING as error:
                log.warning("batch.retried", error=type(error).__name__, results=len(results))
            except Exception:
                tries += 1
                if tries >= TRIES:
                    raise
                log.exception("batch.failed", results=len(results))
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    async def _connected(self) -> asyncpg.Connection[asyncpg.Record]:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self._dsn, timeout=10, command_timeout=60, server_settings=SESSION
            )
        return self._connection

    async def _write_halves(self, results: Sequence[Result], error: Exception) -> None:
        """Find the one that the database refuses: the others are written."""
        if len(results) == 1:
            await self._give_up(results[0], error)
            return
        middle = len(results) // 2
        await self.write(results[:middle])
        await self.write(results[middle:])

    async def _give_up(self, result: Result, error: Exception) -> None:
        reason = "invalid_message" if isinstance(error, REFUSED) else "internal_error"
        log.error("result.refused", reason=reason, error=type(error).__name__)
        bad = Bad(reason, type(error).__name__, about(result.raw.headers), result.raw)
        if isinstance(result, Record):
            await self.write([bad])
        else:
            await self._park([bad])

    async def _may_park(self, result: Result, error: Exception) -> bool:
        """False where the fault is ours: then wait a minute and try it again."""
        if not self._suspicion.unexpected(result.raw.key):
            return True
        log.error("partition.held", error=type(error).__name__)
        await asyncio.sleep(deadletters.HOLD_SECONDS)
        return False

    async def _after_commit(self, outcome: Outcome) -> None:
        self._relay.push(outcome.rows)
        for (source, status, code), count in outcome.ended.items():
            metrics.ITEMS_ENDED.labels(source, status, code).inc(count)
        for source, count in outcome.created.items():
            metrics.RECORDS_WRITTEN.labels(source).inc(count)
        await self._park(outcome.bad)

    async def _park(self, bad: Sequence[Bad]) -> None:
        """A dead letter is confirmed before the offset moves; until Kafka takes it, we wait."""
        for one in bad:
            while True:
                try:
                    await deadletters.park(
                        self._publisher, IMPORT_RESULTS, key=one.raw.key, value=one.raw.value,
                        headers=one.raw.headers, reason=one.reason, detail=one.detail,
                        origin=f"{one.raw.topic}/{one.raw.partition}/{one.raw.offset}",
                    )  # fmt: skip
                    break
                except Exception as error:
                    log.warning("message.not_parked", error=type(error).__name__)
                    await asyncio.sleep(1)
