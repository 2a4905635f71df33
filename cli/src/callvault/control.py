"""Seeing and steering the supervisor of a home from another process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from callvault.environment import gateway_url, kafka_environment
from callvault.errors import CallvaultError, ProcessError
from callvault.home import Home
from callvault.spawn import created, end_and_wait, rotate, tail

_LOOK_SECONDS = 0.05
_DOWN_SECONDS = 90.0


def status(home: Home) -> dict[str, Any]:
    """The stack as it is now: home, state, supervisor, urls, processes (see `callvault status --json`)."""
    state = home.state()
    supervisor = state.get("supervisor")
    alive = _is_alive(supervisor)
    processes = state.get("processes", [])
    if not alive:  # it may have died before it could write this
        processes = [process | {"pid": None, "state": "stopped", "problem": None} for process in processes]
    return {
        "home": str(home.path),
        "state": supervisor["state"] if supervisor and alive else "stopped",
        "supervisor": {"pid": supervisor["pid"] if supervisor and alive else None},
        "urls": _urls(home) if alive else {},
        "processes": [{key: value for key, value in each.items() if key != "created"} for each in processes],
    }


def start_detached(
    home: Home, *, port: int | None = None, with_sandbox: bool = False, say: Callable[[str], None] = print
) -> None:
    """Start a supervisor in the background and return when all is ready.

    Raises what kept it from starting: `already_running`, ProcessError with the log's tail, and others.
    """
    if _is_alive(home.state().get("supervisor")):
        raise CallvaultError(
            "already_running", f"A stack runs on {home.path}.", "Stop it with `callvault down`."
        )
    log = home.log("supervisor")
    rotate(log)
    options = [*([str(port)] if port else []), *(["--sandbox"] if with_sandbox else [])]
    command = [sys.executable, "-P", "-m", "callvault.supervisor", *options]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"CALLVAULT_HOME": str(home.path)},
            cwd=home.path,
            start_new_session=True,
        )
    try:
        _follow(home, process, say)
    except BaseException:  # Ctrl-C while it starts
        process.terminate()
        process.wait()
        raise
    supervisor = home.state().get("supervisor", {})
    if process.returncode is not None:
        raise _failure(home, supervisor if supervisor.get("pid") == process.pid else {})


def stop(home: Home) -> bool:
    """Stop the stack and wait until it is gone; False if none ran."""
    supervisor = home.state().get("supervisor")
    if supervisor is None or not _is_alive(supervisor):
        return False
    if not end_and_wait(supervisor["pid"], how=signal.SIGTERM, within=_DOWN_SECONDS):
        message = f"The stack did not stop within {_DOWN_SECONDS:.0f} s."
        raise CallvaultError("not_stopped", message, f"Look into {home.log('supervisor')}.")
    return True


def _follow(home: Home, process: subprocess.Popen[bytes], say: Callable[[str], None]) -> None:
    """Say how far it is until it is ready or has ended."""
    told: dict[str, str] = {}
    while process.poll() is None:
        state = home.state()
        if state.get("supervisor", {}).get("pid") == process.pid:
            for each in state["processes"]:
                if told.get(each["name"]) != each["state"]:
                    told[each["name"]] = each["state"]
                    say(f"{each['name']}: {each['state']}")
            if state["supervisor"]["state"] == "ready":
                return
        time.sleep(_LOOK_SECONDS)


def _failure(home: Home, supervisor: dict[str, Any]) -> CallvaultError:
    failure = supervisor.get("failure")
    if failure and "process" in failure:
        return ProcessError(failure["process"], failure["what"], failure["log_tail"])
    if failure:
        return CallvaultError(failure["code"], failure["message"], failure["remedy"])
    return ProcessError("supervisor", "ended before the stack was ready", tail(home.log("supervisor")))


def _is_alive(supervisor: dict[str, Any] | None) -> bool:
    return supervisor is not None and created(supervisor["pid"]) == supervisor["created"]


def _urls(home: Home) -> dict[str, str]:
    try:
        urls = {"kafka": kafka_environment(home)["KAFKA_BOOTSTRAP_SERVERS"]}
    except CallvaultError:  # too early: the ports are not chosen yet
        return {}
    gateway = gateway_url(home)
    return urls | ({"gateway": gateway} if gateway else {})
