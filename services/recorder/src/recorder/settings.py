"""The recorder's settings."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from pipeline_runtime.settings import DatabaseUrl, ServiceSettings


class RecorderSettings(ServiceSettings):
    """Batches are capped by records and by bytes: 500 calls would be 15 MB and more in memory."""

    recorder_database_url: DatabaseUrl
    recorder_lanes: int = Field(default=4, ge=1, le=8)
    recorder_batch_records: int = Field(default=500, ge=1, le=5000)
    recorder_batch_bytes: int = Field(default=3 * 1024 * 1024, ge=1024)
    recorder_reconcile_every: timedelta = timedelta(seconds=5)
    recorder_reticket_after: timedelta = timedelta(seconds=60)
    recorder_count_every: timedelta = timedelta(seconds=15)
