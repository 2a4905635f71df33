"""What counting for the board needs: an index of what jobs of the last day have brought, in which syncs
with nothing new are not, and the recorder's look at which accounts are paused or in error.
"""

from pipeline_runtime.migrations.steps import run

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

UP = """
CREATE INDEX sync_jobs_recent ON sync_jobs (created_at) WHERE found > 0;
GRANT SELECT (id, status) ON import_sources TO callvault_recorder;
CREATE POLICY census ON import_sources FOR SELECT TO callvault_recorder USING (true);
"""

DOWN = """
DROP POLICY census ON import_sources;
REVOKE SELECT (id, status) ON import_sources FROM callvault_recorder;
DROP INDEX sync_jobs_recent;
"""


def upgrade() -> None:
    """Make it."""
    run(UP)


def downgrade() -> None:
    """Take it back."""
    run(DOWN)
