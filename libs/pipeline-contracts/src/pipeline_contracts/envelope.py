"""How a message travels: JSON in the value, CloudEvents 1.0 attributes in the headers (binary mode).

The item that a message is about (job, item, attempt) stands in the headers too, so that an
item can be ended even when nobody can read the message.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

from pydantic import ValidationError

from pipeline_contracts.messages import Message
from pipeline_contracts.topics import Topic, topic_of

MAX_MESSAGE_BYTES = 8 * 1024 * 1024
"""The longest uncompressed JSON of one message."""

Headers = list[tuple[str, bytes]]


class MessageTooLarge(ValueError):
    """The JSON of a message is over the limit. For a record the code is `transcript_too_large`."""

    code = "transcript_too_large"

    def __init__(self, size: int) -> None:
        super().__init__(f"the message has {size} bytes; at most {MAX_MESSAGE_BYTES} travel")
        self.size = size


class Unreadable(ValueError):
    """A message that nobody can read. `reason` is a slug: metric label and dead-letter header."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class About:
    """The item that a message is about. `item` is unknown to a job's own messages."""

    job: UUID
    item: UUID | None = None
    attempt: int = 1


@dataclass(frozen=True)
class Envelope:
    """A message's CloudEvents attributes. `id` is derived from the fact where a fact is announced."""

    type: str
    source: str
    id: str = field(default_factory=lambda: str(uuid4()))
    time: datetime = field(default_factory=lambda: datetime.now(UTC))
    traceparent: str | None = None
    about: About | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a time without a zone: CloudEvents has none such."""
        if self.time.tzinfo is None:
            raise ValueError("an envelope's time needs a zone")

    def headers(self) -> Headers:
        """Kafka headers, in a fixed order."""
        pairs = [
            ("ce_specversion", "1.0"),
            ("ce_id", self.id),
            ("ce_type", self.type),
            ("ce_source", self.source),
            ("ce_time", self.time.isoformat()),
            ("content-type", "application/json"),
        ]
        if self.traceparent:
            pairs.append(("traceparent", self.traceparent))
        if self.about:
            pairs.append(("ce_jobid", str(self.about.job)))
            if self.about.item:
                pairs.append(("ce_itemid", str(self.about.item)))
            pairs.append(("ce_attempt", str(self.about.attempt)))
        return [(name, value.encode()) for name, value in pairs]


@dataclass(frozen=True)
class Encoded:
    """A message ready for Kafka."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers


def encode(message: Message, *, key: str | UUID, envelope: Envelope, source: str | None = None) -> Encoded:
    """The message for Kafka; `source` names whose topic it is, of those that each source has for itself.

    Raises MessageTooLarge over MAX_MESSAGE_BYTES of JSON.
    """
    value = message.model_dump_json(exclude_none=True).encode()
    if len(value) > MAX_MESSAGE_BYTES:
        raise MessageTooLarge(len(value))
    topic = topic_of(message)
    if topic.per_source:
        if source is None:
            raise ValueError(f"{topic.name} is a topic of each source: name the source")
        topic = topic.of_source(source)
    return Encoded(topic.name, str(key).encode(), value, envelope.headers())


def event_type(headers: Iterable[tuple[str, bytes]]) -> str | None:
    """The CloudEvents type, None where there is none."""
    kind = next((value for name, value in headers if name == "ce_type"), None)
    return None if kind is None else kind.decode("utf-8", "replace")


def about(headers: Iterable[tuple[str, bytes]]) -> About | None:
    """The item in the headers; None where the headers name no job or are not readable."""
    found = dict(headers)
    try:
        job = UUID(found["ce_jobid"].decode())
        item = UUID(found["ce_itemid"].decode()) if "ce_itemid" in found else None
        return About(job, item, max(1, int(found.get("ce_attempt", b"1"))))
    except (KeyError, ValueError, AttributeError, TypeError):  # Kafka allows a header without a value
        return None


def decode(topic: Topic, value: bytes | None, headers: Iterable[tuple[str, bytes]]) -> Message:
    """The message as its type says. Raises Unreadable with a reason that names no content."""
    if value is None:
        raise Unreadable("empty_message")
    if len(value) > MAX_MESSAGE_BYTES:
        raise Unreadable("message_too_large", f"{len(value)} bytes")
    kind = event_type(headers)
    model = topic.model(kind)
    if model is None:
        raise Unreadable("unknown_type", f"{kind!r:.80} on {topic.name}")
    try:
        return model.model_validate_json(value)
    except ValidationError as error:
        raise Unreadable("invalid_message", _where(error)) from None


def _where(error: ValidationError) -> str:
    """The fields and rules that were broken, without the values: they may be private."""
    broken = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'body'}: {one['type']}" for one in broken[:5])
