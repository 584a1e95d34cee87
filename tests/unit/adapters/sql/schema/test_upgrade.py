import asyncio
import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect

from app.adapters.sql.connection.database import Database
from app.adapters.sql.connection.limits import DatabaseLimits
from app.adapters.sql.schema.tables import metadata
from app.adapters.sql.schema.upgrade import SchemaError, upgrade_schema
from tests.contract.storage import UNHURRIED, opened
from tests.postgres_server import PostgresServer
from tests.prisma import ROWS, TABLES
from tests.unit.adapters.sql.migrations import HEAD, REVISIONS, downgrade

SLOW_INDEXES = """
CREATE FUNCTION be_slow() RETURNS event_trigger LANGUAGE plpgsql
AS $$ BEGIN PERFORM pg_sleep(0.2); END $$;
CREATE EVENT TRIGGER be_slow ON ddl_command_start WHEN TAG IN ('CREATE INDEX')
EXECUTE FUNCTION be_slow();
"""
"""SQL that makes creating an index take longer than the statement timeout."""


@pytest.fixture(params=["sqlite", "own_postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """A migrated and open database, on SQLite and on PostgreSQL; a test may alter its tables."""
    database: Database = request.getfixturevalue(f"{request.param}_database")
    return database


async def test_migrations_give_the_tables_of_the_code_when_they_have_run(
    database: Database,
) -> None:
    """Alembic finds no difference in types, defaults, keys or indexes."""

    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        return list(compare_metadata(context, metadata))

    async with database.reading() as connection:
        found = await connection.run_sync(differences)

    assert [] == found


async def test_migrations_leave_nothing_when_they_are_taken_back(database: Database) -> None:
    def down_and_up(connection: Connection) -> list[str]:
        downgrade(connection, "base")
        left = inspect(connection).get_table_names()
        upgrade_schema(connection)
        return left

    async with database.transaction() as connection:
        left = await connection.run_sync(down_and_up)

    assert ["alembic_version"] == left


async def test_migrating_takes_its_time_when_statements_of_the_chat_may_not(
    empty_postgres_url: str, postgres_server: PostgresServer
) -> None:
    """The statement timeout does not apply to migrations, which may change large tables."""
    postgres_server.execute(TABLES + ROWS + SLOW_INDEXES, "empty")
    limits = DatabaseLimits(statement_timeout_seconds=0.1)

    async with opened(Database(empty_postgres_url, migrate=True, limits=limits)):
        pass


async def test_opening_refuses_when_the_database_is_newer(url: str, file: Path) -> None:
    """The error names the unknown revision."""
    await _open_and_close(url, migrate=True)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    for migrate in (True, False):
        with pytest.raises(SchemaError, match=r"revision 9999, which this version does not know"):
            await _open_and_close(url, migrate=migrate)


async def test_opening_refuses_when_there_are_several_revisions(url: str, file: Path) -> None:
    """Two programs may share the table ``alembic_version`` by mistake."""
    await _open_and_close(url, migrate=True)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("INSERT INTO alembic_version VALUES ('9999')")

    for migrate in (True, False):
        with pytest.raises(SchemaError, match=rf"several revisions \({HEAD}, 9999\)"):
            await _open_and_close(url, migrate=migrate)


async def test_opening_refuses_when_migrations_are_missing_and_not_asked_for(url: str) -> None:
    """The error names the command that migrates."""
    with pytest.raises(SchemaError, match=r"python -m app migrate"):
        await _open_and_close(url, migrate=False)


async def test_opening_migrates_once_when_two_do_it_at_the_same_time(url: str) -> None:
    """The first of three processes runs all migrations, and the others wait for it."""
    applied = await asyncio.gather(*(_open_and_close(url, migrate=True) for _ in range(3)))

    assert [0, 0, len(REVISIONS)] == sorted(map(len, applied))


async def test_migrating_leaves_logging_alone_when_it_runs(url: str) -> None:
    """Alembic's default environment would disable the application's loggers."""
    logger = logging.getLogger("app.somewhere")
    before = (logging.root.level, list(logging.root.handlers), logger.disabled)

    await _open_and_close(url, migrate=True)

    assert before == (logging.root.level, list(logging.root.handlers), logger.disabled)


async def _open_and_close(url: str, *, migrate: bool) -> tuple[str, ...]:
    async with opened(Database(url, migrate=migrate, limits=UNHURRIED)) as database:
        return database.applied_migrations
