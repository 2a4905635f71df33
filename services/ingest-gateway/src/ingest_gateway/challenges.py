"""Providers that ask whether an address is ours before they send there: the answer, by the manifest's data."""

from __future__ import annotations

import json
from typing import Any

from ingest_gateway.signatures import hex_hmac
from pipeline_contracts import Challenge

LONGEST_TOKEN = 1024


def answer_challenge(challenge: Challenge | None, secret: str, body: bytes) -> dict[str, str] | None:
    """The JSON to answer with; None where the body asks nothing of the kind."""
    if challenge is None:
        return None
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    token = _at(content, challenge.token_path)
    if _at(content, challenge.event_path) != challenge.event_value or not isinstance(token, str):
        return None
    token = token[:LONGEST_TOKEN]
    return {challenge.plain_field: token, challenge.hashed_field: hex_hmac(secret, token)}


def _at(content: Any, path: str) -> Any:
    """What lies at a dotted path; None where nothing does."""
    for step in path.split("."):
        content = content.get(step) if isinstance(content, dict) else None
    return content
