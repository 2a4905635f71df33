"""The fields beside a file: read strictly, because a value that is dropped in silence helps nobody."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ingest_gateway.filenames import clean_title
from ingest_gateway.problems import INVALID_FIELD

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}")
_MILLISECONDS = re.compile(r"-?\d{1,15}(\.\d+)?")
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_CLOCKS_DIFFER = timedelta(days=1)


@dataclass(frozen=True)
class UploadFields:
    """`modified_at` is aware and in UTC; None where the client sent none that can be believed."""

    title: str | None
    language: str | None
    modified_at: datetime | None


def read_fields(fields: dict[str, str]) -> UploadFields:
    """Raises invalid_field. Fields that nobody knows are left alone."""
    return UploadFields(
        title=clean_title(fields.get("title", "")) or None,
        language=_language(fields.get("language", "").strip()),
        modified_at=_modified_at(fields.get("last_modified", "").strip()),
    )


def _language(text: str) -> str | None:
    if text and not _LANGUAGE.fullmatch(text):
        raise INVALID_FIELD.error("`language` is a language tag such as en or pt-BR.")
    return text or None


def _modified_at(text: str) -> datetime | None:
    """Epochs that were never set and the far future count as not given."""
    if not text:
        return None
    try:
        time = _milliseconds(text) if _MILLISECONDS.fullmatch(text) else datetime.fromisoformat(text)
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise INVALID_FIELD.error("`last_modified` is an ISO 8601 time, or milliseconds since 1970.") from None
    return time if _EARLIEST <= time <= datetime.now(UTC) + _CLOCKS_DIFFER else None


def _milliseconds(text: str) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=float(text))
