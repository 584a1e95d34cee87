"""Positions among all messages, and an index of undelivered messages.

Messages that the original backend has stored get sequence numbers, and count as delivered.
"""

import sqlalchemy as sa
from alembic import op

from app.adapters.sql.schema.dialects import POSITION, UtcTimestamp

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Assign sequence numbers to old messages, and rebuild two tables with the new positions."""
    _number_history()
    _rebuild_sequences()
    _rebuild_deliveries()
    # An operator may have created the first index before. The second index may remain from an
    # earlier run of this migration: `prisma db push` drops the tables of this project, but not this
    # index, because Prisma cannot see it.
    op.create_index("messages_channel_idx", "messages", ["channelId"], if_not_exists=True)
    others = sa.text("(length(id) <> 36 OR substr(id, 15, 1) <> '8')")
    op.create_index(
        "messages_others_idx",
        "messages",
        ["createdAt"],
        sqlite_where=others,
        postgresql_where=others,
        if_not_exists=True,
    )


def _number_history() -> None:
    op.execute(
        """
        INSERT INTO message_sequences (message_id, channel_id, seq)
        SELECT m.id, m."channelId",
               COALESCE(c.last_seq, 0)
               + ROW_NUMBER() OVER (PARTITION BY m."channelId" ORDER BY m."createdAt", m.id)
        FROM messages m
        LEFT JOIN channel_sequences c ON c.channel_id = m."channelId"
        WHERE NOT EXISTS (SELECT 1 FROM message_sequences s WHERE s.message_id = m.id)
        """
    )
    op.execute(
        """
        INSERT INTO channel_sequences (channel_id, last_seq)
        SELECT channel_id, MAX(seq) FROM message_sequences WHERE true GROUP BY channel_id
        ON CONFLICT (channel_id) DO UPDATE SET last_seq = excluded.last_seq
        WHERE channel_sequences.last_seq < excluded.last_seq
        """
    )


def _rebuild_sequences() -> None:
    _set_aside("message_sequences")
    op.create_table(
        "message_sequences",
        sa.Column("position", POSITION, primary_key=True),
        sa.Column("message_id", sa.Text, _references("messages.id"), nullable=False),
        sa.Column("channel_id", sa.Text, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.UniqueConstraint("message_id"),
        sa.UniqueConstraint("channel_id", "seq"),
        sqlite_autoincrement=True,
    )
    # Order by date, but by seq within a channel, because a clock may have been set back.
    op.execute(
        """
        INSERT INTO message_sequences (message_id, channel_id, seq)
        SELECT s.message_id, s.channel_id, s.seq
        FROM (
            SELECT s.message_id, s.channel_id, s.seq,
                   MAX(m."createdAt") OVER (PARTITION BY s.channel_id ORDER BY s.seq) AS moment
            FROM old_message_sequences s JOIN messages m ON m.id = s.message_id
        ) s
        ORDER BY s.moment, s.channel_id, s.seq
        """
    )
    op.drop_table("old_message_sequences")


def _rebuild_deliveries() -> None:
    op.drop_index("message_deliveries_recipient_id_status_position_idx", "message_deliveries")
    _set_aside("message_deliveries")
    op.create_table(
        "message_deliveries",
        sa.Column("message_id", sa.Text, _references("messages.id"), primary_key=True),
        sa.Column("recipient_id", sa.Text, _references("users.id"), primary_key=True),
        sa.Column("channel_id", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("updated_at", UtcTimestamp, nullable=False),
        sqlite_with_rowid=False,
    )
    op.execute(
        """
        INSERT INTO message_deliveries
               (message_id, recipient_id, channel_id, position, status, updated_at)
        SELECT d.message_id, d.recipient_id, s.channel_id, s.position, d.status, d.updated_at
        FROM old_message_deliveries d JOIN message_sequences s ON s.message_id = d.message_id
        """
    )
    op.drop_table("old_message_deliveries")
    waiting = sa.text("status = 'SENT'")
    op.create_index(
        "message_deliveries_waiting_idx",
        "message_deliveries",
        ["recipient_id", "position", "channel_id"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )


def _set_aside(table: str) -> None:
    # Copy the table: if it were renamed, its keys and indexes would keep the names that the new
    # table needs.
    op.execute(f"CREATE TABLE old_{table} AS SELECT * FROM {table}")  # noqa: S608 - our own names
    op.drop_table(table)


def _references(column: str) -> sa.ForeignKey:
    return sa.ForeignKey(column, ondelete="CASCADE", onupdate="CASCADE")


def downgrade() -> None:
    """Restore the tables of revision 0002, but keep the sequence numbers."""
    op.drop_index("messages_others_idx", "messages")
    op.drop_index("messages_channel_idx", "messages")
    op.drop_index("message_deliveries_waiting_idx", "message_deliveries")
    _set_aside("message_deliveries")
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
    op.execute(
        """
        INSERT INTO message_deliveries (message_id, recipient_id, status, updated_at)
        SELECT message_id, recipient_id, status, updated_at
        FROM old_message_deliveries ORDER BY position, recipient_id
        """
    )
    op.drop_table("old_message_deliveries")
    op.create_index(
        "message_deliveries_recipient_id_status_position_idx",
        "message_deliveries",
        ["recipient_id", "status", "position"],
    )
    _set_aside("message_sequences")
    op.create_table(
        "message_sequences",
        sa.Column("message_id", sa.Text, _references("messages.id"), primary_key=True),
        sa.Column("channel_id", sa.Text, _references("channels.id"), nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.UniqueConstraint("channel_id", "seq"),
    )
    op.execute(
        """
        INSERT INTO message_sequences (message_id, channel_id, seq)
        SELECT message_id, channel_id, seq FROM old_message_sequences
        """
    )
    op.drop_table("old_message_sequences")
