"""Tables for sequences, deliveries, client message ids and revocations, and two indexes."""

import sqlalchemy as sa
from alembic import op

from app.adapters.sql.schema.dialects import POSITION, UtcTimestamp

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _references(column: str) -> sa.ForeignKey:
    return sa.ForeignKey(column, ondelete="CASCADE", onupdate="CASCADE")


def upgrade() -> None:
    """Create the tables and indexes."""
    # The original backend may have created these indexes already.
    op.create_index("channel_members_userId_idx", "channel_members", ["userId"], if_not_exists=True)
    op.create_index("messages_replyToId_idx", "messages", ["replyToId"], if_not_exists=True)
    op.create_table(
        "channel_sequences",
        sa.Column("channel_id", sa.Text, _references("channels.id"), primary_key=True),
        sa.Column("last_seq", sa.Integer, nullable=False),
    )
    op.create_table(
        "message_sequences",
        sa.Column("message_id", sa.Text, _references("messages.id"), primary_key=True),
        sa.Column("channel_id", sa.Text, _references("channels.id"), nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.UniqueConstraint("channel_id", "seq"),
    )
    op.create_table(
        "message_deliveries",
        sa.Column("position", POSITION, primary_key=True),
        sa.Column("message_id", sa.Text, _references("messages.id"), nullable=False),
        sa.Column("recipient_id", sa.Text, _references("users.id"), nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("updated_at", UtcTimestamp, nullable=False),
        sa.UniqueConstraint("message_id", "recipient_id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "message_deliveries_recipient_id_status_position_idx",
        "message_deliveries",
        ["recipient_id", "status", "position"],
    )
    op.create_table(
        "client_messages",
        sa.Column("user_id", sa.Text, _references("users.id"), primary_key=True),
        sa.Column("client_message_id", sa.Text, primary_key=True),
        sa.Column("message_id", sa.Text, nullable=False),
    )
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


def downgrade() -> None:
    """Drop the tables and indexes. The rows of the original backend's tables are kept."""
    for table in (
        "revoked_tokens",
        "client_messages",
        "message_deliveries",
        "message_sequences",
        "channel_sequences",
    ):
        op.drop_table(table)
    op.drop_index("messages_replyToId_idx", "messages")
    op.drop_index("channel_members_userId_idx", "channel_members")
