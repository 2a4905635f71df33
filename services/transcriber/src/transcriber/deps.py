"""What the work on tasks needs: made once by the service, handed to each."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from pipeline_runtime.kafka import Publisher
from pipeline_runtime.storage import Storage
from transcriber.engines import Engine


@dataclass(frozen=True)
class Deps:
    """`part_seconds` is how long parts shall be; None for what suits the engine."""

    database: AsyncEngine
    storage: Storage
    engine: Engine
    publisher: Publisher
    part_seconds: float | None = None
