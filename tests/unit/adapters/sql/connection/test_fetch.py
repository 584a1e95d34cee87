"""Tests failures of `Database.fetch` (app/adapters/sql/connection/database.py)."""

import asyncio

import pytest

from app.adapters.sql.connection.database import Database
from app.adapters.sql.connection.engines import Query
from app.adapters.sql.connection.limits import DatabaseLimits
from app.domain.errors import Unavailable
from tests.contract.storage import opened
from tests.postgres_server import PostgresServer
from tests.unit.adapters.sql.blocked_backends import LOCK, held_lock, wait_for_row
from tests.unit.adapters.sql.connection.test_database_failures import FOR_EVER
from tests.unit.adapters.sql.connection.test_write import LIMITS, ONE_WRITER, SETTINGS, WAITING
from tests.unit.adapters.sql.insisting import insist

ONE = Query("SELECT 1", "SELECT 1")
FAILING = Query("SELECT 1 / (SELECT 0)", "SELECT abs(-9223372036854775808)")
SLOW = Query(f"SELECT {LOCK}", FOR_EVER)
CALLS = 6
"""More calls than connections for reading."""


async def one(database: Database) -> int:
    ((number,),) = await database.fetch(ONE)
    return int(number)


async def test_each_query_is_answered_when_earlier_ones_have_failed(
    either_database: Database,
) -> None:
    for _ in range(CALLS):
        with pytest.raises(Unavailable):
            await either_database.fetch(FAILING)

    assert 1 == await one(either_database)


async def test_a_query_of_a_file_is_interrupted_when_it_does_not_end(
    migrated_sqlite_url: str,
) -> None:
    """The threads of all connections can run other queries afterwards."""
    limits = DatabaseLimits(answer_seconds=1.5)
    async with opened(Database(migrated_sqlite_url, migrate=False, limits=limits)) as database:
        slow = [database.fetch(SLOW) for _ in range(CALLS)]
        failures = await asyncio.gather(*slow, return_exceptions=True)

        assert [Unavailable] * CALLS == [type(each) for each in failures]
        assert 1 == await insist(lambda: one(database))


@pytest.mark.parametrize("query", ["", "?pgbouncer=true"])
async def test_a_query_has_time_limits_when_it_runs_directly_or_through_a_pooler(
    postgres_url: str, query: str
) -> None:
    async with opened(Database(postgres_url + query, migrate=False, limits=LIMITS)) as database:
        (settings,) = await database.fetch(Query(SETTINGS, ""))
        async with held_lock(postgres_url):
            with pytest.raises(Unavailable):
                await database.fetch(SLOW)

        assert ("1250ms", "750ms", "force_generic_plan", True) == tuple(settings)
        assert 1 == await insist(lambda: one(database))


async def test_a_cancelled_query_does_not_block_the_next_one(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    """The only connection for reading is replaced."""
    async with (
        opened(Database(postgres_url, migrate=False, limits=ONE_WRITER)) as database,
        held_lock(postgres_url),
    ):
        reading = asyncio.create_task(database.fetch(SLOW))
        await wait_for_row(postgres_server, WAITING)
        reading.cancel()
        await asyncio.wait([reading])

        assert reading.cancelled()
        assert 1 == await one(database)
