"""A log for revocations of tokens, sessions and users, and a table of handled webhooks."""

import sqlalchemy as sa
from alembic import op

from app.adapters.sql.schema.dialects import POSITION, UtcTimestamp

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, and move the revoked tokens from the old table to the log."""
    op.create_table(
        "revocations",
        sa.Column("position", POSITION, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("issued_until", sa.Double),
        sa.Column("expires_at", UtcTimestamp, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "revocations_kind_subject_expires_at_idx", "revocations", ["kind", "subject", "expires_at"]
    )
    op.create_index("revocations_expires_at_idx", "revocations", ["expires_at"])
    op.execute(
        "INSERT INTO revocations (kind, subject, expires_at) "
        "SELECT 'token', digest, expires_at FROM revoked_tokens ORDER BY position"
    )
    op.drop_table("revoked_tokens")
    op.create_table(
        "webhook_messages",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("expires_at", UtcTimestamp, nullable=False),
    )
    op.create_index("webhook_messages_expires_at_idx", "webhook_messages", ["expires_at"])


def downgrade() -> None:
    """Drop the tables, but keep revoked tokens. The revocations of users and sessions are lost."""
    op.drop_table("webhook_messages")
    op.create_table(
        "revoked_tokens",
        sa.Column("position", POSITION, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("expires_at", UtcTimestamp, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "revoked_tokens_digest_expires_at_idx", "revoked_tokens", ["digest", "expires_at"]
    )
    op.create_index("revoked_tokens_expires_at_idx", "revoked_tokens", ["expires_at"])
    op.execute(
        "INSERT INTO revoked_tokens (digest, expires_at) "
        "SELECT subject, expires_at FROM revocations WHERE kind = 'token' ORDER BY position"
    )
    op.drop_table("revocations")
