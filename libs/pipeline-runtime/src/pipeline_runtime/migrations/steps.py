"""What the steps of the schema share."""

from alembic import op

# Those that others refer to come last.
TABLES = [
    "vault_entries",
    "recordings",
    "outbox",
    "uploads",
    "transcript_parts",
    "tasks",
    "import_usage",
    "sync_job_items",
    "sync_jobs",
    "vaults",
    "bank_memberships",
    "banks",
    "api_tokens",
    "users",
    "plans",
]

SOURCE_TABLES = [
    "webhook_held",
    "webhook_inbox",
    "webhook_secrets",
    "source_credentials",
    "connect_attempts",
    "import_sources",
    "provider_budgets",
]

UPLOAD_TABLES = ["incoming_uploads"]

PART_TABLES = ["transcript_plans", "transcript_parts"]

PAGE_TABLES = ["source_switches", "recording_search"]

VOCABULARY_TABLES = ["vocabularies"]


def run(script: str) -> None:
    """Run several statements at once, which the extended protocol refuses, in the step's transaction."""
    bind = op.get_bind()
    bind.exec_driver_sql("SELECT 1")  # begins the transaction, which the driver does only now
    connection = bind.connection.dbapi_connection
    assert connection is not None
    connection.run_async(lambda driver: driver.execute(script))
