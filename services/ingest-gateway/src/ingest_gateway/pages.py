"""The Import Hub's page as it was built: one document for all its addresses, and its assets.

The document is never cached without asking, what carries a hash in its name is kept for ever. Where a
compressed twin lies beside a file (`.br`, `.gz`), who takes it gets that.
"""

from __future__ import annotations

import mimetypes
import re
from pathlib import Path

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

INDEX = "index.html"
NOT_BUILT = (
    "The page is not built here. Run `npm ci` and `npm run build` in the folder web/, or set WEB_FOLDER to the "
    "folder of a built one; then start the gateway again. The API works without it: see /docs.\n"
)
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self' 'wasm-unsafe-eval'",  # files are hashed by a program of WebAssembly
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "worker-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}
KEPT = "public, max-age=31536000, immutable"
_HASHED = re.compile(r"[.-][A-Za-z0-9_-]{8}\.\w+$")
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
_KINDS = {
    ".js": "text/javascript",
    ".wasm": "application/wasm",
    ".woff2": "font/woff2",
    ".svg": "image/svg+xml",
}


class BuiltFiles(StaticFiles):
    """The files of a folder, each in its smallest form that the client takes."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, or that it has not changed. Raises HTTPException 404."""
        encoding, suffix = self._encoding(path, Headers(scope=scope).get("accept-encoding", ""))
        response = await super().get_response(path + suffix, scope)
        response.headers.update(HEADERS)
        response.headers["Vary"] = "Accept-Encoding"
        response.headers["Cache-Control"] = KEPT if _HASHED.search(path) else "no-cache"
        if not isinstance(response, NotModifiedResponse):
            response.headers["Content-Type"] = _kind(path)
            if encoding:
                response.headers["Content-Encoding"] = encoding
        return response

    def _encoding(self, path: str, accepted: str) -> tuple[str, str]:
        """The best encoding that the client takes and that is there, and the ending of its file."""
        offers = [one.replace(" ", "") for one in accepted.lower().split(",")]
        taken = {one.partition(";")[0] for one in offers if not one.endswith(";q=0")}
        for encoding, suffix in _ENCODINGS:
            if encoding in taken and self.lookup_path(path + suffix)[1] is not None:
                return encoding, suffix
        return "", ""


class Page:
    """A folder with `index.html` and `assets/`. Without one, the answer is how to build it."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._files = BuiltFiles(directory=folder) if folder else None

    def add_to(self, app: FastAPI) -> None:
        """Serve the assets."""
        if self.folder:
            app.mount("/assets", BuiltFiles(directory=self.folder / "assets", check_dir=False), name="assets")

    async def document(self, request: Request, status: int = 200) -> Response:
        """The page itself."""
        if self._files is None:
            return PlainTextResponse(NOT_BUILT, 503, headers=HEADERS)
        response = await self._files.get_response(INDEX, request.scope)
        if not isinstance(response, NotModifiedResponse):
            response.status_code = status
        return response


def find_folder(given: Path | None) -> Path | None:
    """The folder of the built page: the one that was given, else `web/dist` of the checkout that this is in."""
    if given:
        return given if (given / INDEX).is_file() else None
    folders = (parent / "web" / "dist" for parent in Path(__file__).resolve().parents)
    return next((folder for folder in folders if (folder / INDEX).is_file()), None)


def _kind(path: str) -> str:
    suffix = Path(path).suffix
    kind = _KINDS.get(suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
