"""What was first sent under a client message id, as a digest.

It stays NULL in the rows that are here already, and in those that nodes of the version before write
while they still run: a repeated send is then compared with the message as it is.
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
    """Drop it; sends that are repeated later are compared with the messages."""
    op.drop_column("client_messages", "digest")
