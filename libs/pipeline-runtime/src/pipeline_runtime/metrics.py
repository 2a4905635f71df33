"""Every metric of the pipeline, with its kind and meaning. None is made anywhere else.

Labels take few values: sources, codes, topics. A user's id is one only where the users are few by rule.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)

ITEMS_ENDED = Counter(
    "callvault_items_ended_total", "Items that ended, by source, how, and code", ["source", "status", "code"]
)
RECORDS_WRITTEN = Counter("callvault_recordings_created_total", "Recordings inserted", ["source"])
BATCH_SECONDS = Histogram(
    "callvault_recorder_batch_seconds", "Reading and writing of one batch, until its commit", buckets=SECONDS
)
BATCH_RECORDS = Histogram(
    "callvault_recorder_batch_records", "Messages in a batch", buckets=(1, 2, 5, 10, 50, 100, 250, 500, 1000)
)
RESULT_LAG_SECONDS = Histogram(
    "callvault_result_lag_seconds", "From Kafka's time of a batch's first result to its commit", buckets=SECONDS
)
DEAD_LETTERS = Counter(
    "callvault_dead_letters_total", "Messages parked, by topic and reason", ["topic", "reason"]
)
PARTITION_HELD = Gauge(
    "callvault_partition_held", "Readers that hold a topic after unexpected errors", ["topic"]
)
OUTBOX_PUBLISHED = Counter("callvault_outbox_published_total", "Outbox rows published", ["topic"])
OUTBOX_FAILED = Counter("callvault_outbox_failed_total", "Outbox rows that Kafka refused this time", ["topic"])
OUTBOX_SECONDS = Histogram(
    "callvault_outbox_seconds",
    "From a commit to Kafka's confirmation, of the first row of each publication",
    buckets=SECONDS,
)
TASKS_TAKEN = Counter("callvault_tasks_taken_total", "Tasks taken under a lease", ["kind"])
TASKS_ENDED = Counter("callvault_tasks_ended_total", "Ends of a try at a task", ["kind", "outcome"])
TASKS_WAITING = Gauge("callvault_tasks_waiting", "Tasks that could be taken now and are not", ["kind"])
ENGINE_SECONDS = Histogram(
    "callvault_engine_seconds", "Wall time of one engine call", ["engine", "outcome"], buckets=SECONDS
)
AUDIO_SECONDS = Counter("callvault_audio_seconds_total", "Seconds of audio transcribed", ["engine"])
RECONCILED = Counter("callvault_reconciled_total", "What the reconciler had to mend", ["what"])
JOBS_OPEN = Gauge("callvault_jobs_open", "Jobs that have not ended", ["source"])
OLDEST_OPEN_SECONDS = Gauge(
    "callvault_oldest_open_seconds",
    "How long the call has been open that waits longest; not those of paused accounts",
    ["source"],
)
LEDGER_ITEMS = Gauge(
    "callvault_ledger_items", "Calls in jobs of the last 24 hours, by how they stand now", ["source", "status"]
)
USER_ITEMS = Gauge(
    "callvault_user_items",
    "The same, of the ten users who have most: thirty series for each of their sources",
    ["user", "source", "status"],
)
WEBHOOK_TO_RECORDING_SECONDS = Histogram(
    "callvault_webhook_to_recording_seconds",
    "From the receipt of a webhook to the commit of what it told of; not of webhooks that were held",
    ["source"],
    buckets=SECONDS,
)
ACCOUNTS = Gauge("callvault_accounts", "Connected accounts, by how they stand", ["source", "status"])
SOURCE_RUNNING = Gauge(
    "callvault_source_running", "1 where the connector was heard of lately, else 0", ["source"]
)
WEBHOOKS_HELD = Gauge(
    "callvault_webhooks_held", "Webhooks held for accounts that are paused or in error", ["source"]
)
WEBHOOK_OLDEST_SECONDS = Gauge(
    "callvault_webhook_oldest_seconds", "Age of the oldest stored webhook that nobody looked at", ["source"]
)
UPLOADS = Counter("callvault_uploads_total", "Uploads, by how they were answered", ["answer"])
UPLOAD_BYTES = Counter("callvault_upload_bytes_total", "Bytes taken in")
AUDIO_REMOVED = Counter(
    "callvault_audio_removed_total", "Objects removed: `orphan` had no row, else how the item had ended",
    ["reason"],
)  # fmt: skip
DELIVERIES = Counter(
    "callvault_webhook_deliveries_total", "Webhooks received, by how they were answered", ["source", "answer"]
)
REQUEST_SECONDS = Histogram(
    "callvault_request_seconds", "HTTP requests", ["route", "method", "status"], buckets=SECONDS
)
STREAMS = Gauge("callvault_event_streams", "Open event streams")
SOURCE_REQUESTS = Counter(
    "callvault_source_requests_total", "Requests to a source, by how they were answered", ["source", "answer"]
)
SOURCE_WAIT_SECONDS = Counter(
    "callvault_source_wait_seconds_total", "Seconds that a source's limits made us wait", ["source"]
)
SOURCE_BLOCKED = Counter(
    "callvault_source_blocked_total",
    "Calls that had to wait for long: the source `told` us to, or our budget for it is `spent`",
    ["source", "why"],
)
TOKEN_REFRESHES = Counter(
    "callvault_token_refreshes_total", "Refreshes of access tokens", ["source", "outcome"]
)
LISTED = Counter(
    "callvault_listed_total",
    "Calls that were listed, pushed or handed in, by what they were",
    ["source", "outcome"],
)
WEBHOOKS = Counter(
    "callvault_webhooks_total", "Webhooks, by what became of them for each account", ["source", "outcome"]
)


def begin_source(source: str) -> None:
    """Begin at 0 what is watched: to Prometheus, a counter that comes with its first event has not grown."""
    SOURCE_WAIT_SECONDS.labels(source)
    for why in ("told", "spent"):
        SOURCE_BLOCKED.labels(source, why)
    for outcome in ("renewed", "refused", "client_refused", "busy", "lost"):
        TOKEN_REFRESHES.labels(source, outcome)
    for outcome in ("resolved", "held", "replayed", "ignored", "unknown"):
        WEBHOOKS.labels(source, outcome)


def begin_engine(engine: str) -> None:
    """The same for what an engine does: its first recording may be the only one for long."""
    AUDIO_SECONDS.labels(engine)
    for outcome in ("ok", "failed"):
        ENGINE_SECONDS.labels(engine, outcome)
