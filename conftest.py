"""Fixtures for the tests of every package."""

import signal

pytest_plugins = ["tests.support.fixtures", "tests.support.parallel", "tests.support.sources"]

# A shell starts what it puts in the background deaf to SIGINT, and so would be all that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
