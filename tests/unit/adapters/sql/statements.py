"""Records SQL statements, and reads SQLite's query plans for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine
from sqlalchemy.engine.interfaces import DBAPICursor

from app.adapters.sql import frequent_queries
from app.adapters.sql.connection.database import Database
from app.adapters.sql.connection.engines import Query
from tests.contract.storage import ALICE, GENERAL, RANDOM

Statement: TypeAlias = tuple[str, tuple[object, ...]]

_PARAMETERS: dict[str, tuple[object, ...]] = {
    "CHANNELS_OF": (ALICE,),
    "IS_MEMBER": (GENERAL, ALICE),
    "LAST_SEQS": ([GENERAL, RANDOM],),
    "MEMBERS": ([GENERAL, RANDOM],),
    "REVOCATIONS": ("digest", ALICE, "sign-in", 2.0, 1.0),
}
FREQUENT_QUERIES = [
    pytest.param(query, _PARAMETERS[name], id=name)
    for name, query in vars(frequent_queries).items()
    if isinstance(query, Query)
]
"""Each query of app/adapters/sql/frequent_queries.py, with parameters."""


@contextmanager
def recorded() -> Iterator[list[Statement]]:
    """Record every statement that runs inside the block, with its first row of parameters."""
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
    """Return the lines of SQLite's query plans; statements such as pragmas are left out."""
    lines: list[str] = []
    async with database.reading() as connection:
        for statement, parameters in statements:
            if statement.lstrip().startswith(("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")):
                plan = await connection.exec_driver_sql(
                    f"EXPLAIN QUERY PLAN {statement}", parameters
                )
                lines += [row.detail for row in plan]
    return lines


def is_whole_table(line: str) -> bool:
    """Return whether this line of a query plan means that SQLite reads every row of a table."""
    return line.startswith("SCAN") and "VIRTUAL TABLE" not in line and "CONSTANT ROW" not in line


async def whole_tables_read_by(database: Database, statement: str) -> int:
    """Count the tables and indexes that SQLite reads from their start.

    Reads by foreign key actions count, too. EXPLAIN QUERY PLAN omits these actions; EXPLAIN shows
    each of them as a separate program, which begins with ``Init``.
    """
    count = 0
    temporary: set[int] = set()
    async with database.reading() as connection:
        for row in await connection.exec_driver_sql(f"EXPLAIN {statement}"):
            match row.opcode:
                case "Init":
                    temporary = set()
                case "OpenEphemeral":
                    temporary.add(row.p1)
                case "Rewind" if row.p1 not in temporary:
                    count += 1
    return count
