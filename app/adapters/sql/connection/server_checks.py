"""What a database server, or an SQLite file, has otherwise than we need, its tables aside."""

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection, text

from app.adapters.sql.connection.opening import DatabaseOpenError
from app.adapters.sql.schema.tables import metadata

_EVERY = ("SELECT", "INSERT", "UPDATE", "DELETE")

REVISION_PRIVILEGES: Mapping[str, Sequence[str]] = {"alembic_version": ("SELECT",)}
"""By table: without it, nobody knows what to look for."""

PRIVILEGES: Mapping[str, Sequence[str]] = {
    **REVISION_PRIVILEGES,
    **dict.fromkeys(sorted(metadata.tables), _EVERY),
    # Nobody is changed: PostgreSQL asks for UPDATE of whoever locks a row.
    "users": ("SELECT", "UPDATE"),
}
"""By table, what a server does with it."""

_ENCODINGS = {"UTF8", "SQL_ASCII"}
"""Those that every character can be stored in; SQL_ASCII keeps the bytes as they come."""

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
_MISSING_PRIVILEGE = text(
    """
    SELECT 1 FROM (SELECT to_regclass(quote_ident(:table)) AS id) AS found
    WHERE id IS NOT NULL AND NOT has_table_privilege(id, :privilege)
    """
)
_MISSING_COUNTERS = text(
    """
    SELECT relname FROM pg_class
    WHERE relkind = 'S' AND relnamespace = quote_ident(current_schema())::regnamespace
      AND relname IN ('message_sequences_position_seq', 'revocations_position_seq')
      AND NOT has_sequence_privilege(oid, 'USAGE')
    ORDER BY relname
    """
)


def check_usable(connection: Connection) -> None:
    """Make sure that a server can write, and may, before it lets anybody in.

    Blocks on the database. Tables that are not there are no concern of this.

    Raises:
        DatabaseOpenError: It cannot. SQLite raises its own error for a file that is read only.
    """
    if connection.dialect.name == "sqlite":
        write_to_file(connection)
        return
    found = [
        *_write_obstacles(connection),
        *missing_privileges(connection, PRIVILEGES),
        *missing_counters(connection),
    ]
    if found:
        raise DatabaseOpenError(
            " ".join([*found, "`python -m app doctor` says what else there is."])
        )


def write_to_file(connection: Connection) -> None:
    """Write to SQLite's file what stands there already.

    For one that may only be read, BEGIN IMMEDIATE begins a transaction that reads.
    """
    version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    connection.exec_driver_sql(f"PRAGMA user_version = {version}")


def server_differences(connection: Connection) -> Iterator[str]:
    """Whether it can be written to, keeps what it has acknowledged, and dates by UTC."""
    if connection.dialect.name == "sqlite":
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
        if mode != "wal":
            yield f"The file is in journal mode {mode}, not wal; a server that starts sets it."
        return
    yield from _write_obstacles(connection)
    session = connection.execute(_SESSION).one()
    if not session.is_utc:
        yield (
            f"Dates that the database fills in are those of {session.zone}, not of UTC; "
            "let whatever stands before the server hand on the timezone of a session."
        )


def missing_privileges(
    connection: Connection, needed: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """What this user may not do with the tables that are there; SQLite knows no users."""
    if connection.dialect.name == "sqlite":
        return
    for table, privileges in needed.items():
        missing = [
            privilege
            for privilege in privileges
            if connection.execute(
                _MISSING_PRIVILEGE, {"table": table, "privilege": privilege}
            ).first()
        ]
        if missing:
            yield f"This user may not {', '.join(missing)} on {table}; grant it."


def missing_counters(connection: Connection) -> Iterator[str]:
    """Counters of ours that this user may not advance."""
    if connection.dialect.name == "sqlite":
        return
    for counter in connection.execute(_MISSING_COUNTERS).scalars():
        yield f"This user may not use the counter {counter}; grant USAGE on it."


def _write_obstacles(connection: Connection) -> Iterator[str]:
    session = connection.execute(_SESSION).one()
    if session.has_no_schema:
        yield (
            "There is no schema of the name in DATABASE_URL, or this user may not use it; "
            "create it, or correct the name."
        )
    if session.is_replica:
        yield "The server is a replica, which nobody can write to; set DATABASE_URL to the primary."
    elif session.is_read_only:
        yield "Transactions are read only here; turn default_transaction_read_only off."
    if session.encoding not in _ENCODINGS:
        yield (
            f"The database's encoding is {session.encoding}, which has no emoji; "
            "move its tables to a database made WITH ENCODING 'UTF8'."
        )
