"""Checks the revision of a database, and upgrades the database to the newest revision."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from app.adapters.sql.schema.conversion import (
    STEP_ROWS,
    ConversionStep,
    convert_some,
    is_unfinished,
)
from app.adapters.sql.schema.membership_triggers import repair_memberships
from app.adapters.sql.schema.old_servers import drop_old_server_triggers
from app.adapters.sql.schema.shared_tables import (
    REQUIRED_TABLES,
    SHARED_TABLES,
    shared_table_differences,
)
from app.adapters.sql.schema.tables import metadata

MIGRATION_SECONDS = 600.0
"""The time limit for all migrations together. With many old messages, they take minutes."""
LOCK_SECONDS = 20
"""The maximum time that a migration waits for a lock of a table.

While it waits, PostgreSQL also blocks later queries of this table.
"""
STEP_SECONDS = 60
"""The time limit for a step of the conversion. A step usually takes a tenth of a second."""
_STEP_LOCK_MILLISECONDS = 400
"""The maximum time that a step waits for a lock.

It is below PostgreSQL's ``deadlock_timeout``, so that a deadlock fails the step instead of another
transaction.
"""

_MIGRATIONS = Path(__file__).parent / "migrations"
_REFERENCE_REVISION = "0001"
_MIGRATING = 0x63686174  # "chat"
"""The key of the advisory lock that a migrating process holds."""


class SchemaError(Exception):
    """The tables differ from those that this version needs. The text explains how to fix this."""


def upgrade_schema(connection: Connection) -> tuple[str, ...]:
    """Run the missing migrations in the caller's transaction; return their numbers and titles.

    Takes over the tables of the original backend unchanged. If several processes migrate at the
    same time, one of them runs the migrations, and the others wait for it. Afterwards, the caller
    must call `convert_step` until it returns None.

    Raises:
        SchemaError: A newer version of this server has migrated the database, or a table has the
            name of a needed table but a different structure.
    """
    if connection.dialect.name == "postgresql":
        _prepare_server(connection)
    config = alembic_config()
    _forget_dropped_tables(connection)
    if _is_current(connection):
        return ()
    config.attributes["connection"] = connection  # read by env.py
    if _is_of_original_backend(connection):
        command.stamp(config, _REFERENCE_REVISION)
    before = next(iter(_revisions(connection)), "base")
    command.upgrade(config, "head")
    if before in {"base", _REFERENCE_REVISION}:
        # Only servers of revision 0005 need these triggers and this table, and no such server can
        # be using this database.
        drop_old_server_triggers(connection)
        connection.exec_driver_sql("DROP TABLE message_deliveries")
    ran = _scripts().iterate_revisions("head", before)
    return tuple(f"{script.revision} ({script.doc.rstrip('.')})" for script in ran)[::-1]


def check_schema(connection: Connection) -> None:
    """Raise `SchemaError` if migrations are missing or unfinished, or unknown to this version."""
    if not _is_current(connection) or is_unfinished(connection):
        raise SchemaError("The database is not up to date; run `python -m app migrate` first.")


def repair_schema(connection: Connection) -> tuple[str, ...]:
    """Create missing triggers and indexes, and correct memberships; return a sentence per change.

    Runs in the transaction of `upgrade_schema`. Does not create a missing table, because its rows
    are lost; `doctor` reports the table.
    """
    sentences = []
    present = set(inspect(connection).get_table_names())
    for table in (each for each in metadata.tables.values() if each.name in present):
        found = {each["name"] for each in inspect(connection).get_indexes(table.name)}
        for index in table.indexes:
            if index.name not in found:
                index.create(connection)
                sentences.append(f"Created the index {index.name}.")
    if present.issuperset(metadata.tables) and repair_memberships(connection):
        sentences.append("Corrected the table memberships and its triggers.")
    return tuple(sentences)


def convert_step(connection: Connection, rows: int = STEP_ROWS) -> ConversionStep | None:
    """Convert up to ``rows`` rows in the caller's transaction; return None when all are converted.

    Fails if another transaction holds a lock for long; the caller must then repeat the step. If
    several processes convert at the same time, they take turns.
    """
    if connection.dialect.name == "postgresql":
        _prepare_server(connection, STEP_SECONDS, _STEP_LOCK_MILLISECONDS)
        # With bitmap scans, each step would read and sort all remaining rows instead of one page.
        connection.exec_driver_sql("SET LOCAL enable_bitmapscan = off")
    return convert_some(connection, rows)


def _prepare_server(
    connection: Connection,
    seconds: float = MIGRATION_SECONDS,
    lock_milliseconds: int = 1000 * LOCK_SECONDS,
) -> None:
    # Override the session's time limits, which are for short operations and not for migrations.
    connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{seconds:.0f}s'")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATING})")
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{lock_milliseconds}ms'")


def _forget_dropped_tables(connection: Connection) -> None:
    """Delete the stored revision if all tables of this project were dropped.

    The migrations then create the tables again. Unknown revisions are kept, because they may belong
    to another program.
    """
    present = set(inspect(connection).get_table_names())
    if present.isdisjoint(metadata.tables.keys() - SHARED_TABLES):
        for revision in _known_revisions().intersection(_revisions(connection)):
            connection.exec_driver_sql(
                f"DELETE FROM alembic_version WHERE version_num = '{revision}'"  # noqa: S608 - ours
            )


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


def _is_current(connection: Connection) -> bool:
    revisions = _revisions(connection)
    if len(revisions) > 1:
        raise SchemaError(
            f"The table alembic_version has several revisions ({', '.join(revisions)}), but must "
            "have one; delete the rows that do not belong to this database."
        )
    revision = next(iter(revisions), None)
    if revision is not None and revision not in _known_revisions():
        message = (
            f"The database has revision {revision}, which this version does not know; "
            "start the newer version that migrated it."
        )
        raise SchemaError(message)
    return revision == _scripts().get_current_head()


def _known_revisions() -> set[str]:
    return {script.revision for script in _scripts().walk_revisions()}


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(alembic_config())


def _revisions(connection: Connection) -> list[str]:
    # Alembic's other methods raise an error if the database has several revisions.
    return sorted(map(str, MigrationContext.configure(connection).get_current_heads()))


def alembic_config() -> Config:
    """Return Alembic's configuration for the migrations of this project."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config
