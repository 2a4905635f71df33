"""The gateway's settings, from the environment."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, HttpUrl, SecretStr, model_validator

from pipeline_runtime.settings import DatabaseUrl, ServiceSettings

MIN_SECRET_BYTES = 32  # of HS256's key, as RFC 7518 wants it


class GatewaySettings(ServiceSettings):
    """Outside identities come by AUTH_JWKS_URL or by AUTH_JWT_SECRET, never by both: which
    algorithms are taken follows from it. The audience is always checked; Supabase's is the default.
    """

    gateway_database_url: DatabaseUrl
    intake_database_url: DatabaseUrl
    storage_url: str
    signup: Literal["open", "closed"] = "closed"
    auth_jwks_url: HttpUrl | None = None
    auth_jwt_secret: SecretStr | None = None
    auth_jwt_issuer: str | None = None
    auth_jwt_audience: str = "authenticated"
    webhook_keys: SecretStr | None = None
    """Fernet keys with commas between, the same as the connectors': webhook secrets lie under them."""
    sync_every_seconds: float = Field(default=3600, ge=1)
    web_folder: Path | None = None
    """The built page; by default `web/dist` of the checkout."""
    upload_limit_bytes: int = Field(default=5 * 1024**3, gt=0)
    upload_keep_hours: float = Field(default=24, gt=0)
    """An upload that nobody goes on with is forgotten so long after its last byte."""
    upload_folder: Path | None = None
    """Where bytes lie until a file is whole and kept: the folder of STORAGE_URL, or a temporary one."""
    audio_keep_days: Annotated[float, Field(ge=0)] | Literal["forever"] = 7
    """So long after an item has become a recording, or proved to be one, its audio is removed."""

    @model_validator(mode="after")
    def _one_kind_of_outside_identity(self) -> GatewaySettings:
        if self.auth_jwks_url and self.auth_jwt_secret:
            raise ValueError("give AUTH_JWKS_URL or AUTH_JWT_SECRET, not both")
        secret = self.auth_jwt_secret
        if secret and len(secret.get_secret_value().encode()) < MIN_SECRET_BYTES:
            raise ValueError(f"AUTH_JWT_SECRET has less than {MIN_SECRET_BYTES} bytes")
        return self

    @property
    def upload_keep(self) -> timedelta:
        """UPLOAD_KEEP_HOURS."""
        return timedelta(hours=self.upload_keep_hours)

    @property
    def audio_keep(self) -> timedelta | None:
        """AUDIO_KEEP_DAYS; None for ever."""
        return None if self.audio_keep_days == "forever" else timedelta(days=self.audio_keep_days)

    @property
    def is_https(self) -> bool:
        """Whether browsers come by TLS."""
        return urlsplit(self.public_url).scheme == "https"
