"""Digests of the first message sent with each client message id.

The digest is NULL in existing rows, and in rows from nodes that still run the previous version. In
these cases, a repeated send is compared with the message itself.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("client_messages", sa.Column("digest", sa.Text))


def downgrade() -> None:
    """Drop the column. Without it, repeated sends are compared with the stored messages."""
    op.drop_column("client_messages", "digest")
