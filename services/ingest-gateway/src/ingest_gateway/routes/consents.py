"""Coming back from a provider's consent page."""

from __future__ import annotations

from urllib.parse import urlencode

import structlog
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from ingest_gateway import consent
from ingest_gateway.deps import Deps, DepsParam
from ingest_gateway.messages import source_command
from ingest_gateway.problems import NO_SUCH_SOURCE, ProblemError, documented
from ingest_gateway.queries import attempts as queries
from ingest_gateway.queries.attempts import Returned
from ingest_gateway.sealing import seal
from pipeline_contracts import ConnectorManifest, ConnectRequested

LONGEST_CODE = 4096
_ELSEWHERE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>CallVault</title>
<body><p>Connecting was begun elsewhere, and nothing was connected here.</p>
<p>If you began it with <code>callvault connect</code>, paste this page's address there.
Otherwise begin again on the Import page of this browser.</p></body></html>"""

log = structlog.get_logger()
router = APIRouter(tags=["sources"])


@router.get(
    "/oauth/{source}/callback", summary="The way back from a source", status_code=303,
    response_class=RedirectResponse, responses=documented(NO_SUCH_SOURCE),
)  # fmt: skip
async def come_back(
    source: str, request: Request, deps: DepsParam, state: str = "", code: str = "", error: str = ""
) -> Response:
    """Take the code that the source gave, once, and go on to the page.

    The page is told `connected={source}` while the connector is at it, or `connect_error={code}`.
    """
    manifest = deps.manifests.find(source)
    if manifest is None:
        raise NO_SUCH_SOURCE.error()
    outcome = await _take(manifest, request, deps, state, code, error)
    log.info("connect.returned", source=source, outcome=outcome or "submitted")
    if outcome == "other_browser":
        return HTMLResponse(_ELSEWHERE, status_code=403, headers=_QUIET)
    told = {"connect_error": outcome, "source": source} if outcome else {"connected": source}
    page = f"{deps.settings.public_url.rstrip('/')}/import?{urlencode(told)}"
    return RedirectResponse(page, status_code=303, headers=_QUIET)


_QUIET = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""The address carries a code: it goes into no cache and to no other page."""


async def _take(
    manifest: ConnectorManifest, request: Request, deps: Deps, state: str, code: str, error: str
) -> str | None:
    """None where the connector has the code now, else why not, as a code."""
    if not consent.is_state(state):
        return "unknown_attempt"
    returned = Returned(manifest.source, consent.digest(state), consent.session_hashes(request))
    if error or not code or len(code) > LONGEST_CODE:
        refusal = consent.PROVIDER_ERRORS.get(error, "provider_refused")
        return await _refuse(returned, refusal, deps)
    try:
        sealed = seal(manifest, {"code": code})
    except ProblemError as problem:
        return await _refuse(returned, problem.code, deps)
    async with deps.relay.transaction() as transaction:
        attempt = await queries.submit_code(transaction.connection, returned=returned, secret=sealed)
        if attempt is None:
            return await queries.find_why_not(transaction.connection, returned=returned)
        command = ConnectRequested(attempt_id=attempt)
        transaction.emit(source_command(command, source=manifest.source, key=attempt, fact=str(attempt)))
    return None


async def _refuse(returned: Returned, reason: str, deps: Deps) -> str:
    async with deps.intake.begin() as connection:
        attempt = await queries.refuse_attempt(connection, returned=returned, reason=reason)
        return reason if attempt else await queries.find_why_not(connection, returned=returned)
