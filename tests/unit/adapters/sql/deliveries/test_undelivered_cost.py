"""Tests the cost of queries for undelivered messages in small and large channels.

The tested module is app/adapters/sql/deliveries/undelivered.py.
"""

import re

import aiosqlite
import pytest
from sqlalchemy import Executable, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.sql.connection.database import Database
from app.adapters.sql.deliveries.undelivered import COUNT_UNDELIVERED, UNDELIVERED_POSITIONS
from app.domain.ids import ChannelId, UserId
from tests.contract.storage import ALICE, sql_storage

_NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :size)"
_STORE = f"""
INSERT INTO messages (id, content, "channelId", "userId", "updatedAt")
{_NUMBERS} SELECT :channel_id || i, 'hello', :channel_id, '{ALICE}', CURRENT_TIMESTAMP FROM n
"""  # noqa: S608 - our own statements
_NUMBER = f"""
INSERT INTO message_sequences (message_id, channel_id, seq)
{_NUMBERS} SELECT :channel_id || i, :channel_id, i FROM n ORDER BY i
"""  # noqa: S608
_RANGES = {
    "none": "SELECT 0 AS first_seq, 0 AS end_seq WHERE :size < 0",
    "one": "SELECT 2 AS first_seq, :size AS end_seq",
    "many": f"{_NUMBERS} SELECT i AS first_seq, i + 1 AS end_seq FROM n WHERE i % 2 = 0",  # noqa: S608
}
"""The reader's delivered ranges: none, all but the first and last message, or every second one."""


async def cost_of(
    connection: AsyncConnection, query: Executable, parameters: dict[str, int | str]
) -> int:
    """Run a query, and count the accessed pages (PostgreSQL) or instructions (SQLite)."""
    if connection.dialect.name == "postgresql":
        explain = text(f"EXPLAIN (ANALYZE, BUFFERS) {query}").bindparams(**parameters)
        plan = "\n".join((await connection.scalars(explain)).all())
        accessed = re.search(r"Buffers: shared (.*)", plan)
        assert accessed is not None
        return sum(int(number) for number in re.findall(r"(?:hit|read)=(\d+)", accessed[1]))
    count = 0

    def add() -> int:
        nonlocal count
        count += 1
        return 0

    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, aiosqlite.Connection)
    await driver.set_progress_handler(add, 1)
    await connection.execute(query, parameters)
    return count


# Use a new PostgreSQL database: the plans depend on statistics, and other tests leave theirs.
@pytest.fixture(params=["sqlite_database", "own_postgres_database"])
def database(request: pytest.FixtureRequest) -> Database:
    database: Database = request.getfixturevalue(request.param)
    return database


@pytest.mark.parametrize("ranges", _RANGES.values(), ids=_RANGES)
async def test_cost_is_the_same_when_there_are_ten_times_as_many_messages(
    database: Database, ranges: str
) -> None:
    """The queries stop at their limits, and skip delivered messages."""
    costs = []
    storage = sql_storage(database)
    for size in (400, 4_000):
        channel_id, reader_id = ChannelId(f"channel-{size}-"), UserId(f"reader_{size}")
        await storage.channels.seed({ALICE: [channel_id], reader_id: [channel_id]})
        add_ranges = f"""
            INSERT INTO delivered_ranges (channel_id, user_id, first_seq, end_seq)
            SELECT :channel_id, '{reader_id}', first_seq, end_seq
            FROM ({ranges}) AS done
        """  # noqa: S608
        async with database.transaction() as connection:
            for statement in (_STORE, _NUMBER, add_ranges):
                values = {"size": size, "channel_id": channel_id}
                await connection.execute(text(statement).bindparams(**values))
        async with database.reading() as connection:
            counting: dict[str, int | str] = {"user_id": reader_id, "size": 10, "in_all": 100}
            paging: dict[str, int | str] = {"user_id": reader_id, "size": 10, "after": 0}
            costs.append(
                await cost_of(connection, COUNT_UNDELIVERED, counting)
                + await cost_of(connection, UNDELIVERED_POSITIONS, paging)
            )

    few, many = costs
    assert 0 < many < 3 * few
