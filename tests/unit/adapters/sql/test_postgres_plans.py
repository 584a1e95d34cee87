"""Tests that PostgreSQL can use an index for every query.

The queries are in app/adapters/sql/queries.py and app/adapters/sql/frequent_queries.py.
"""

import pytest
from sqlalchemy import text

from app.adapters.sql.connection.database import Database
from app.adapters.sql.connection.engines import Query
from tests.contract.storage import (
    ALICE,
    BOB,
    GENERAL,
    MEMBERSHIP,
    RANDOM,
    Storage,
    draft,
    sql_storage,
)
from tests.doubles.manual_clock import DEFAULT_START as NOW
from tests.unit.adapters.sql.statements import FREQUENT_QUERIES, recorded

NOT_WHOLE = text("SET LOCAL enable_seqscan = off")
READ_WHOLE = text("SELECT relname, seq_scan FROM pg_stat_xact_user_tables")


async def filled(database: Database) -> Storage:
    """Store two messages in different channels."""
    storage = sql_storage(database)
    await storage.channels.seed(MEMBERSHIP)
    await storage.messages.add_all([draft(), draft(channel_id=RANDOM)], NOW)
    return storage


async def test_reading_is_done_by_indexes_when_postgres_is_asked_to(
    own_postgres_database: Database,
) -> None:
    """A query can use a partial index only if it repeats the index's condition."""
    storage = await filled(own_postgres_database)
    (message,) = await storage.messages.list_after(GENERAL, BOB, 0, 1)

    with recorded() as statements:
        await storage.adoption.find_unsequenced(10, NOW)
        await storage.deliveries.undelivered_counts(BOB)
        await storage.deliveries.undelivered(BOB, after=0, limit=10)
        await storage.deliveries.statuses(message.id, ALICE, 1, BOB)
    plans = []
    async with own_postgres_database.reading() as connection:
        await connection.execute(NOT_WHOLE)
        for statement, parameters in statements:
            plan = await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
            plans.append("\n".join(line for (line,) in plan))

    assert 11 == len(plans)
    assert 4 == sum("messages_others_idx" in plan for plan in plans)
    # Four queries use ranges: the counts and the page of undelivered messages, and the page and
    # the counts of recipients.
    assert 4 == sum("delivered_ranges_pkey" in plan for plan in plans)
    assert [] == [plan for plan in plans if "Seq Scan" in plan]


@pytest.mark.parametrize(("query", "parameters"), FREQUENT_QUERIES)
async def test_frequent_query_uses_an_index_when_sequential_scans_are_off(
    own_postgres_database: Database, query: Query, parameters: tuple[object, ...]
) -> None:
    async with own_postgres_database.reading() as connection:
        await connection.execute(NOT_WHOLE)
        rows = await connection.exec_driver_sql(f"EXPLAIN {query.on_postgres}", parameters)
        plan = "\n".join(line for (line,) in rows)

    assert "Index" in plan
    assert "Seq Scan" not in plan


async def test_deleting_a_channel_reads_no_whole_table_when_it_has_messages(
    own_postgres_database: Database,
) -> None:
    """PostgreSQL's statistics include the reads that foreign keys cause."""
    await filled(own_postgres_database)

    async with own_postgres_database.transaction() as connection:
        await connection.execute(NOT_WHOLE)
        before = (await connection.execute(READ_WHOLE)).all()
        await connection.execute(text("DELETE FROM channels WHERE id = 'general'"))
        after = (await connection.execute(READ_WHOLE)).all()

    assert sorted(before) == sorted(after)
