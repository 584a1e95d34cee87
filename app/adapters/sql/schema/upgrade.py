"""Checks the revision of a database, and upgrades the database to the newest revision."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from app.adapters.sql.schema.shared_tables import (
    REQUIRED_TABLES,
    SHARED_TABLES,
    shared_table_differences,
)
from app.adapters.sql.schema.tables import metadata

MIGRATION_SECONDS = 600.0
"""The time limit for all migrations together. Numbering many old messages takes minutes."""
_LOCK_SECONDS = 20
"""The maximum wait of a migration for a lock, during which it blocks later users of the table."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_REFERENCE_REVISION = "0001"
_MIGRATING = 0x63686174  # "chat"
"""The advisory lock that a migrating process holds."""


class SchemaError(Exception):
    """The tables differ from those that this version needs. The text explains how to fix this."""


def upgrade_schema(connection: Connection) -> tuple[str, ...]:
    """Run the missing migrations in the caller's transaction; return each one's number and title.

    Takes over the tables of the original backend unchanged. If several processes migrate at the
    same time, one of them runs the migrations, and the others wait for it.

    Raises:
        SchemaError: A newer version of this server has migrated the database, or a table has the
            name of a needed table but a different structure.
    """
    if connection.dialect.name == "postgresql":
        _prepare_server(connection)
    config = alembic_config()
    if _is_current(connection, config):
        return ()
    config.attributes["connection"] = connection  # read by env.py
    if _is_of_original_backend(connection):
        command.stamp(config, _REFERENCE_REVISION)
    before = next(iter(_revisions(connection)), "base")
    command.upgrade(config, "head")
    ran = ScriptDirectory.from_config(config).iterate_revisions("head", before)
    return tuple(f"{script.revision} ({script.doc.rstrip('.')})" for script in ran)[::-1]


def check_schema(connection: Connection) -> None:
    """Raise `SchemaError` if migrations are missing, or if a newer version has added some."""
    if not _is_current(connection, alembic_config()):
        raise SchemaError("The database is not up to date; run `python -m app migrate` first.")


def _prepare_server(connection: Connection) -> None:
    # Override the session's time limits: they are set for sending a message and are too short for a
    # migration.
    connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{MIGRATION_SECONDS:.0f}s'")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATING})")
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")


def takeover_differences(connection: Connection) -> list[str]:
    """Describe the problems that keep `upgrade_schema` from taking over a database.

    Returns an empty list for a database that was migrated before. Blocks on the database.
    """
    if _revisions(connection):
        return []
    present = set(inspect(connection).get_table_names())
    unknown = metadata.tables.keys() & present - SHARED_TABLES
    found = [
        f"The table {name} already exists, but `migrate` must create it: rename or drop it."
        for name in unknown
    ]
    if present & SHARED_TABLES:
        found += shared_table_differences(connection, REQUIRED_TABLES)
    return sorted(found)


def _is_of_original_backend(connection: Connection) -> bool:
    if differences := takeover_differences(connection):
        lines = "\n".join(differences)
        raise SchemaError(
            "The database has tables that this server cannot use; change them, or set "
            f"DATABASE_URL to another database.\n{lines}"
        )
    present = set(inspect(connection).get_table_names())
    return not _revisions(connection) and not present.isdisjoint(SHARED_TABLES)


def _is_current(connection: Connection, config: Config) -> bool:
    revisions = _revisions(connection)
    if len(revisions) > 1:
        raise SchemaError(
            f"The table alembic_version has several revisions ({', '.join(revisions)}), but must "
            "have one; delete the rows that do not belong to this database."
        )
    revision = next(iter(revisions), None)
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    if revision is not None and revision not in known:
        message = (
            f"The database has revision {revision}, which this version does not know; "
            "start the newer version that migrated it."
        )
        raise SchemaError(message)
    return revision == scripts.get_current_head()


def _revisions(connection: Connection) -> list[str]:
    # Alembic's other methods raise an error if the database has several revisions.
    return sorted(map(str, MigrationContext.configure(connection).get_current_heads()))


def alembic_config() -> Config:
    """Return Alembic's configuration for the migrations of this project."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config
