"""``python -m app doctor``: a live database beside what the server needs of it."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy import Connection, exists, func, not_, select

from app.adapters.sql.connection.limits import OPENING_SECONDS, DatabaseLimits
from app.adapters.sql.connection.opening import explained_opening, make_engines
from app.adapters.sql.connection.server_checks import (
    PRIVILEGES,
    REVISION_PRIVILEGES,
    missing_counters,
    missing_privileges,
    server_differences,
    write_to_file,
)
from app.adapters.sql.connection.url import parse_database_url, sqlite_file
from app.adapters.sql.doctor.durability_warnings import durability_warnings
from app.adapters.sql.doctor.shared_table_warnings import original_warnings
from app.adapters.sql.doctor.table_differences import missing_indexes, table_differences
from app.adapters.sql.schema.shared_tables import NEEDED, original_differences
from app.adapters.sql.schema.tables import OTHERS, message_sequences, messages, metadata
from app.adapters.sql.schema.upgrade import SchemaError, check_schema, takeover_differences


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found.

    Attributes:
        differences: A sentence for each thing that is not as it has to be.
        warnings: A sentence for each that may be in somebody's way, though not in the server's,
            or that may lose what was acknowledged.
        waiting: How many messages of the original backend a running server is going to take in;
            0 where that cannot be told for the differences.
    """

    differences: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    waiting: int = 0


async def examine_database(url: str, limits: DatabaseLimits) -> Examination:
    """Look at everything, and change nothing.

    Raises:
        DatabaseUrlError: The address cannot be used.
        DatabaseOpenError: The database cannot be reached; SQLite's not be written either.
    """
    address = parse_database_url(url)
    file = sqlite_file(address)
    if file is not None and not await asyncio.to_thread(file.exists):
        return Examination((f"There is no file {file}; run `python -m app migrate`.",))
    engines = make_engines(address, replace(limits, statement_timeout_seconds=OPENING_SECONDS))
    # Whoever begins to write to SQLite's file hears at once when that is not possible.
    engine = engines.reading if file is None else engines.writing
    try:
        with explained_opening(file):
            async with asyncio.timeout(OPENING_SECONDS), engine.connect() as connection:
                transaction = await connection.begin()
                examination = await connection.run_sync(_examine)
                await transaction.rollback()
                return examination
    finally:
        await engine.dispose()


def _examine(connection: Connection) -> Examination:
    if connection.dialect.name == "sqlite":
        write_to_file(connection)
    if unreadable := tuple(missing_privileges(connection, REVISION_PRIVILEGES)):
        return Examination(unreadable)
    differences = tuple(_differences(connection))
    warnings = (*original_warnings(connection), *durability_warnings(connection))
    return Examination(differences, warnings, 0 if differences else _waiting(connection))


def _differences(connection: Connection) -> Iterator[str]:
    yield from server_differences(connection)
    try:
        check_schema(connection)
    except SchemaError as error:
        yield str(error)
        yield from takeover_differences(connection)
        return
    ours = metadata.tables.keys() - NEEDED.keys()
    yield from sorted([*original_differences(connection), *table_differences(connection, ours)])
    yield from missing_indexes(connection, metadata.tables.keys())
    yield from missing_privileges(connection, PRIVILEGES)
    yield from missing_counters(connection)


def _waiting(connection: Connection) -> int:
    has_place = exists().where(message_sequences.c.message_id == messages.c.id)
    query = select(func.count()).select_from(messages).where(OTHERS, not_(has_place))
    return connection.execute(query).scalar_one()
