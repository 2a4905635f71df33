"""The topics: the only place where one is named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from pipeline_contracts.messages import (
    AudioReceived,
    ConnectorRecord,
    DiscoveryEnded,
    ImportActivity,
    ItemFailed,
    ItemSkipped,
    JobProgress,
    Message,
    RecordingCreated,
    RecordingUpdated,
    TranscriptAmended,
)
from pipeline_contracts.sources import (
    CancelRequested,
    ConnectorManifest,
    ConnectRequested,
    DisconnectRequested,
    FetchRequested,
    SourceChanged,
)


@dataclass(frozen=True)
class Topic:
    """A topic: what travels on it, by which key, how long it is kept, who writes and who reads.

    Of a topic that is `per_source` each source has its own, named by `of_source`; its connector makes it.
    A `compacted` one keeps the latest message of each key for ever.
    """

    name: str
    messages: tuple[type[Message], ...]
    key: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    partitions: int = 4
    keep: timedelta = timedelta(days=7)
    dead_letters: bool = False
    compacted: bool = False
    per_source: bool = False

    def of_source(self, source: str) -> Topic:
        """The topic of one source."""
        return replace(self, name=f"{self.name}.{source}", per_source=False)

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
    producers=("ingest-gateway", "recorder", "connectors"),
    consumers=("transcriber",),
    dead_letters=True,
)
IMPORT_RESULTS = Topic(
    "import.results",
    (ConnectorRecord, TranscriptAmended, ItemFailed, ItemSkipped, DiscoveryEnded),
    key="owner",
    producers=("ingest-gateway", "transcriber", "connectors"),
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
    producers=("transcriber", "connectors"),
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
RECORDING_UPDATED = Topic(
    "recording.updated",
    (RecordingUpdated,),
    key="owner",
    producers=("recorder",),
    consumers=("any service",),
)
CONNECTOR_MANIFESTS = Topic(
    "connector.manifests",
    (ConnectorManifest,),
    key="source",
    producers=("connectors",),
    consumers=("ingest-gateway",),
    partitions=1,
    compacted=True,
)
SOURCE_CHANGED = Topic(
    "source.changed",
    (SourceChanged,),
    key="account",
    producers=("ingest-gateway", "connectors"),
    consumers=("ingest-gateway", "any service"),
)
SOURCE_COMMANDS = Topic(
    "source.commands",
    (ConnectRequested, DisconnectRequested, CancelRequested),
    key="account",
    producers=("ingest-gateway",),
    consumers=("connectors",),
    dead_letters=True,
    per_source=True,
)
IMPORT_FETCH = Topic(
    "import.fetch",
    (FetchRequested,),
    key="account",
    producers=("ingest-gateway", "recorder"),
    consumers=("connectors",),
    dead_letters=True,
    per_source=True,
)

TOPICS: tuple[Topic, ...] = (
    IMPORT_AUDIO,
    IMPORT_RESULTS,
    IMPORT_PROGRESS,
    IMPORT_ACTIVITY,
    RECORDING_CREATED,
    RECORDING_UPDATED,
    CONNECTOR_MANIFESTS,
    SOURCE_CHANGED,
)
"""Those that exist once."""
SOURCE_TOPICS: tuple[Topic, ...] = (SOURCE_COMMANDS, IMPORT_FETCH)
"""Those that each source has for itself."""
ALL_TOPICS = TOPICS + SOURCE_TOPICS
DEAD_LETTERS_KEPT = timedelta(days=30)

_BY_TYPE: dict[type[Message], Topic] = {model: topic for topic in ALL_TOPICS for model in topic.messages}


def topic_of(message: Message | type[Message]) -> Topic:
    """The one topic that a message travels on; of a source's own topics the template."""
    return _BY_TYPE[message if isinstance(message, type) else type(message)]
