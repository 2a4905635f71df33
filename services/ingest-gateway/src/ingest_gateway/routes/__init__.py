"""The HTTP API, a router for each noun."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

Limit = Annotated[int, Query(ge=1, le=200, description="How many, at most.")]
After = Annotated[UUID | None, Query(description="The `next_after` of the page before.")]
Before = Annotated[UUID | None, Query(description="The `next_before` of the page before.")]
