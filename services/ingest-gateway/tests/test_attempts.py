"""How often a password may be tried."""

import pytest

from ingest_gateway import attempts
from ingest_gateway.attempts import Attempts
from ingest_gateway.problems import ProblemError


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_pair_may_try_ten_times_in_its_window() -> None:
    clock = Clock()
    counted = Attempts(clock)
    for _ in range(attempts.OF_ONE_PAIR):
        counted.begin("a", "x@y")
    with pytest.raises(ProblemError) as caught:
        counted.begin("a", "x@y")
    assert caught.value.code == "too_many_attempts"
    assert caught.value.headers == {"Retry-After": str(int(attempts.WINDOW_SECONDS) + 1)}

    clock.now += attempts.WINDOW_SECONDS
    counted.begin("a", "x@y")


def test_many_names_from_one_address_and_many_addresses_for_one_name_end_too() -> None:
    by_address, by_name = Attempts(Clock()), Attempts(Clock())
    for number in range(100):
        by_address.begin("a", f"{number}@y")
        by_name.begin(f"{number}", "x@y")

    with pytest.raises(ProblemError):
        by_address.begin("a", "another@y")
    with pytest.raises(ProblemError):
        by_name.begin("another", "x@y")


def test_the_right_password_starts_the_pair_afresh() -> None:
    counted = Attempts(Clock())
    for _ in range(50):
        counted.begin("a", "x@y")
        counted.forget("a", "x@y")


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "KEPT", 10)
    counted = Attempts(Clock())
    for number in range(100):
        counted.begin(f"{number}", f"{number}@y")

    assert len(counted._times) <= 11
