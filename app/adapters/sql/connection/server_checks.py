"""Checks whether a database server or SQLite file can be used.

`app.adapters.sql.schema` checks the structure of the tables.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

from app.adapters.sql.connection.opening import DatabaseOpenError
from app.adapters.sql.schema.tables import metadata

_EVERY = ("SELECT", "INSERT", "UPDATE", "DELETE")

REVISION_PRIVILEGES: Mapping[str, Sequence[str]] = {"alembic_version": ("SELECT",)}
"""The privilege for reading the revision of the tables. All other checks need this revision."""

PRIVILEGES: Mapping[str, Sequence[str]] = {
    **REVISION_PRIVILEGES,
    **dict.fromkeys(sorted(metadata.tables), _EVERY),
    # This server never changes rows of ``users``, but locks them. PostgreSQL allows this only with
    # the privilege UPDATE.
    "users": ("SELECT", "UPDATE"),
}
"""The privileges that this server needs on each table."""

_ENCODINGS = {"UTF8", "SQL_ASCII"}
"""The database encodings that can store every character: SQL_ASCII stores bytes unchanged."""

_SESSION = text(
    """
    SELECT current_schema() IS NULL AS has_no_schema,
           pg_is_in_recovery() AS is_replica,
           current_setting('default_transaction_read_only') = 'on' AS is_read_only,
           current_setting('server_encoding') AS encoding,
           CURRENT_TIMESTAMP::timestamp = now() AT TIME ZONE 'UTC' AS is_utc,
           current_setting('TimeZone') AS zone
    """
)
# For a missing table, has_table_privilege is NULL, so that the row is not selected.
_MISSING_PRIVILEGES = text(
    """
    SELECT name, string_agg(privilege, ', ' ORDER BY place) AS privileges
    FROM unnest(CAST(:tables AS text[]), CAST(:privileges AS text[])) WITH ORDINALITY
        AS needed (name, privilege, place)
    WHERE NOT has_table_privilege(to_regclass(quote_ident(name)), privilege)
    GROUP BY name ORDER BY min(place)
    """
)
_MISSING_SEQUENCES = text(
    """
    SELECT relname FROM pg_class
    WHERE relkind = 'S' AND relnamespace = quote_ident(current_schema())::regnamespace
      AND relname IN ('message_sequences_position_seq', 'revocations_position_seq')
      AND NOT has_sequence_privilege(oid, 'USAGE')
    ORDER BY relname
    """
)


def check_usable(connection: Connection) -> None:
    """Check that this server can write to the database, before it admits clients.

    Blocks on the database. Does not report missing tables.

    Raises:
        DatabaseOpenError: This server cannot write to a PostgreSQL database.
        OperationalError: The SQLite file cannot be written.
    """
    if connection.dialect.name == "sqlite":
        write_to_file(connection)
        return
    found = [
        *_write_obstacles(connection.execute(_SESSION).one()),
        *missing_privileges(connection, PRIVILEGES),
        *missing_sequences(connection),
    ]
    if found:
        raise DatabaseOpenError(" ".join([*found, "`python -m app doctor` lists all problems."]))


def write_to_file(connection: Connection) -> None:
    """Write to an SQLite file without changing its content.

    BEGIN IMMEDIATE is not a sufficient check: on a read-only file it begins a read transaction.
    """
    version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    connection.exec_driver_sql(f"PRAGMA user_version = {version}")


def server_differences(connection: Connection) -> Iterator[str]:
    """Describe problems with write access, the journal mode of SQLite, and the time zone."""
    if connection.dialect.name == "sqlite":
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
        if mode != "wal":
            yield f"The file has journal mode {mode}, not wal; start the server, which sets it."
        return
    session = connection.execute(_SESSION).one()
    yield from _write_obstacles(session)
    if not session.is_utc:
        yield (
            f"Default dates are in the time zone {session.zone} instead of UTC; configure the "
            "pooler in front of the database to pass on the session setting timezone."
        )


def missing_privileges(
    connection: Connection, needed: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """Describe each missing privilege of the database user on a table; SQLite has no privileges.

    Missing tables are ignored.
    """
    if connection.dialect.name == "sqlite":
        return
    pairs = [(table, privilege) for table, each in needed.items() for privilege in each]
    tables, privileges = map(list, zip(*pairs, strict=True))
    asked = {"tables": tables, "privileges": privileges}
    for row in connection.execute(_MISSING_PRIVILEGES, asked):
        yield f"This user lacks {row.privileges} on {row.name}; grant it."


def missing_sequences(connection: Connection) -> Iterator[str]:
    """Describe this project's sequences that the user may not use. SQLite has no sequences."""
    if connection.dialect.name == "sqlite":
        return
    for sequence in connection.execute(_MISSING_SEQUENCES).scalars():
        yield f"This user lacks USAGE on the sequence {sequence}; grant it."


def _write_obstacles(session: Row[Any]) -> Iterator[str]:
    if session.has_no_schema:
        yield (
            "The schema in DATABASE_URL does not exist, or this user may not use it; "
            "create it, or correct the name."
        )
    if session.is_replica:
        yield "The server is a read-only replica; set DATABASE_URL to the primary."
    elif session.is_read_only:
        yield "Transactions are read-only; turn default_transaction_read_only off."
    if session.encoding not in _ENCODINGS:
        yield (
            f"The database has the encoding {session.encoding}, which cannot store emoji; "
            "move its tables to a database created WITH ENCODING 'UTF8'."
        )
