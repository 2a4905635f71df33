"""PostgreSQL as a child process: TCP on 127.0.0.1 only, passwords for every role, survives kill -9."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from callvault.embedded.place import data_folder, programs, remove_data, unprivileged_user
from callvault.errors import CallvaultError, ProcessError
from callvault.home import Home
from callvault.ports import remembered_port
from callvault.spawn import clean_environment, end, end_leftover, rotate, spawn, tail

DATABASE = "callvault"
OWNER = "callvault_owner"
SUPERUSER = "postgres"
_START_SECONDS = 120.0
_STOP_SECONDS = 20.0
# On the command line, so that root never writes into a folder that another user owns.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    # Many make a password that is guessed dear to try. Ours are random: they made dear only each connection.
    "scram_iterations": "1",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "synchronous_commit": "on",
    "log_line_prefix": "%m [%p] %u@%d ",
    "log_timezone": "UTC",
    "timezone": "UTC",
}
# What the server says while the last of a killed server's processes are still ending.
_NOT_YET = ("pre-existing shared memory block", 'lock file "postmaster.pid" already exists')
_FIRST_STATEMENTS = """\
SELECT 'CREATE ROLE {owner} LOGIN CREATEROLE'
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{owner}') \\gexec
ALTER ROLE {owner} LOGIN CREATEROLE PASSWORD '{password}';
SELECT 'CREATE DATABASE {database} OWNER {owner}'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{database}') \\gexec
"""


class Postgres:
    """The database server of one home. `start` returns when it serves; call it again after a crash."""

    name = "postgres"

    def __init__(self, home: Home | Path | str) -> None:
        self.home = home if isinstance(home, Home) else Home(home)
        self.port: int | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The server's main process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.home.log(self.name)

    def url_for(self, role: str = OWNER, database: str = DATABASE) -> str:
        """A postgresql:// URL for a role with its password kept in the home; `postgres` is the superuser."""
        if self.port is None:
            raise CallvaultError("not_started", "PostgreSQL has not been started.")
        return f"postgresql://{role}:{self.home.secret(role)}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server on its remembered port, wait until it answers, make owner and database."""
        if self.pid is not None:
            return
        self._user = unprivileged_user()
        self._programs = programs(self._user)
        self._data = data_folder(self.home, self._user)
        rotate(self.log)
        if not (self._data / "global" / "pg_control").exists():
            self._make_cluster()
        self._end_earlier_server()
        self.port = self.port or remembered_port(self.home, "postgres")  # clients know it: no other later
        self._process = self._serve()
        self._make_owner()

    def stop(self) -> None:
        """Stop the server: clients are cut off, what was committed is on disk."""
        if self._process is not None:
            end(self._process, how=signal.SIGINT, within=_STOP_SECONDS)
            self._process = None

    def remove(self) -> None:
        """Stop the server and delete its data, wherever it lies."""
        self.stop()
        remove_data(self.home)

    def __enter__(self) -> "Postgres":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def _make_cluster(self) -> None:
        """Run initdb in a folder beside the data's place, then swap: a half-made cluster is never used."""
        self._empty_data()
        word = self._data / "superuser"
        word.write_text(self.home.secret(SUPERUSER))
        fresh = self._data / "new"
        if self._user:
            os.chown(word, self._user.uid, self._user.gid)
        command: list[str | Path] = [
            self._programs / "initdb",
            "-D",
            fresh,
            "-U",
            SUPERUSER,
            "--pwfile",
            word,
        ]
        options = ["--auth-host=scram-sha-256", "--auth-local=reject", "--encoding=UTF8"]
        options += ["--locale-provider=builtin", "--locale=C.UTF-8"]
        options += ["-c", f"scram_iterations={_SETTINGS['scram_iterations']}"]
        process = self._spawn([*command, *options], signal.SIGKILL)
        if process.wait():
            raise ProcessError(self.name, "could not make its data folder", tail(self.log))
        word.unlink()
        # The control file says that the cluster is whole, so it moves last.
        for path in sorted(fresh.iterdir(), key=lambda path: path.name == "global"):
            path.rename(self._data / path.name)
        fresh.rmdir()

    def _empty_data(self) -> None:
        for path in self._data.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def _end_earlier_server(self) -> None:
        """Stop a server that outlived its supervisor; forget a pid file whose number is now another's."""
        pid_file = self._data / "postmaster.pid"
        with contextlib.suppress(FileNotFoundError, IndexError, ValueError):
            pid = int(pid_file.read_text().splitlines()[0])
            end_leftover(pid, str(self._data), how=signal.SIGINT, within=_STOP_SECONDS)
            pid_file.unlink(missing_ok=True)

    def _spawn(self, command: list[str | Path], death_signal: signal.Signals) -> subprocess.Popen[bytes]:
        return spawn(
            command,
            log=self.log,
            environment=clean_environment(),
            folder=self._data,
            user=self._user,
            death_signal=death_signal,
        )

    def _serve(self) -> subprocess.Popen[bytes]:
        """Start the server and wait; try again while a killed server's processes are still ending."""
        deadline = time.monotonic() + _START_SECONDS
        settings = [f"--{name}={value}" for name, value in {**_SETTINGS, "port": str(self.port)}.items()]
        while time.monotonic() < deadline:
            before = self.log.stat().st_size if self.log.exists() else 0
            process = self._spawn([self._programs / "postgres", "-D", self._data, *settings], signal.SIGINT)
            while process.poll() is None and time.monotonic() < deadline:
                if self._is_ready(process.pid):
                    return process
                time.sleep(0.02)
            end(process, how=signal.SIGINT, within=_STOP_SECONDS)
            said = self.log.read_bytes()[before:].decode(errors="replace")
            if not any(words in said for words in _NOT_YET):
                break
            time.sleep(0.1)
        raise ProcessError(self.name, f"did not start (code {process.returncode})", tail(self.log))

    def _is_ready(self, pid: int) -> bool:
        """The server notes its own readiness in the last line of its pid file."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"

    def _make_owner(self) -> None:
        password = self.home.secret(OWNER)
        self.run_sql(_FIRST_STATEMENTS.format(owner=OWNER, password=password, database=DATABASE))

    def run_sql(self, statements: str, *, database: str = "postgres") -> str:
        """Run statements as the superuser and return what psql printed. Raises `sql_failed`."""
        settings = {"PGPASSWORD": self.home.secret(SUPERUSER), "PGCONNECT_TIMEOUT": "10"}
        address = ["-h", "127.0.0.1", "-p", str(self.port), "-U", SUPERUSER, "-d", database]
        result = subprocess.run(
            [self._programs / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", *address],
            input=statements,  # not an argument: other users can read those
            capture_output=True,
            text=True,
            check=False,
            env=clean_environment() | settings,
        )
        if result.returncode:
            raise CallvaultError("sql_failed", f"PostgreSQL refused a statement: {result.stderr.strip()}")
        return result.stdout
