"""The gateway's messages, ready for the outbox. Their ids come from the fact, so that a repetition is seen."""

from __future__ import annotations

from uuid import UUID

from pipeline_contracts import About, AudioReceived, DiscoveryEnded, Encoded, Envelope, encode
from pipeline_runtime import traces

SERVICE = "ingest-gateway"


def audio_received(ticket: AudioReceived, *, owner: UUID) -> Encoded:
    """Audio lies in storage and wants a transcript."""
    about = About(ticket.job_id, ticket.item_id, ticket.attempt)
    return encode(ticket, key=owner, envelope=_envelope(ticket, f"{ticket.item_id}.{ticket.attempt}", about))


def discovery_ended(job: UUID, *, owner: UUID, nudge: str = "") -> Encoded:
    """Nothing more will be found for this job. `nudge` names what has happened to it since."""
    message = DiscoveryEnded(job_id=job)
    return encode(message, key=owner, envelope=_envelope(message, f"{job}{nudge}", About(job)))


def _envelope(message: AudioReceived | DiscoveryEnded, fact: str, about: About) -> Envelope:
    return Envelope(type=message.event_type, source=SERVICE, id=fact, traceparent=traces.current(), about=about)
