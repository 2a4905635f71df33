"""An index for counting what jobs of the last day have brought: syncs with nothing new are not in it."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it."""
    op.execute("CREATE INDEX sync_jobs_recent ON sync_jobs (created_at) WHERE found > 0")


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP INDEX sync_jobs_recent")
