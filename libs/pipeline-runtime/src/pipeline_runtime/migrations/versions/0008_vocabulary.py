"""Names and terms of a user, which help an engine to write them as they are written.

The gateway's web role keeps them in the name of its user; the transcriber reads them and nothing else of
users. Nobody else sees them.
"""

from alembic import op

from pipeline_runtime.migrations.steps import VOCABULARY_TABLES, run

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE vocabularies (
    user_id    uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    terms      text[] NOT NULL CHECK (cardinality(terms) <= 100),   -- the most important first
    changed_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT (user_id, terms) ON vocabularies TO callvault_web;
GRANT UPDATE (terms, changed_at) ON vocabularies TO callvault_web;
GRANT SELECT (user_id, terms) ON vocabularies TO callvault_transcriber;
CREATE POLICY mine ON vocabularies TO callvault_web USING (user_id = (SELECT current_user_id()))
    WITH CHECK (user_id = (SELECT current_user_id()));
CREATE POLICY reading ON vocabularies FOR SELECT TO callvault_transcriber USING (true);
"""


def upgrade() -> None:
    """Make the table, and say who may do what."""
    run(TABLE)
    for table in VOCABULARY_TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY definer ON {table} TO callvault_owner USING (true) WITH CHECK (true)")


def downgrade() -> None:
    """Drop it with all it holds."""
    for table in VOCABULARY_TABLES:
        op.execute(f"DROP TABLE {table}")
