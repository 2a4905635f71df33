"""Which accounts share a source's limits: those of one workspace at the provider, as it calls it itself."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Accounts that were connected before have none, and budgets of their own until they are reconnected."""
    op.execute("ALTER TABLE import_sources ADD workspace text CHECK (length(workspace) BETWEEN 1 AND 512)")


def downgrade() -> None:
    """Take it back."""
    op.execute("ALTER TABLE import_sources DROP workspace")
