"""Compares a live database with what the server needs, for ``python -m app doctor``."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy import Connection, exists, func, inspect, not_, select

from app.adapters.sql.connection.limits import OPENING_SECONDS, DatabaseLimits
from app.adapters.sql.connection.opening import explained_opening, make_engines
from app.adapters.sql.connection.server_checks import (
    PRIVILEGES,
    REVISION_PRIVILEGES,
    missing_privileges,
    missing_sequences,
    server_differences,
    write_to_file,
)
from app.adapters.sql.connection.url import parse_database_url, sqlite_file
from app.adapters.sql.doctor.durability_warnings import durability_warnings
from app.adapters.sql.doctor.message_warnings import STATEMENT_SECONDS, message_warnings
from app.adapters.sql.doctor.shared_table_warnings import shared_table_warnings
from app.adapters.sql.doctor.table_differences import (
    missing_indexes,
    schema_operations,
    table_differences,
)
from app.adapters.sql.schema.membership_triggers import membership_differences
from app.adapters.sql.schema.shared_tables import SHARED_TABLES, shared_table_differences
from app.adapters.sql.schema.tables import OTHERS, message_sequences, messages, metadata
from app.adapters.sql.schema.upgrade import SchemaError, check_schema, takeover_differences


@dataclass(frozen=True, slots=True)
class Examination:
    """The result of an examination.

    Attributes:
        differences: One sentence for each problem that keeps the server from working.
        warnings: One sentence for each other problem, such as a setting that may lose messages.
        waiting: The number of the original backend's messages that a running server will adopt; 0
            if there are differences.
    """

    differences: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    waiting: int = 0


async def examine_database(url: str, limits: DatabaseLimits) -> Examination:
    """Examine a database without changing it.

    Raises:
        DatabaseUrlError: The URL is invalid.
        DatabaseOpenError: The database cannot be reached, or an SQLite file cannot be written.
    """
    address = parse_database_url(url)
    file = sqlite_file(address)
    if file is not None and not await asyncio.to_thread(file.exists):
        return Examination((f"There is no file {file}; run `python -m app migrate`.",))
    engines = make_engines(address, replace(limits, statement_timeout_seconds=STATEMENT_SECONDS))
    # Use a write transaction for an SQLite file, to check whether it can be written.
    engine = engines.reading if file is None else engines.writing
    try:
        with explained_opening(file):
            async with asyncio.timeout(OPENING_SECONDS), engine.connect() as connection:
                transaction = await connection.begin()
                examination = await connection.run_sync(_examine)
                await transaction.rollback()
            if examination.differences:
                return examination
            # Read the messages in a second transaction, which may take long: during the first one,
            # no server can write to an SQLite file.
            async with engines.reading.begin() as connection:
                found = await connection.run_sync(lambda each: tuple(message_warnings(each)))
            return replace(examination, warnings=examination.warnings + found)
    finally:
        await engine.dispose()


def _examine(connection: Connection) -> Examination:
    if connection.dialect.name == "sqlite":
        write_to_file(connection)
    if unreadable := tuple(missing_privileges(connection, REVISION_PRIVILEGES)):
        return Examination(unreadable)
    differences = tuple(_differences(connection))
    warnings = (
        *shared_table_warnings(connection),
        *durability_warnings(connection),
        *_unused_tables(connection, is_converted=not differences),
    )
    return Examination(differences, warnings, 0 if differences else _waiting(connection))


def _differences(connection: Connection) -> Iterator[str]:
    yield from server_differences(connection)
    try:
        check_schema(connection)
    except SchemaError as error:
        yield str(error)
        yield from takeover_differences(connection)
        return
    operations = schema_operations(connection)
    shared = shared_table_differences(connection, SHARED_TABLES)
    own = table_differences(connection, metadata.tables.keys() - SHARED_TABLES, operations)
    yield from sorted([*shared, *own])
    yield from missing_indexes(connection, operations)
    lacking = list(missing_privileges(connection, PRIVILEGES))
    yield from lacking
    if not (shared or own or lacking):
        yield from membership_differences(connection)
    yield from missing_sequences(connection)


def _unused_tables(connection: Connection, *, is_converted: bool) -> Iterator[str]:
    if is_converted and inspect(connection).has_table("message_deliveries"):
        yield (
            "The table message_deliveries is not used any more; when no server of the previous "
            "version runs, drop it: DROP TABLE message_deliveries."
        )


def _waiting(connection: Connection) -> int:
    is_sequenced = exists().where(message_sequences.c.message_id == messages.c.id)
    query = select(func.count()).select_from(messages).where(OTHERS, not_(is_sequenced))
    return connection.execute(query).scalar_one()
