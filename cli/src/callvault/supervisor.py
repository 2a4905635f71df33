"""Runs the stack of one home: servers, migrations, topics, services; in order, until told to stop.

`python -m callvault.supervisor [PORT] [--sandbox]` runs it for CALLVAULT_HOME, PORT being the gateway's.
"""

import asyncio
import fcntl
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial

from callvault.embedded.kafka import Kafka
from callvault.embedded.postgres import Postgres
from callvault.environment import (
    GATEWAY,
    MIGRATION_URL,
    database_environment,
    database_is_outside,
    gateway_url,
    kafka_environment,
    kafka_is_outside,
)
from callvault.errors import CallvaultError, ProcessError
from callvault.finding import find_services, is_connector
from callvault.forking import Programs
from callvault.home import Home
from callvault.ports import is_free, remember_port
from callvault.sandboxed import Sandbox
from callvault.services import ServiceProcess
from callvault.spawn import created, end, end_and_wait, rotate, tail
from callvault.supervised import Supervised

logger = logging.getLogger("callvault")

_STEP_SECONDS = 120.0
_LEFTOVER_SECONDS = 15.0


class Supervisor:
    """The stack of one home, from the first process to the last. With the sandbox, connectors ask that one."""

    def __init__(self, home: Home, *, gateway_port: int | None = None, with_sandbox: bool = False) -> None:
        self.home = home
        self.failure: CallvaultError | None = None
        self._gateway_port = gateway_port
        self._phase = "starting"
        self._stop = asyncio.Event()
        self._threads = ThreadPoolExecutor(max_workers=64)  # each waits for one process; few ever run
        self._programs = Programs(home.log("forkserver"))
        self._kafka = [] if kafka_is_outside() else [self._supervised(Kafka(home))]
        self._database = [] if database_is_outside() else [self._supervised(Postgres(home))]
        self._sandbox = Sandbox(home, self._programs) if with_sandbox else None
        self._stand_ins = [self._supervised(self._sandbox.process)] if self._sandbox else []
        self._services: list[Supervised] = []

    async def run(self) -> None:
        """Start everything, keep it up until `stop`, stop it in order. Raises what kept it from starting."""
        with _only_supervisor(self.home):
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` sets it
                    asyncio.get_running_loop().add_signal_handler(number, self._stop.set)
            starting = asyncio.create_task(self._start())
            stopping = asyncio.create_task(self._stop.wait())
            try:
                await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if starting.done():
                    await starting
                    await stopping
            except CallvaultError as error:
                self.failure = error
                raise
            finally:
                stopping.cancel()
                await self._shut_down(starting)

    def _find_services(self) -> None:
        for service in find_services():
            port = self._gateway_port if service.name == GATEWAY else None
            if port is not None and not is_free(port):
                raise CallvaultError("port_taken", f"Port {port} is in use.", "Choose another with --port.")
            if port is not None:
                remember_port(self.home, GATEWAY, port)
            process = ServiceProcess(self.home, service, self._programs, port=port)
            if self._sandbox:
                process.environment = partial(self._sandbox.environment_of, service.name, process.port)
            self._services.append(self._supervised(process))

    async def _start(self) -> None:
        _end_leftovers(self.home)
        self._programs.prepare()  # while the servers start
        self._find_services()
        self._write()
        stand_ins = [stand_in.start() for stand_in in self._stand_ins]
        await _all([self._start_kafka(), self._start_database(), *stand_ins])
        await _all([self._start_service(service) for service in self._services])
        self._phase = "ready"
        self._write()
        logger.info("the stack is ready%s", f": {address}" if (address := gateway_url(self.home)) else "")

    async def _start_kafka(self) -> None:
        await _all([kafka.start() for kafka in self._kafka])
        await self._step("topics", kafka_environment(self.home))

    async def _start_database(self) -> None:
        await _all([database.start() for database in self._database])
        environment = database_environment(self.home)
        if environment.get(MIGRATION_URL):  # left out where an outside database is migrated by others
            await self._step("migrate", environment)

    async def _start_service(self, service: Supervised) -> None:
        """Raises where one of our own services does not start. A source's connector holds up nobody."""
        try:
            await service.start()
        except CallvaultError:
            if not is_connector(service.program.name):
                raise
            logger.warning("%s does not run, the others do. %s", service.program.name, service.problem)
            service.keep()
            return
        if isinstance(service.program, ServiceProcess):
            # Once up, a service that waits for a server to come back is left to wait.
            service.program.patience = float("inf")

    async def _step(self, name: str, environment: Mapping[str, str]) -> None:
        """Run one of the runtime's own commands to its end."""
        log = self.home.log(name)
        rotate(log)
        logger.info("%s: running", name)
        module = f"pipeline_runtime.{name}"
        process = self._programs.start(module, log=log, environment=environment, folder=self.home.path)
        waiting = asyncio.get_running_loop().run_in_executor(self._threads, process.wait, _STEP_SECONDS)
        try:
            with suppress(subprocess.TimeoutExpired):
                await waiting
        finally:
            end(process, how=signal.SIGKILL, within=5)
        if process.returncode:
            raise ProcessError(name, f"failed with code {process.returncode}", tail(log))

    async def _shut_down(self, starting: asyncio.Task[None]) -> None:
        self._phase = "stopping"
        self._write()
        starting.cancel()
        await asyncio.wait({starting})
        await _all([service.stop() for service in self._services])
        await _all([server.stop() for server in (*self._stand_ins, *self._kafka, *self._database)])
        self._programs.close()
        self._phase = "failed" if self.failure else "stopped"
        self._write()
        logger.info("the stack has stopped")

    def _supervised(self, program: Kafka | Postgres | ServiceProcess) -> Supervised:
        return Supervised(program, self._threads, self._write)

    def _write(self) -> None:
        """Put the present state into state.json for `status`, `down` and `up --detach`."""
        present = {
            "supervisor": {
                "pid": os.getpid(),
                "created": created(os.getpid()),
                "state": self._phase,
                "failure": _describe(self.failure),
            },
            "processes": [
                each.describe() for each in (*self._kafka, *self._database, *self._stand_ins, *self._services)
            ],
        }
        try:
            self.home.change_state(lambda state: state.update(present))
        except OSError as error:  # a full disk must not end the watch over the processes
            logger.warning("state.json could not be written: %s", error)


@contextmanager
def _only_supervisor(home: Home) -> Iterator[None]:
    """Hold the home's lock; the system lets go of it when we die, however we do."""
    with home.lock_file.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            remedy = "See `callvault status`, stop it with `callvault down`, or set another CALLVAULT_HOME."
            raise CallvaultError("already_running", f"A stack runs on {home.path}.", remedy) from error
        yield


async def _all(work: Iterable[Coroutine[None, None, None]]) -> None:
    """Do all at once; at the first failure cancel the others and raise it as it is."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _end_leftovers(home: Home) -> None:
    """End processes that outlived an earlier supervisor, where the system does not do so."""
    for entry in home.state().get("processes", []):
        if entry["pid"] and created(entry["pid"]) == entry["created"]:
            end_and_wait(entry["pid"], how=signal.SIGINT, within=_LEFTOVER_SECONDS)


def _describe(failure: CallvaultError | None) -> dict[str, str] | None:
    if failure is None:
        return None
    described = {"code": failure.code, "message": failure.message, "remedy": failure.remedy}
    if isinstance(failure, ProcessError):
        described |= {"process": failure.name, "what": failure.what, "log_tail": failure.tail}
    return described


def main(arguments: list[str]) -> int:
    """Run the stack of CALLVAULT_HOME; 0 after a stop, 1 if it could not start."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    ports = [int(word) for word in arguments if word.isdigit()]
    try:
        supervisor = Supervisor(
            Home.from_environment(),
            gateway_port=ports[0] if ports else None,
            with_sandbox="--sandbox" in arguments,
        )
        asyncio.run(supervisor.run())
    except CallvaultError as error:
        logger.error("%s: %s", error.code, error)  # noqa: TRY400 - a sentence, not a traceback
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
