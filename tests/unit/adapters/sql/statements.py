"""Recording the statements that run, and what SQLite does for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine
from sqlalchemy.engine.interfaces import DBAPICursor

from app.adapters.sql.connection.database import Database

Statement: TypeAlias = tuple[str, tuple[object, ...]]


@contextmanager
def recorded() -> Iterator[list[Statement]]:
    """Every statement that runs meanwhile; of one for many rows, with the first of them."""
    statements: list[Statement] = []

    def record(
        _connection: Connection,
        _cursor: DBAPICursor,
        statement: str,
        parameters: tuple[object, ...] | list[tuple[object, ...]],
        *_: object,
    ) -> None:
        first = parameters[0] if isinstance(parameters, list) else parameters
        statements.append((statement, first))

    event.listen(Engine, "before_cursor_execute", record)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", record)


async def plans_of(database: Database, statements: list[Statement]) -> list[str]:
    """What SQLite says it does, line by line, for those that are no pragmas and the like."""
    lines: list[str] = []
    async with database.reading() as connection:
        for statement, parameters in statements:
            if statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE")):
                plan = await connection.exec_driver_sql(
                    f"EXPLAIN QUERY PLAN {statement}", parameters
                )
                lines += [row.detail for row in plan]
    return lines


def is_whole_table(line: str) -> bool:
    """Whether a line says that every row of a table is read."""
    return line.startswith("SCAN") and "VIRTUAL TABLE" not in line and "CONSTANT ROW" not in line


async def whole_tables_read_by(database: Database, statement: str) -> int:
    """How many tables or indexes SQLite reads from the start, for foreign keys as well.

    Its plans do not show those. Its program does, with what they do as programs of their own: each
    begins with ``Init``.
    """
    count = 0
    passing: set[int] = set()
    async with database.reading() as connection:
        for row in await connection.exec_driver_sql(f"EXPLAIN {statement}"):
            match row.opcode:
                case "Init":
                    passing = set()
                case "OpenEphemeral":
                    passing.add(row.p1)
                case "Rewind" if row.p1 not in passing:
                    count += 1
    return count
