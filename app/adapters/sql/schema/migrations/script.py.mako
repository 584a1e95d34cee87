"""${message}."""

import sqlalchemy as sa
from alembic import op

from app.adapters.sql.schema.dialects import POSITION, UtcTimestamp, enum_type

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade to this revision."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Downgrade to the previous revision."""
    ${downgrades if downgrades else "pass"}
