"""Settings from the environment, read once when a process starts. The names are the README's table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import unquote

from pydantic import Field, PostgresDsn, SecretStr, TypeAdapter, UrlConstraints
from pydantic_settings import BaseSettings, SettingsConfigDict

DatabaseUrl = Annotated[PostgresDsn, UrlConstraints(allowed_schemes=["postgresql"])]


class Settings(BaseSettings):
    """What all settings share: frozen, no file but the environment, empty means not given.

    Errors name a setting and never its value: URLs hold passwords.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )


class KafkaSettings(Settings):
    """Where Kafka is. `kafka_topic_prefix` goes before every topic and group, so that stacks may share one."""

    kafka_bootstrap_servers: str = "127.0.0.1:9092"
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    kafka_sasl_username: str | None = None
    kafka_sasl_password: SecretStr | None = None
    kafka_ssl_ca_file: Path | None = None
    kafka_ssl_cert_file: Path | None = None
    kafka_ssl_key_file: Path | None = None
    kafka_topic_prefix: str = ""
    kafka_replication: int = Field(default=1, ge=1)


class DatabaseSettings(Settings):
    """The owner's URL, and those of the services for whom roles are made."""

    migration_database_url: DatabaseUrl
    gateway_database_url: DatabaseUrl | None = None
    intake_database_url: DatabaseUrl | None = None
    recorder_database_url: DatabaseUrl | None = None
    transcriber_database_url: DatabaseUrl | None = None

    def service_urls(self) -> dict[str, DatabaseUrl]:
        """Role name to URL, of those that are given."""
        urls = {
            "callvault_web": self.gateway_database_url,
            "callvault_intake": self.intake_database_url,
            "callvault_recorder": self.recorder_database_url,
            "callvault_transcriber": self.transcriber_database_url,
        }
        return {role: url for role, url in urls.items() if url is not None}


_URL: TypeAdapter[DatabaseUrl] = TypeAdapter(DatabaseUrl)
_CONNECTOR_URL = re.compile(r"([A-Z][A-Z0-9_]*)_CONNECTOR_DATABASE_URL")
CONNECTOR_ROLE = "callvault_connector"
"""The role that holds every connector's grants; that of each, its source behind it, is a member."""


def connector_urls(environment: Mapping[str, str]) -> dict[str, DatabaseUrl]:
    """Role name to URL, of each <SOURCE>_CONNECTOR_DATABASE_URL. Raises ValueError for what is none."""
    found = ((_CONNECTOR_URL.fullmatch(name), value) for name, value in environment.items() if value)
    return {
        f"{CONNECTOR_ROLE}_{match[1].lower()}": _URL.validate_python(value) for match, value in found if match
    }


class ServiceSettings(KafkaSettings):
    """What every service reads: where it serves, how much it logs."""

    http_host: str = "127.0.0.1"
    http_port: int = Field(default=0, ge=0, le=65535)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    public_url: str = "http://127.0.0.1:8000"


def driver_url(url: DatabaseUrl) -> str:
    """The URL as asyncpg takes it."""
    return str(url)


def sqlalchemy_url(url: DatabaseUrl) -> str:
    """The URL as SQLAlchemy takes it, on asyncpg."""
    return "postgresql+asyncpg" + str(url).removeprefix("postgresql")


def password_of(url: DatabaseUrl) -> str:
    """The URL's password, as it was before it was quoted."""
    return unquote(url.hosts()[0]["password"] or "")
