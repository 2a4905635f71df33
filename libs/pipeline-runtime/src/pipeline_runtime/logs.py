"""Logs: one JSON object a line on stdout, event names as `noun.verb`, ids bound once per message.

No secret and no transcript is ever given to a logger; as a second fence, values under names
that secrets usually have are replaced, and long values are cut.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

LONGEST = 2000
_SECRET_NAMES = ("password", "secret", "token", "authorization", "api_key", "cookie", "transcript", "text")
_NOISY = ("aiokafka", "httpx", "httpx2", "httpcore", "httpcore2", "uvicorn.access", "faster_whisper", "openai")


def _fence(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        event[name] = _shown(name, value)
    return event


def _shown(name: str, value: Any) -> Any:
    """A value as it may be shown under its name."""
    if any(word in name.lower() for word in _SECRET_NAMES):
        return "[hidden]"
    if isinstance(value, Mapping):
        return {str(inner): _shown(str(inner), each) for inner, each in value.items()}
    if isinstance(value, str) and len(value) > LONGEST and name != "exception":
        return value[:LONGEST] + "…"
    return value


def configure_logs(service: str, level: str = "INFO") -> None:
    """Send structlog's events and the standard library's records to stdout as JSON lines."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _fence,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(default=str),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(service=service)
