"""The revision a database stands at, and how it is brought to the code's."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from app.adapters.sql.schema.shared_tables import NEEDED, original_differences
from app.adapters.sql.schema.tables import metadata

MIGRATION_SECONDS = 600.0
"""For all migrations together: numbering a long history takes minutes."""
_LOCK_SECONDS = 20
"""Until a migration gives up waiting for somebody's lock; who comes after it waits as well."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_REFERENCE_REVISION = "0001"
_MIGRATING = 0x63686174  # "chat"
"""The advisory lock of whoever migrates."""


class SchemaError(Exception):
    """The database's tables are not those of this code; the text says how to mend it."""


def upgrade_schema(connection: Connection) -> tuple[str, ...]:
    """Run the migrations that are missing, inside the caller's transaction.

    Returns the migrations that ran, in order, each with its number and title.

    The tables of the original backend are taken over as they are. Of several processes that
    migrate at once one does it, and the others find it done.

    Raises:
        SchemaError: The database was migrated by a newer version of the code, or has tables of
            these names that are not the original backend's.
    """
    if connection.dialect.name == "postgresql":
        _prepare_server(connection)
    config = _config()
    if _is_current(connection, config):
        return ()
    config.attributes["connection"] = connection  # env.py takes it from there
    if _is_of_original_backend(connection):
        command.stamp(config, _REFERENCE_REVISION)
    before = next(iter(_revisions(connection)), "base")
    command.upgrade(config, "head")
    ran = ScriptDirectory.from_config(config).iterate_revisions("head", before)
    return tuple(f"{script.revision} ({script.doc.rstrip('.')})" for script in ran)[::-1]


def check_schema(connection: Connection) -> None:
    """Make sure that the tables are those of this code.

    Raises:
        SchemaError: The database was migrated by a newer version of the code, or not far enough.
    """
    if not _is_current(connection, _config()):
        raise SchemaError("The database is not up to date; run `python -m app migrate` first.")


def _prepare_server(connection: Connection) -> None:
    # The bounds of a session are those of sending a message.
    connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{MIGRATION_SECONDS:.0f}s'")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATING})")
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")


def takeover_differences(connection: Connection) -> list[str]:
    """What keeps `upgrade_schema` from a database, sorted; nothing once it was migrated.

    Blocks on the database.
    """
    if _revisions(connection):
        return []
    present = set(inspect(connection).get_table_names())
    strangers = metadata.tables.keys() & present - NEEDED.keys()
    found = [
        f"The table {name} is in the way: `migrate` makes one of this name." for name in strangers
    ]
    if present & NEEDED.keys():
        found += original_differences(connection)
    return sorted(found)


def _is_of_original_backend(connection: Connection) -> bool:
    """Whether its tables are there, and nothing of ours."""
    if differences := takeover_differences(connection):
        lines = "\n".join(differences)
        raise SchemaError(
            "The database has tables that this server cannot work with; mend them, or set "
            f"DATABASE_URL to another database.\n{lines}"
        )
    present = set(inspect(connection).get_table_names())
    return not _revisions(connection) and not present.isdisjoint(NEEDED)


def _is_current(connection: Connection, config: Config) -> bool:
    revisions = _revisions(connection)
    if len(revisions) > 1:
        raise SchemaError(
            f"The table alembic_version has several revisions ({', '.join(revisions)}), and has to "
            "have one; delete the rows that are not of this database."
        )
    revision = next(iter(revisions), None)
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    if revision is not None and revision not in known:
        message = (
            f"The database stands at revision {revision}, which this version does not know; "
            "start the newer version that migrated it."
        )
        raise SchemaError(message)
    return revision == scripts.get_current_head()


def _revisions(connection: Connection) -> list[str]:
    # Any other question makes Alembic raise an error of its own when there are several.
    return sorted(map(str, MigrationContext.configure(connection).get_current_heads()))


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config
