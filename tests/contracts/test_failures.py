"""Every problem that an item can fail with fits the message that tells it."""

from __future__ import annotations

from uuid import uuid4

import pytest

from pipeline_contracts import ItemFailed
from pipeline_runtime.failures import CATALOGUE, LONGEST_MESSAGE, ItemProblem, Problem


@pytest.mark.parametrize("problem", CATALOGUE.values(), ids=CATALOGUE.keys())
def test_a_problem_travels_with_its_code_and_sentence(problem: Problem) -> None:
    found = ItemProblem(problem, "With a detail. " * 100)
    assert len(found.message) <= LONGEST_MESSAGE
    assert found.message.startswith(problem.sentence)
    failed = ItemFailed(
        job_id=uuid4(), item_id=uuid4(), attempt=1,
        code=found.code, message=found.message, retryable=found.retryable,
    )  # fmt: skip
    assert CATALOGUE[failed.code] is problem
    assert problem.sentence.endswith(".")
