"""What a cause of failures means for the user: one sentence, and what helps."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any, Literal

from sqlalchemy import RowMapping

from ingest_gateway.queries.people import Usage
from ingest_gateway.words import sentence
from pipeline_runtime.failures import QUOTA_EXCEEDED, RECONNECT_NEEDED

Remedy = Literal["retry", "reconnect", "wait", "none"]
_WITH_NAME = {RECONNECT_NEEDED.code, "source_unavailable", "consent_withdrawn"}
_ROOM_AGAIN = "They were over the month's imports when they came. There is room again: retry them."


def resets_at(usage: Usage) -> datetime:
    """When the next month's imports begin."""
    return datetime.combine(usage.next_month, time(), UTC)


def day(moment: datetime) -> str:
    """As sentences have it: 1 December."""
    return f"{moment.day} {moment:%B}"


def is_used_up(usage: Usage) -> bool:
    """Whether this month takes no more."""
    return usage.monthly_imports is not None and usage.used + usage.pending >= usage.monthly_imports


def find_remedy(group: RowMapping | dict[str, Any], usage: Usage) -> Remedy:
    """What helps failures of one cause."""
    if group["code"] == QUOTA_EXCEEDED.code:
        return "wait" if is_used_up(usage) else "retry"
    if group["code"] == RECONNECT_NEEDED.code and group["account_status"] in ("error", "disconnected"):
        return "reconnect"
    return "retry" if group["retryable"] else "none"


def cause_sentence(code: str, name: str, message: str | None, full: Usage | None) -> str | None:
    """With the source's name or the month's end where they belong to it; else the failure's own sentence."""
    if code == QUOTA_EXCEEDED.code:
        return over_the_limit(full) if full else _ROOM_AGAIN
    return sentence(code, name) if code in _WITH_NAME else message


def over_the_limit(usage: Usage) -> str:
    """What happens at the limit."""
    limit, free = usage.monthly_imports, day(resets_at(usage))
    return f"This month's {limit} imports are used up. They are free again on {free}."


def usage_sentence(usage: Usage) -> str | None:
    """What comes next, where the month is used up or nearly; else None."""
    if usage.monthly_imports is None:
        return None
    if is_used_up(usage):
        return f"{over_the_limit(usage)} Calls that come until then wait under Failed imports."
    left = usage.monthly_imports - usage.used - usage.pending
    if left > max(2, usage.monthly_imports // 5):
        return None
    calls = "1 more call" if left == 1 else f"{left} more calls"
    return f"{calls} can be imported until {day(resets_at(usage))}."
