"""What a connector says. Ids come from the fact, so that a repetition is seen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pipeline_contracts import (
    About,
    AudioReceived,
    ConnectorManifest,
    ConnectorRecord,
    DiscoveryEnded,
    Encoded,
    Envelope,
    FetchRequested,
    ImportActivity,
    ItemFailed,
    ItemSkipped,
    Message,
    MessageTooLarge,
    OAuthOffer,
    RecordDraft,
    Segment,
    SourceChanged,
    StoredAudio,
    encode,
)
from pipeline_runtime import traces
from pipeline_runtime.connectors.settings import SourceSettings
from pipeline_runtime.connectors.values import Audio, Item, Manifest, NotReady, Record, Skipped
from pipeline_runtime.failures import RECONNECT_NEEDED, TRANSCRIPT_TOO_LARGE, ItemProblem
from pipeline_runtime.tasks import Task

CANCELLED = "The import was stopped before this call was fetched."


class Messages:
    """The messages of one source's connector."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.service = f"{source.replace('_', '-')}-connector"

    def manifest(self, manifest: Manifest, settings: SourceSettings, public_key: str) -> Encoded:
        """That we run, and what we can do."""
        oauth = manifest.oauth and OAuthOffer(
            authorize_url=settings.urls["authorize"],
            client_id=settings.client_id or "",
            scopes=manifest.oauth.scopes,
            pkce=manifest.oauth.pkce,
        )
        methods = tuple(one for one in manifest.connect if one != "oauth2" or settings.client_id)
        message = ConnectorManifest(
            source=manifest.source,
            name=manifest.name,
            icon=manifest.icon,
            connect=methods,
            oauth=oauth if "oauth2" in methods else None,
            api_key_hint=manifest.api_key_hint,
            link_hosts=manifest.link_hosts,
            webhook=manifest.webhook,
            options=manifest.options,
            public_key=public_key,
            version=manifest.version,
            sent_at=datetime.now(UTC),
        )
        return self._encoded(message, manifest.source, f"{manifest.source}.{message.sent_at.isoformat()}")

    def source_changed(self, row: Any) -> Encoded:
        """How an account stands: `row` is one of import_sources."""
        message = SourceChanged(
            account_id=row.id,
            owner_user_id=row.user_id,
            source_app=row.source_app,
            version=row.version,
            status=row.status,
            reason=row.reason,
            email=row.email,
        )
        return self._encoded(message, row.id, f"{row.id}.{row.version}")

    def fetch_webhook(self, inbox: UUID, account: UUID) -> Encoded:
        """A webhook that was held is to be looked at again."""
        message = FetchRequested(trigger="webhook", inbox_id=inbox, account_id=account)
        return self._encoded(message, account, f"{inbox}.{account}.replayed")

    def discovery_ended(self, job: UUID, owner: UUID, nudge: str = "") -> Encoded:
        """Nothing more will be found for this job."""
        return self._encoded(DiscoveryEnded(job_id=job), owner, f"{job}{nudge}", About(job))

    def record(self, task: Task, item: Item, record: Record) -> Encoded:
        """The call with its words. Raises transcript_too_large."""
        draft = self.draft(item, record)
        text = record.text if record.text is not None else spoken(record.segments)
        message = ConnectorRecord(
            **dict(draft),
            full_transcript=text,
            duration=record.duration,
            segments=tuple(record.segments) or None,
        )
        try:
            return self._of_task(task, message, "record")
        except MessageTooLarge as error:
            raise ItemProblem(TRANSCRIPT_TOO_LARGE) from error

    def draft(self, item: Item, found: Record | Audio) -> RecordDraft:
        """What is known of a call besides its words."""
        started_at = found.started_at or item.started_at or datetime.now(UTC)
        return RecordDraft(
            external_id=item.external_id,
            source_app=self.source,
            title=found.title or item.title,
            recording_start_time=started_at,
            source_metadata={**found.metadata, "external_id": item.external_id},
        )

    def audio(self, task: Task, item: Item, audio: Audio, stored: StoredAudio) -> Encoded:
        """Sound lies in storage, and is the transcriber's from here on."""
        assert task.item_id is not None
        message = AudioReceived(
            job_id=task.job_id,
            item_id=task.item_id,
            attempt=task.attempt,
            audio=stored,
            draft=self.draft(item, audio),
            language=audio.language,
        )
        return self._of_task(task, message, "audio")

    def failed(self, task: Task, problem: ItemProblem) -> Encoded:
        """The attempt ends without a record."""
        assert task.item_id is not None
        message = ItemFailed(
            job_id=task.job_id,
            item_id=task.item_id,
            attempt=task.attempt,
            code=problem.code,
            message=problem.message,
            retryable=problem.retryable,
        )
        return self._of_task(task, message, "failed")

    def skipped(self, task: Task, why: NotReady | Skipped) -> Encoded:
        """There is nothing to import, for now or for ever."""
        assert task.item_id is not None
        message = ItemSkipped(
            job_id=task.job_id,
            item_id=task.item_id,
            attempt=task.attempt,
            code="not_ready" if isinstance(why, NotReady) else why.code,
            message=why.message,
            revisit_at=why.revisit_at if isinstance(why, NotReady) else None,
        )
        return self._of_task(task, message, "skipped")

    def cancelled(self, row: Any) -> Encoded:
        """An open item of a job that was stopped: `row` is one of sync_job_items."""
        message = ItemSkipped(
            job_id=row.job_id, item_id=row.id, attempt=row.attempt, code="cancelled", message=CANCELLED
        )
        about = About(row.job_id, row.id, row.attempt)
        return self._encoded(message, row.owner_user_id, f"{row.id}.{row.attempt}.cancelled", about)

    def out_of_reach(self, row: Any) -> Encoded:
        """An item that was opened again while its account is disconnected: connecting again opens it, too."""
        problem = RECONNECT_NEEDED
        message = ItemFailed(
            job_id=row.job_id, item_id=row.id, attempt=row.attempt, code=problem.code,
            message=problem.sentence, retryable=problem.retryable,
        )  # fmt: skip
        about = About(row.job_id, row.id, row.attempt)
        return self._encoded(message, row.owner_user_id, f"{row.id}.{row.attempt}.failed", about)

    def waiting(self, task: Task, until: datetime) -> Encoded:
        """Nothing happens for a while."""
        assert task.item_id is not None
        message = ImportActivity(job_id=task.job_id, item_id=task.item_id, doing="waiting", until=until)
        return self._encoded(message, task.owner_user_id, f"{task.id}.{until.isoformat()}")

    def _of_task(self, task: Task, message: Message, what: str) -> Encoded:
        about = About(task.job_id, task.item_id, task.attempt)
        return self._encoded(message, task.owner_user_id, f"{task.item_id}.{task.attempt}.{what}", about)

    def _encoded(self, message: Message, key: UUID | str, fact: str, about: About | None = None) -> Encoded:
        envelope = Envelope(
            message.event_type, self.service, id=fact, traceparent=traces.current(), about=about
        )
        return encode(message, key=key, envelope=envelope, source=self.source)


def spoken(segments: Sequence[Segment]) -> str:
    """The words of a call: a paragraph for each turn, with who speaks."""
    turns: list[tuple[str | None, list[str]]] = []
    for segment in segments:
        if not turns or turns[-1][0] != segment.speaker:
            turns.append((segment.speaker, []))
        turns[-1][1].append(segment.text.strip())
    paragraphs = ((speaker, " ".join(word for word in words if word)) for speaker, words in turns)
    return "\n".join(f"{speaker}: {words}" if speaker else words for speaker, words in paragraphs if words)
