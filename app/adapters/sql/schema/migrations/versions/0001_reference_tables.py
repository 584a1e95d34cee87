"""The original backend's tables that the chat uses, as Prisma's migrations created them.

They include all migrations up to ``20250113183827_add_file_model``. A database of the original
backend has these tables, so `upgrade_schema` stores this revision there, but does not run it.
"""

import sqlalchemy as sa
from alembic import op

from app.adapters.sql.schema.dialects import UtcTimestamp, enum_type

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NOW = sa.text("CURRENT_TIMESTAMP")
CHANNEL_TYPE = enum_type("ChannelType", "PUBLIC", "PRIVATE", "DM")
MEMBER_ROLE = enum_type("MemberRole", "OWNER", "ADMIN", "MEMBER")
DELIVERY_STATUS = enum_type(
    "MessageDeliveryStatus", "SENDING", "SENT", "DELIVERED", "FAILED", "READ"
)


def _references(column: str, on_delete: str = "CASCADE") -> sa.ForeignKey:
    return sa.ForeignKey(column, ondelete=on_delete, onupdate="CASCADE")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "users",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("email", sa.Text),
        sa.Column("name", sa.Text),
        sa.Column("imageUrl", sa.Text),
        sa.Column("createdAt", UtcTimestamp, nullable=False, server_default=NOW),
        sa.Column("updatedAt", UtcTimestamp, nullable=False),
        sa.Column("isOnline", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("lastSeen", UtcTimestamp, nullable=False, server_default=NOW),
    )
    op.create_table(
        "channels",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("type", CHANNEL_TYPE, nullable=False, server_default="PUBLIC"),
        sa.Column("createdById", sa.Text, _references("users.id", "RESTRICT"), nullable=False),
        sa.Column("createdAt", UtcTimestamp, nullable=False, server_default=NOW),
        sa.Column("last_activity_at", UtcTimestamp, nullable=False, server_default=NOW),
        sa.Column("member_count", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("updatedAt", UtcTimestamp, nullable=False),
    )
    op.create_table(
        "channel_members",
        sa.Column("channelId", sa.Text, _references("channels.id"), primary_key=True),
        sa.Column("userId", sa.Text, _references("users.id"), primary_key=True),
        sa.Column("role", MEMBER_ROLE, nullable=False, server_default="MEMBER"),
        sa.Column("createdAt", UtcTimestamp, nullable=False, server_default=NOW),
        sa.Column("last_read_at", UtcTimestamp, nullable=False, server_default=NOW),
        sa.Column("joined_at", UtcTimestamp, nullable=False, server_default=NOW),
        sa.Column("unread_count", sa.Integer, nullable=False, server_default=sa.text("0")),
    )
    op.create_table(
        "messages",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("channelId", sa.Text, _references("channels.id"), nullable=False),
        sa.Column("userId", sa.Text, _references("users.id"), nullable=False),
        sa.Column("createdAt", UtcTimestamp, nullable=False, server_default=NOW),
        sa.Column("updatedAt", UtcTimestamp, nullable=False),
        sa.Column("deliveryStatus", DELIVERY_STATUS, nullable=False, server_default="SENT"),
        sa.Column("replyToId", sa.Text, _references("messages.id", "SET NULL")),
    )
    op.create_table(
        "read_receipts",
        sa.Column("messageId", sa.Text, _references("messages.id"), primary_key=True),
        sa.Column("userId", sa.Text, _references("users.id"), primary_key=True),
        sa.Column("readAt", UtcTimestamp, nullable=False, server_default=NOW),
    )


def downgrade() -> None:
    """Drop the tables and all messages. Never do this in the original backend's database."""
    for table in ("read_receipts", "messages", "channel_members", "channels", "users"):
        op.drop_table(table)
    if op.get_context().dialect.name == "postgresql":
        for name in ("MessageDeliveryStatus", "MemberRole", "ChannelType"):
            op.execute(f'DROP TYPE "{name}"')
