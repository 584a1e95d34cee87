"""Memberships, delivered ranges and receipts, instead of a row for each recipient.

This migration creates the tables and triggers. `app.adapters.sql.schema.conversion` then converts
the rows of ``message_deliveries``, in steps, while servers of revision 0005 may still run.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import inspect

from app.adapters.sql.schema.conversion import begin_conversion, cancel_conversion
from app.adapters.sql.schema.dialects import UtcTimestamp
from app.adapters.sql.schema.membership_triggers import (
    create_membership_triggers,
    drop_membership_triggers,
    record_present_members,
)
from app.adapters.sql.schema.old_servers import (
    create_old_server_triggers,
    drop_old_server_triggers,
)

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables and triggers, and record the present members."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        # To avoid deadlocks, lock the tables in the order in which running servers lock them.
        for tables, mode in (
            ("users, channels, channel_members", "SHARE ROW EXCLUSIVE"),
            ("message_sequences", "ACCESS EXCLUSIVE"),
            ("message_deliveries", "SHARE ROW EXCLUSIVE"),
        ):
            op.execute(f"LOCK TABLE {tables} IN {mode} MODE")
    _create_tables()
    create_membership_triggers(connection)
    create_old_server_triggers(connection)
    record_present_members(connection)
    begin_conversion(connection)


def _create_tables() -> None:
    op.add_column(
        "message_sequences",
        sa.Column("revision", sa.Integer, nullable=False, server_default=sa.text("0")),
    )
    op.add_column(
        "message_sequences",
        sa.Column("reached", sa.Text, nullable=False, server_default="SENT"),
    )
    op.add_column("message_sequences", sa.Column("waiting_for", sa.Text))
    op.create_table(
        "memberships",
        sa.Column("channel_id", sa.Text, _references("channels.id"), primary_key=True),
        sa.Column("user_id", sa.Text, _references("users.id"), primary_key=True),
        sa.Column("left_after", sa.Integer),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "delivered_ranges",
        sa.Column("channel_id", sa.Text, _references("channels.id"), primary_key=True),
        sa.Column("user_id", sa.Text, _references("users.id"), primary_key=True),
        sa.Column("first_seq", sa.Integer, primary_key=True),
        sa.Column("end_seq", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
        postgresql_with={"fillfactor": 70},
    )
    op.create_table(
        "message_receipts",
        sa.Column(
            "position", sa.BigInteger, _references("message_sequences.position"), primary_key=True
        ),
        sa.Column("recipient_id", sa.Text, _references("users.id"), primary_key=True),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("updated_at", UtcTimestamp, nullable=False),
        sqlite_with_rowid=False,
    )


def _references(column: str) -> sa.ForeignKey:
    return sa.ForeignKey(column, ondelete="CASCADE", onupdate="CASCADE")


def downgrade() -> None:
    """Drop the triggers, tables and columns. Receipts stored since the upgrade are lost."""
    connection = op.get_bind()
    cancel_conversion(connection)
    drop_membership_triggers(connection)
    drop_old_server_triggers(connection)
    if not inspect(connection).has_table("message_deliveries"):
        _create_deliveries()
    for table in ("message_receipts", "delivered_ranges", "memberships"):
        op.drop_table(table)
    for column in ("waiting_for", "reached", "revision"):
        op.drop_column("message_sequences", column)


def _create_deliveries() -> None:
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
    waiting = sa.text("status = 'SENT'")
    op.create_index(
        "message_deliveries_waiting_idx",
        "message_deliveries",
        ["recipient_id", "position", "channel_id"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
