"""Finds settings with which PostgreSQL may lose acknowledged messages."""

from collections.abc import Iterator

from sqlalchemy import Connection, text

from app.adapters.sql.schema.tables import metadata

_SETTINGS = text(
    """
    SELECT name FROM pg_settings
    WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off'
    ORDER BY name
    """
)
_UNLOGGED = text(
    """
    SELECT relname FROM pg_class
    WHERE relkind = 'r' AND relpersistence = 'u'
      AND relnamespace = quote_ident(current_schema())::regnamespace
    ORDER BY relname
    """
)


def durability_warnings(connection: Connection) -> Iterator[str]:
    """Return one sentence per dangerous setting; none for SQLite. Blocks the thread.

    These settings cause only warnings, because some operators protect their data by other means.
    """
    if connection.dialect.name == "sqlite":
        return
    for setting in connection.execute(_SETTINGS).scalars():
        yield (
            f"The server runs with {setting} off: if its machine fails, acknowledged messages may "
            "be lost, or the database damaged; turn it on."
        )
    for table in connection.execute(_UNLOGGED).scalars():
        if table in metadata.tables:
            yield (
                f"The table {table} is UNLOGGED: all its rows are lost if the server fails; "
                f"run ALTER TABLE {table} SET LOGGED."
            )
