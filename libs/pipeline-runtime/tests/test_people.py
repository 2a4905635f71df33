"""Passwords as they are stored."""

from __future__ import annotations

from argon2 import Type, extract_parameters
from argon2.profiles import RFC_9106_LOW_MEMORY

from pipeline_runtime.people import hash_password, password_matches


def test_guessing_a_password_costs_what_rfc_9106_asks_for() -> None:
    stored = hash_password("correct horse battery")
    cost = extract_parameters(stored)
    assert cost.type is Type.ID
    assert cost.memory_cost >= RFC_9106_LOW_MEMORY.memory_cost
    assert cost.time_cost >= RFC_9106_LOW_MEMORY.time_cost
    assert password_matches(stored, "correct horse battery")
    assert not password_matches(stored, "correct horse batterz")
