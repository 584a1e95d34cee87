"""What a PostgreSQL server may lose of what it has acknowledged, by how it is set up."""

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
    """A sentence for each thing; none for SQLite, which does as it is told. Blocks on the database.

    They are no differences: some keep their disks safe by other means, and some have nothing to
    lose.
    """
    if connection.dialect.name == "sqlite":
        return
    for setting in connection.execute(_SETTINGS).scalars():
        yield (
            f"The server runs with {setting} off: when its machine fails, what was acknowledged "
            "may be lost, or the database be damaged."
        )
    for table in connection.execute(_UNLOGGED).scalars():
        if table in metadata.tables:
            yield (
                f"The table {table} is UNLOGGED: all of it is lost when the server fails; "
                "run ALTER TABLE ... SET LOGGED."
            )
