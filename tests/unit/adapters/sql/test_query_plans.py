"""Tests that SQLite scans no whole table.

The queries are in app/adapters/sql/queries.py and app/adapters/sql/frequent_queries.py.
"""

import pytest

from app.adapters.sql.connection.database import Database
from app.adapters.sql.connection.engines import Query
from tests.contract.storage import ALICE, BOB, GENERAL, Storage, draft
from tests.doubles.manual_clock import DEFAULT_START as NOW
from tests.unit.adapters.sql.statements import (
    FREQUENT_QUERIES,
    is_whole_table,
    plans_of,
    recorded,
    whole_tables_read_by,
)


async def test_find_unsequenced_reads_only_messages_of_others_when_there_are_none(
    database: Database, storage: Storage
) -> None:
    """The query reads a partial index, which contains only messages of the original backend."""
    await storage.messages.add_all([draft() for _ in range(3)], NOW)

    with recorded() as statements:
        found = await storage.adoption.find_unsequenced(100, NOW)

    plans = await plans_of(database, statements)
    reading = [line for line in plans if "messages_others_idx" in line]
    assert {} == found
    assert 6 == len(reading) == sum(" messages " in line for line in plans)
    assert [] == [line for line in plans if is_whole_table(line) and line not in reading]


async def test_reading_a_page_reads_no_whole_table_when_it_begins_at_a_sequence(
    database: Database, storage: Storage
) -> None:
    with recorded() as statements:
        await storage.messages.list_after(GENERAL, ALICE, after_seq=10, limit=10)

    plans = await plans_of(database, statements)
    assert any("message_sequences" in line for line in plans)
    assert [] == [line for line in plans if is_whole_table(line)]


@pytest.mark.parametrize(("query", "parameters"), FREQUENT_QUERIES)
async def test_frequent_query_reads_no_whole_table(
    database: Database, query: Query, parameters: tuple[object, ...]
) -> None:
    texts = tuple(str(each) for each in parameters)
    plans = await plans_of(database, [(query.on_sqlite, texts)])
    assert any("USING" in line for line in plans)
    # ``credential`` is not a table: the three parts of a credential are parameters.
    assert set() == {line for line in plans if is_whole_table(line)} - {"SCAN credential"}


async def test_undelivered_messages_are_found_by_keys_when_they_are_counted_or_read(
    database: Database, storage: Storage
) -> None:
    """SQLite scans only intermediate results, whose size is limited."""
    with recorded() as statements:
        await storage.deliveries.undelivered_counts(BOB)
        await storage.deliveries.undelivered(BOB, after=0, limit=10)

    plans = await plans_of(database, statements)
    assert any("SEARCH delivered_ranges USING PRIMARY KEY" in line for line in plans)
    names = {line.split()[1] for line in plans if is_whole_table(line)}
    intermediate = {
        "page",
        "bisected",
        "present",
        "started",
        "bounded",
        "ranges",
        "gap",
        "gaps",
        "counted",
    }
    assert set() == {name for name in names if not name.startswith("(subquery")} - intermediate


async def test_deleting_a_channel_reads_no_whole_table_when_it_has_messages(
    database: Database, storage: Storage
) -> None:
    """The plans include the batches of messages and the rows that foreign keys delete."""
    await storage.messages.add_all([draft() for _ in range(3)], NOW)

    with recorded() as statements:
        await storage.channels.delete(GENERAL)
    plans = await plans_of(database, statements)
    assert any("messages_channel_idx" in line for line in plans)
    assert [] == [line for line in plans if is_whole_table(line)]
    assert 0 == await whole_tables_read_by(database, "DELETE FROM channels WHERE id = ''")
