"""The revision a database stands at, and how it is brought to the code's."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

_MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaError(Exception):
    """The database's tables are not those of this code; the text says how to mend it."""


def upgrade_schema(connection: Connection) -> None:
    """Run the migrations that are missing, inside the caller's transaction.

    Raises:
        SchemaError: The database was migrated by a newer version of the code.
    """
    config = _config()
    if not _is_current(connection, config):
        config.attributes["connection"] = connection  # env.py takes it from there
        command.upgrade(config, "head")


def check_schema(connection: Connection) -> None:
    """Make sure that the tables are those of this code.

    Raises:
        SchemaError: The database was migrated by a newer version of the code, or not far enough.
    """
    if not _is_current(connection, _config()):
        raise SchemaError("The database is not up to date; run `python -m app migrate` first.")


def _is_current(connection: Connection, config: Config) -> bool:
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is not None and revision not in known:
        message = (
            f"The database stands at revision {revision}, which this version does not know; "
            "start the newer version that migrated it."
        )
        raise SchemaError(message)
    return revision == scripts.get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config
