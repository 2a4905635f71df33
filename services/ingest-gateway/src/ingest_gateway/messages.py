"""The gateway's messages, ready for the outbox. Their ids come from the fact, so that a repetition is seen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import NAMESPACE_OID, UUID, uuid5

from ingest_gateway.queries.failures import Reopened
from pipeline_contracts import (
    About,
    AudioReceived,
    CancelRequested,
    ConnectRequested,
    DisconnectRequested,
    DiscoveryEnded,
    Encoded,
    Envelope,
    FetchRequested,
    ItemSkipped,
    Message,
    SourceChanged,
    encode,
)
from pipeline_runtime import traces

SERVICE = "ingest-gateway"
ITEMS_IN_A_REQUEST = 200

Command = ConnectRequested | DisconnectRequested | CancelRequested


def audio_received(ticket: AudioReceived, *, owner: UUID) -> Encoded:
    """Audio lies in storage and wants a transcript."""
    about = About(ticket.job_id, ticket.item_id, ticket.attempt)
    return encode(ticket, key=owner, envelope=_envelope(ticket, f"{ticket.item_id}.{ticket.attempt}", about))


def discovery_ended(job: UUID, *, owner: UUID, nudge: str = "") -> Encoded:
    """Nothing more will be found for this job. `nudge` names what has happened to it since."""
    message = DiscoveryEnded(job_id=job)
    return encode(message, key=owner, envelope=_envelope(message, f"{job}{nudge}", About(job)))


def item_skipped(message: ItemSkipped, *, owner: UUID) -> Encoded:
    """An item ends without a recording."""
    about = About(message.job_id, message.item_id, message.attempt)
    fact = f"{message.item_id}.{message.attempt}.{message.code}"
    return encode(message, key=owner, envelope=_envelope(message, fact, about))


def fetch_requested(message: FetchRequested, *, source: str, key: UUID, fact: str) -> Encoded:
    """Work for a source's connector; `key` is the account, or the owner where there is none."""
    about = About(message.job_id) if message.job_id else None
    return encode(message, key=key, envelope=_envelope(message, fact, about), source=source)


def source_command(message: Command, *, source: str, key: UUID, fact: str) -> Encoded:
    """What a source's connector is told; `key` is the account, the attempt, or the owner."""
    return encode(message, key=key, envelope=_envelope(message, fact), source=source)


def source_changed(message: SourceChanged) -> Encoded:
    """How an account stands now."""
    fact = f"{message.account_id}.{message.version}"
    return encode(message, key=message.account_id, envelope=_envelope(message, fact))


def tickets(reopened: Iterable[Reopened], *, owner: UUID) -> list[Encoded]:
    """What starts the work on items that were opened again: files for the transcriber, calls for connectors."""
    found: list[Encoded] = []
    calls: defaultdict[UUID, list[Reopened]] = defaultdict(list)
    for one in reopened:
        if one.outcome != "found":
            continue
        if one.ticket is not None and "audio" in one.ticket:
            ticket = AudioReceived.model_validate({**one.ticket, "attempt": one.attempt})
            found.append(audio_received(ticket, owner=owner))
        else:
            calls[one.job_id].append(one)
    for of_job in calls.values():
        starts = range(0, len(of_job), ITEMS_IN_A_REQUEST)
        found += [_fetch_again(of_job[start : start + ITEMS_IN_A_REQUEST], owner) for start in starts]
    return found


def _fetch_again(items: Sequence[Reopened], owner: UUID) -> Encoded:
    """For items of one job, which has one source and one account."""
    first = items[0]
    message = FetchRequested(
        job_id=first.job_id,
        account_id=first.account_id,
        trigger="retry",
        item_ids=tuple(item.item_id for item in items),
    )
    fact = uuid5(NAMESPACE_OID, " ".join(f"{item.item_id}.{item.attempt}" for item in items))
    key = first.account_id or owner
    return fetch_requested(message, source=first.source_app, key=key, fact=f"retry.{fact}")


def _envelope(message: Message, fact: str, about: About | None = None) -> Envelope:
    return Envelope(type=message.event_type, source=SERVICE, id=fact, traceparent=traces.current(), about=about)
