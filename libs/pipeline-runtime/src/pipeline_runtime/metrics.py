"""Every metric of the pipeline, with its kind and meaning. None is made anywhere else."""

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
TASKS_WAITING = Gauge("callvault_tasks_waiting", "Tasks that nobody works on yet", ["kind"])
ENGINE_SECONDS = Histogram(
    "callvault_engine_seconds", "Wall time of one engine call", ["engine", "outcome"], buckets=SECONDS
)
AUDIO_SECONDS = Counter("callvault_audio_seconds_total", "Seconds of audio transcribed", ["engine"])
RECONCILED = Counter("callvault_reconciled_total", "What the reconciler had to mend", ["what"])
JOBS_OPEN = Gauge("callvault_jobs_open", "Jobs that have not ended", ["source"])
UPLOADS = Counter("callvault_uploads_total", "Uploads, by how they were answered", ["answer"])
UPLOAD_BYTES = Counter("callvault_upload_bytes_total", "Bytes taken in")
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
TOKEN_REFRESHES = Counter(
    "callvault_token_refreshes_total", "Refreshes of access tokens", ["source", "outcome"]
)
LISTED = Counter(
    "callvault_listed_total", "Calls in a source's listings, by what they were", ["source", "outcome"]
)
WEBHOOKS = Counter(
    "callvault_webhooks_total", "Webhooks, by what became of them for each account", ["source", "outcome"]
)
