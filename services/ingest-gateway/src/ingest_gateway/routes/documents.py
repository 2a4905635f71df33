"""What describes the API."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from ingest_gateway import asyncapi
from ingest_gateway.deps import DepsParam

router = APIRouter(tags=["documents"])


@router.get("/asyncapi", summary="The messages, as AsyncAPI 3")
async def get_asyncapi(deps: DepsParam) -> dict[str, Any]:
    """What travels over Kafka, for whoever subscribes."""
    return asyncapi.document(deps.settings.kafka_topic_prefix)
