"""The Import Hub's page. Which part of it is shown is decided in the browser, by the address."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from ingest_gateway.deps import DepsParam, get_deps
from ingest_gateway.problems import on_http_error

PATHS = ("/", "/import", "/calls", "/calls/{call}", "/settings", "/sign-in", "/sign-up")
_NOT_PAGES = ("/api/", "/oauth/", "/webhooks/", "/assets/", "/docs", "/static-offline-docs")

router = APIRouter(include_in_schema=False)


async def show(request: Request, deps: DepsParam) -> Response:
    """The same document for each of its addresses."""
    return await deps.page.document(request)


for path in PATHS:
    router.add_api_route(path, show, methods=["GET", "HEAD"])


async def on_not_found(request: Request, error: Exception) -> Response:
    """Somebody who looks at an address that is none gets the page, which says so; a program gets a problem."""
    wants_page = "text/html" in request.headers.get("accept", "") and request.method == "GET"
    page = get_deps(request).page
    if wants_page and page.folder and not request.url.path.startswith(_NOT_PAGES):
        return await page.document(request, status=404)
    return await on_http_error(request, error)
