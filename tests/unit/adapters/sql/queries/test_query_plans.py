"""Tests the queries of app/adapters/sql/queries/: SQLite scans no whole table on a hot path."""

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


async def test_looking_for_the_unplaced_reads_nothing_but_others_when_there_are_none(
    database: Database, storage: Storage
) -> None:
    """By the partial index, which holds none of our own messages."""
    await storage.messages.add_all([draft() for _ in range(3)], NOW)

    with recorded() as statements:
        find_unsequenced = await storage.adoption.find_unsequenced(100, NOW)

    plans = await plans_of(database, statements)
    reading = [line for line in plans if "messages_others_idx" in line]
    assert {} == find_unsequenced
    assert 6 == len(reading) == sum(" messages " in line for line in plans)
    assert [] == [line for line in plans if is_whole_table(line) and line not in reading]


async def test_reading_a_stretch_reads_no_whole_table_when_it_is_asked_for(
    database: Database, storage: Storage
) -> None:
    """What comes after a number is found by it."""
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
    """Neither for its messages in portions, nor for what goes with the channel itself."""
    await storage.messages.add_all([draft() for _ in range(3)], NOW)

    with recorded() as statements:
        await storage.channels.delete(GENERAL)
    plans = await plans_of(database, statements)
    assert any("messages_channel_idx" in line for line in plans)
    assert [] == [line for line in plans if is_whole_table(line)]
    assert 0 == await whole_tables_read_by(database, "DELETE FROM channels WHERE id = ''")
