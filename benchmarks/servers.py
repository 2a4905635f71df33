"""Kafka and PostgreSQL for one benchmark: embedded in a folder that is removed, or the environment's.

`--postgres-bin` runs the PostgreSQL of another installation with the embedded one's settings: the
embedded build compresses with pglz alone, Debian's also with lz4, and that decides the figures.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tests.support.servers import ROLE_VARIABLES

from callvault.embedded.kafka import Kafka
from callvault.embedded.place import unprivileged_user
from callvault.embedded.postgres import Postgres
from callvault.home import Home
from callvault.ports import remembered_port

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "track_commit_timestamp": "on",
}
"""Those of the embedded server, and the times of commits, which are measured here."""


@dataclass(frozen=True)
class Servers:
    """Where everything is. `admin` may make databases. Process ids are None for servers elsewhere."""

    kafka: str
    urls: dict[str, str]
    admin: str
    kafka_pid: int | None = None
    postgres_pid: int | None = None

    def url(self, role: str, database: str) -> str:
        """The role's URL on a database; role `admin` is the superuser."""
        url = self.admin if role == "admin" else self.urls[role]
        return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


@contextmanager
def running(programs: Path | None) -> Iterator[Servers]:
    """The environment's servers where it names them all, else own ones."""
    given = {role: os.environ[name] for role, name in ROLE_VARIABLES.items() if os.environ.get(name)}
    kafka = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if kafka and len(given) == len(ROLE_VARIABLES) and programs is None:
        yield Servers(kafka, given, os.environ.get("TEST_ADMIN_DATABASE_URL", given["callvault_owner"]))
        return
    folder = Path(tempfile.mkdtemp(prefix="callvault-bench-"))
    folder.chmod(0o711)  # the database's user passes through
    try:
        with Kafka(folder) as broker, _postgres(folder, programs) as database:
            urls = {role: database.url_for(role) for role in ROLE_VARIABLES}
            admin = database.url_for("postgres", "postgres")
            yield Servers(broker.bootstrap, urls, admin, broker.pid, database.pid)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _postgres(folder: Path, programs: Path | None) -> Iterator[Postgres | OtherPostgres]:
    if programs is not None:
        with OtherPostgres(folder, programs).started() as other:
            yield other
        return
    database = Postgres(folder)
    try:
        database.start()
        database.run_sql("ALTER SYSTEM SET track_commit_timestamp = on")
        database.stop()
        database.start()
        yield database
    finally:
        database.remove()


class OtherPostgres:
    """A server from another installation's programs, with its own data and the embedded one's settings."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._home = Home(folder)
        self._programs = programs
        self._data = folder / "other-postgres"
        self._port = remembered_port(self._home, "postgres")
        self.pid: int | None = None

    def url_for(self, role: str, database: str = "callvault") -> str:
        """As the embedded server's."""
        return f"postgresql://{role}:{self._home.secret(role)}@127.0.0.1:{self._port}/{database}"

    @contextmanager
    def started(self) -> Iterator[OtherPostgres]:
        """Make the cluster, serve, stop."""
        user = unprivileged_user()
        self._data.mkdir(mode=0o700)
        if user:
            os.chown(self._data, user.uid, user.gid)
        self._run("initdb", "-D", self._data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C")
        settings = " ".join(f"-c {name}='{value}'" for name, value in (SETTINGS | {"port": self._port}).items())
        self._run("pg_ctl", "-D", self._data, "-w", "-l", self._data / "log", "-o", settings, "start")
        self.pid = int((self._data / "postmaster.pid").read_text().splitlines()[0])
        try:
            role, database = "callvault_owner", "callvault"
            for statement in (
                f"CREATE ROLE {role} LOGIN CREATEROLE",
                f"CREATE DATABASE {database} OWNER {role}",
            ):
                self._run("psql", "-Xq", "-h", "127.0.0.1", "-p", self._port, "-U", "postgres", "-c", statement)
            yield self
        finally:
            self._run("pg_ctl", "-D", self._data, "-m", "fast", "-w", "stop")

    def _run(self, program: str, *words: object) -> None:
        user = unprivileged_user()
        identity = {"user": user.uid, "group": user.gid, "extra_groups": []} if user else {}
        subprocess.run(  # type: ignore[call-overload]
            [self._programs / program, *map(str, words)], check=True, cwd="/", stdout=subprocess.DEVNULL,
            **identity,
        )  # fmt: skip
