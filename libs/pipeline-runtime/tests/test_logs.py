"""What lands on stdout: one JSON object a line, without secrets."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
import structlog

from pipeline_runtime.logs import LONGEST, configure_logs

Said = Callable[[], list[dict[str, Any]]]
SECRET = "sesame"


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[Said]:
    """The lines so far. What was configured before is put back afterwards."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers, root.level
    configure_logs("tests")
    structlog.configure(cache_logger_on_first_use=False)
    yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
    structlog.contextvars.clear_contextvars()
    structlog.configure(**before)
    root.handlers = handlers
    root.setLevel(level)


def test_an_event_is_one_line_of_json_with_service_level_and_time(said: Said) -> None:
    with structlog.contextvars.bound_contextvars(job="j-1"):
        structlog.get_logger("somewhere").info("upload.taken", item=UUID(int=7), filename="two\nlines")
    (line,) = said()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "upload.taken", "service": "tests", "level": "info", "logger": "somewhere", "job": "j-1",
        "item": str(UUID(int=7)), "filename": "two\nlines",
    }  # fmt: skip


@pytest.mark.parametrize(
    "name", ["password", "new_password", "token", "Authorization", "api_key", "client_secret", "set-cookie",
             "full_transcript", "segment_text"],
)  # fmt: skip
def test_values_under_names_that_secrets_have_are_hidden(said: Said, name: str) -> None:
    structlog.get_logger().warning("request.refused", **{name: SECRET}, headers={name: SECRET, "host": "here"})
    (line,) = said()
    assert line[name] == "[hidden]"
    assert line["headers"] == {name: "[hidden]", "host": "here"}
    assert SECRET not in json.dumps(line)


def test_long_values_are_cut_and_tracebacks_are_not(said: Said) -> None:
    try:
        raise RuntimeError("x" * 2 * LONGEST)
    except RuntimeError:
        structlog.get_logger().exception("loop.died", detail="y" * 2 * LONGEST)
    (line,) = said()
    assert len(line["detail"]) == LONGEST + 1
    assert "Traceback" in line["exception"]
    assert "x" * 2 * LONGEST in line["exception"]


@pytest.mark.parametrize("client", ["httpx", "httpx2", "httpcore", "httpcore2", "openai"])
def test_addresses_that_a_client_asks_are_not_logged(said: Said, client: str) -> None:
    logging.getLogger(client).info("HTTP Request: GET https://example.com/?key=%s", SECRET)
    assert said() == []


def test_records_of_the_standard_library_come_out_the_same_way(said: Said) -> None:
    logging.getLogger("uvicorn.error").info("serving on port %d", 8000)
    logging.getLogger("aiokafka.consumer").info("noise")
    logging.getLogger("aiokafka.consumer").warning("worth knowing")
    first, second = said()
    assert (first["event"], first["logger"], first["level"]) == (
        "serving on port 8000",
        "uvicorn.error",
        "info",
    )
    assert second["event"] == "worth knowing"
    assert second["service"] == "tests"
