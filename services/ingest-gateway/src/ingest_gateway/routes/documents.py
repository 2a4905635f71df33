"""What describes the API, and the way there."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import RedirectResponse

from ingest_gateway import asyncapi
from ingest_gateway.deps import DepsParam

router = APIRouter(tags=["documents"])


@router.get("/asyncapi", summary="The messages, as AsyncAPI 3")
async def get_asyncapi(deps: DepsParam) -> dict[str, Any]:
    """What travels over Kafka, for whoever subscribes."""
    return asyncapi.document(deps.settings.kafka_topic_prefix)


@router.get("/", include_in_schema=False)
async def redirect_to_docs() -> RedirectResponse:
    """Until there is a page."""
    return RedirectResponse("/docs")
