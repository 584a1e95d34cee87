"""Runs Alembic's commands in tests."""

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from app.adapters.sql.schema.upgrade import alembic_config

_SCRIPTS = ScriptDirectory.from_config(alembic_config())
REVISIONS = [script.revision for script in _SCRIPTS.walk_revisions()]
"""All revisions, the newest one first."""
HEAD = REVISIONS[0]


def downgrade(connection: Connection, revision: str) -> None:
    """Downgrade a database to a revision, such as ``0002`` or ``base``."""
    config = alembic_config()
    config.attributes["connection"] = connection
    command.downgrade(config, revision)
