"""Fixtures for the tests of every package."""

import gc
import signal

import pytest

pytest_plugins = ["tests.support.fixtures", "tests.support.parallel", "tests.support.sources"]

# Modules are there to stay: nothing is collected while they are read, and they are not looked at later.
gc.disable()

# A shell starts what it puts in the background deaf to SIGINT, and so would be all that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """From here on there is something to collect."""
    gc.freeze()
    gc.enable()
