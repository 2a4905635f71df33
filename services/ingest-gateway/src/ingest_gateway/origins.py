"""Writes by cookie come from our own pages only."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request

from ingest_gateway.problems import FOREIGN_ORIGIN

READING = frozenset({"GET", "HEAD", "OPTIONS"})


def is_own(request: Request, public_url: str) -> bool | None:
    """Whether the request's Origin is ours: PUBLIC_URL's, or that of the Host asked for. None without one."""
    origin = request.headers.get("origin")
    if origin is None:
        return None
    public = urlsplit(public_url)
    if origin == f"{public.scheme}://{public.netloc}":
        return True
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and parts.netloc == request.headers.get("host")


def require_own(request: Request, public_url: str) -> None:
    """For a write by cookie. Raises foreign_origin, also where the browser sent no Origin."""
    if request.method not in READING and not is_own(request, public_url):
        raise FOREIGN_ORIGIN.error()


def refuse_foreign(request: Request, public_url: str) -> None:
    """For signing in: programs send no Origin, browsers always do. Raises foreign_origin."""
    if is_own(request, public_url) is False:
        raise FOREIGN_ORIGIN.error()
