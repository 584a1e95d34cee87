"""Tests that SQLite scans no whole table for the queries of app/adapters/sql/queries.py."""

from app.adapters.sql.connection.database import Database
from tests.contract.storage import ALICE, BOB, GENERAL, RANDOM, Storage, draft
from tests.doubles.manual_clock import DEFAULT_START as NOW
from tests.unit.adapters.sql.statements import (
    is_whole_table,
    plans_of,
    recorded,
    whole_tables_read_by,
)


async def test_storing_reads_no_whole_table_when_a_batch_is_mixed(
    database: Database, storage: Storage
) -> None:
    """New and repeated sends of several users in several channels are found by their keys."""
    drafts = [
        draft(user_id, channel_id, client_message_id=f"c-{number}")
        for user_id in (ALICE, BOB)
        for channel_id in (GENERAL, RANDOM)
        for number in range(3)
    ]
    await storage.messages.add_all(drafts[::2], NOW)

    with recorded() as statements:
        await storage.messages.add_all(drafts, NOW)

    plans = await plans_of(database, statements)
    assert any("channel_members" in line for line in plans)
    assert any("client_messages" in line for line in plans)
    assert [] == [line for line in plans if is_whole_table(line)]


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
        await storage.messages.last_seqs([GENERAL, RANDOM])
        await storage.channels.members_of_all([GENERAL, RANDOM])

    plans = await plans_of(database, statements)
    assert any("message_sequences" in line for line in plans)
    assert [] == [line for line in plans if is_whole_table(line)]


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
