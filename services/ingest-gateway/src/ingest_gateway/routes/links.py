"""Importing links."""

from __future__ import annotations

from uuid import UUID, uuid4

import structlog
from fastapi import APIRouter

from ingest_gateway.callers import Caller
from ingest_gateway.deps import CallerParam, Deps, DepsParam
from ingest_gateway.links import clean_link, find_taker
from ingest_gateway.messages import fetch_requested
from ingest_gateway.problems import (
    FOREIGN_ORIGIN,
    SOURCE_SWITCHED_OFF,
    UNKNOWN_OPTION,
    UNSUPPORTED_LINK,
    documented,
)
from ingest_gateway.queries import syncs
from ingest_gateway.schemas.sources import RefusedLink, UrlAccepted, UrlImport, UrlJob
from ingest_gateway.switches import require_on
from pipeline_contracts import ConnectorManifest, FetchRequested
from pipeline_runtime.database import speaking_for
from pipeline_runtime.outbox import Transaction

log = structlog.get_logger()
router = APIRouter(tags=["imports"])


@router.post(
    "/api/imports/url", status_code=202, summary="Import links",
    responses=documented(FOREIGN_ORIGIN, SOURCE_SWITCHED_OFF, UNSUPPORTED_LINK, UNKNOWN_OPTION),
)  # fmt: skip
async def import_links(wish: UrlImport, caller: CallerParam, deps: DepsParam) -> UrlAccepted:
    """Import the calls behind some links, a list of calls included. The source of each is known by its host.

    Links that no source takes are in `refused`; if none is taken, the answer is `unsupported_link`.
    """
    taken, refused = _sort(wish.links, deps)
    if not taken:
        raise UNSUPPORTED_LINK.error(refused[0].message)
    for manifest, _ in taken:
        await require_on(deps.web, caller.user, manifest.source, manifest.name)
    _require_options(wish.options, [manifest for manifest, _ in taken])
    jobs = []
    async with deps.relay.transaction(speaking_for(deps.web, caller.user)) as transaction:
        for manifest, links in taken:
            job = await _begin(transaction, manifest, links, wish.options, caller)
            jobs.append(UrlJob(job_id=job, source_app=manifest.source, links=links))
    log.info("links.taken", jobs=[str(job.job_id) for job in jobs], refused=len(refused))
    return UrlAccepted(jobs=jobs, refused=refused)


def _sort(texts: list[str], deps: Deps) -> tuple[list[tuple[ConnectorManifest, list[str]]], list[RefusedLink]]:
    """Links by the source that takes them, each once; and those that none takes."""
    manifests = deps.manifests.all()
    taken: dict[str, tuple[ConnectorManifest, list[str]]] = {}
    refused = []
    for text in dict.fromkeys(texts):
        link = clean_link(text)
        manifest = find_taker(link, manifests) if link else None
        if link is None or manifest is None:
            sentence = UNSUPPORTED_LINK.sentence if link else "This is not a link."
            refused.append(RefusedLink(link=text, code=UNSUPPORTED_LINK.code, message=sentence))
        elif link not in (links := taken.setdefault(manifest.source, (manifest, []))[1]):
            links.append(link)
    return list(taken.values()), refused


def _require_options(options: dict[str, bool], manifests: list[ConnectorManifest]) -> None:
    known = {option.name for manifest in manifests for option in manifest.options}
    if unknown := options.keys() - known:
        raise UNKNOWN_OPTION.error(f"There is no option {min(unknown)}.")


async def _begin(
    transaction: Transaction, manifest: ConnectorManifest, links: list[str], options: dict[str, bool],
    caller: Caller,
) -> UUID:  # fmt: skip
    job, source = uuid4(), manifest.source
    own = {option.name: options.get(option.name, option.default) for option in manifest.options}
    await syncs.add_sync(
        transaction.connection, job=job, owner=caller.user, source=source, account=None, trigger="manual",
        request={"links": links, "options": own},
    )  # fmt: skip
    message = FetchRequested(job_id=job, trigger="manual", links=tuple(links), options=own)
    transaction.emit(fetch_requested(message, source=source, key=caller.user, fact=f"links.{job}"))
    return job
