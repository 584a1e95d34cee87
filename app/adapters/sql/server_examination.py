"""What a database server, or an SQLite file, has otherwise than we need, its tables aside."""

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection, text

_SESSION = text(
    """
    SELECT pg_is_in_recovery() AS is_replica,
           current_setting('default_transaction_read_only') = 'on' AS is_read_only,
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
    WHERE relkind = 'S' AND relnamespace = current_schema()::regnamespace
      AND relname IN ('message_sequences_position_seq', 'revocations_position_seq')
      AND NOT has_sequence_privilege(oid, 'USAGE')
    ORDER BY relname
    """
)


def server_differences(connection: Connection) -> Iterator[str]:
    """Whether it can be written to, keeps what it has acknowledged, and dates by UTC."""
    if connection.dialect.name == "sqlite":
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
        if mode != "wal":
            yield f"The file is in journal mode {mode}, not wal; a server that starts sets it."
        return
    session = connection.execute(_SESSION).one()
    if session.is_replica:
        yield "The server is a replica, which nobody can write to; set DATABASE_URL to the primary."
    elif session.is_read_only:
        yield "Transactions are read only here; turn default_transaction_read_only off."
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
