"""What the transcriber reads from the environment."""

from __future__ import annotations

from typing import Literal

from pydantic import AnyHttpUrl, Field, SecretStr

from pipeline_runtime.settings import DatabaseUrl, ServiceSettings, Settings


class EngineSettings(Settings):
    """Which engine works, and how. The keys stay in this service."""

    transcriber_base_url: AnyHttpUrl | None = None
    transcriber_api_key: SecretStr | None = None
    transcriber_model: str | None = None
    transcriber_successor: str | None = None
    transcriber_language: str | None = None
    transcriber_word_times: bool = False
    transcriber_device: Literal["auto", "cpu", "cuda"] = "auto"
    transcriber_compute_type: str | None = None
    transcriber_threads: int | None = Field(default=None, ge=1, le=256)
    transcriber_batch_size: int | None = Field(default=None, ge=1, le=256)
    openai_api_key: SecretStr | None = None
    openai_api_url: AnyHttpUrl = AnyHttpUrl("https://api.openai.com/v1")
    transcriber_workers: int | None = Field(default=None, ge=1, le=64)

    @property
    def is_local(self) -> bool:
        """Whether the work is done on this machine."""
        return self.transcriber_base_url is None and self.openai_api_key is None

    @property
    def workers(self) -> int:
        """How many parts are asked for at once: a model takes all cores, a request none."""
        return self.transcriber_workers or (1 if self.is_local else 4)


class TranscriberSettings(ServiceSettings, EngineSettings):
    """All of it."""

    transcriber_database_url: DatabaseUrl
    storage_url: str
    transcriber_lease_seconds: float = Field(default=30.0, ge=1)
    transcriber_part_seconds: float | None = Field(default=None, ge=10, le=3600)
    transcriber_cutters: int = Field(default=2, ge=1, le=16)
