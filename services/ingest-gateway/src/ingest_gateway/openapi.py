"""The OpenAPI document: with problem details in place of the framework's own errors."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from ingest_gateway.problems import Problem
from ingest_gateway.schemas.events import StreamEvents

DESCRIPTION = """
Import recordings, follow what becomes of them, read the transcripts.

Sign in for a session cookie, or send `Authorization: Bearer` with a personal API token or a JWT of the
configured identity provider. Writes by cookie need an `Origin` header of this site.

Errors are problem details (RFC 9457) with a stable `code`. What belongs to somebody else is `not_found`.
"""
_REPLACED = ("HTTPValidationError", "ValidationError")


def describe(app: FastAPI) -> dict[str, Any]:
    """Made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=DESCRIPTION,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for name in _REPLACED:
            schemas.pop(name, None)
        _, problem = models_json_schema(
            [(Problem, "serialization")], ref_template="#/components/schemas/{model}"
        )
        _, events = models_json_schema(
            [(StreamEvents, "serialization")], ref_template="#/components/schemas/{model}"
        )
        schemas.update(problem["$defs"])
        schemas.update(events["$defs"])
        app.openapi_schema = document
    return app.openapi_schema
