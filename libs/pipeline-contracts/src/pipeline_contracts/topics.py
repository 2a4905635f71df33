"""The topics: the only place where one is named."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from pipeline_contracts.messages import (
    AudioReceived,
    ConnectorRecord,
    DiscoveryEnded,
    ImportActivity,
    ItemFailed,
    JobProgress,
    Message,
    RecordingCreated,
)


@dataclass(frozen=True)
class Topic:
    """A topic: what travels on it, by which key, how long it is kept, who writes and who reads."""

    name: str
    messages: tuple[type[Message], ...]
    key: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    partitions: int = 4
    keep: timedelta = timedelta(days=7)
    dead_letters: bool = False

    def model(self, event_type: str | None) -> type[Message] | None:
        """The model of a CloudEvents type, None where this topic does not carry it."""
        return next((model for model in self.messages if model.event_type == event_type), None)

    @property
    def dead(self) -> str:
        """The name of the topic that takes what nobody could read."""
        return f"{self.name}.dead"


IMPORT_AUDIO = Topic(
    "import.audio",
    (AudioReceived,),
    key="owner",
    producers=("ingest-gateway", "recorder"),
    consumers=("transcriber",),
    dead_letters=True,
)
IMPORT_RESULTS = Topic(
    "import.results",
    (ConnectorRecord, ItemFailed, DiscoveryEnded),
    key="owner",
    producers=("ingest-gateway", "transcriber"),
    consumers=("recorder",),
    dead_letters=True,
)
IMPORT_PROGRESS = Topic(
    "import.progress",
    (JobProgress,),
    key="owner",
    producers=("recorder",),
    consumers=("ingest-gateway", "any service"),
)
IMPORT_ACTIVITY = Topic(
    "import.activity",
    (ImportActivity,),
    key="owner",
    producers=("transcriber",),
    consumers=("ingest-gateway",),
    keep=timedelta(hours=1),
)
RECORDING_CREATED = Topic(
    "recording.created",
    (RecordingCreated,),
    key="owner",
    producers=("recorder",),
    consumers=("any service",),
)

TOPICS: tuple[Topic, ...] = (
    IMPORT_AUDIO,
    IMPORT_RESULTS,
    IMPORT_PROGRESS,
    IMPORT_ACTIVITY,
    RECORDING_CREATED,
)
DEAD_LETTERS_KEPT = timedelta(days=30)

_BY_TYPE: dict[type[Message], Topic] = {model: topic for topic in TOPICS for model in topic.messages}


def topic_of(message: Message | type[Message]) -> Topic:
    """The one topic that a message travels on."""
    return _BY_TYPE[message if isinstance(message, type) else type(message)]
