"""Tests the cost of storing messages and receipts.

The cost of a message or receipt does not grow with the channel. A batch is stored by one statement
on PostgreSQL, or by one call in the database thread on SQLite. Receipts that are out of order need
a second statement. The tested modules are app/adapters/sql/messages/storing.py and
app/adapters/sql/deliveries/advance.py.
"""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import pytest
from sqlalchemy import event, text

from app.adapters.sql.connection.database import Database
from app.adapters.sql.connection.engines import PostgresConnection, Write
from app.adapters.sql.connection.sqlite import BufferedConnection
from app.adapters.sql.deliveries.advance import AdvanceDeliveries, AdvanceDeliveriesInOrder
from app.adapters.sql.messages.storing import StoreMessages
from app.domain.delivery import DeliveryState
from app.domain.ids import ChannelId, UserId
from app.ports import Advance, Report, StoredMessage
from app.services.delivery_service import MAX_REPORTS
from tests.contract.storage import (
    ALICE,
    BOB,
    CAROL,
    GENERAL,
    MEMBERSHIP,
    RANDOM,
    UNHURRIED,
    Storage,
    add,
    draft,
    opened,
    sql_storage,
)
from tests.doubles.manual_clock import DEFAULT_START as NOW
from tests.unit.adapters.sql.counting_database import CountingDatabase
from tests.unit.adapters.sql.statements import Statement, is_whole_table, plans_of, recorded

DELIVERED, READ = DeliveryState.DELIVERED, DeliveryState.READ

_NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :size)"
_FILL = [
    f"""
    INSERT INTO users (id, "updatedAt")
    {_NUMBERS} SELECT :channel_id || i, CURRENT_TIMESTAMP FROM n
    """,  # noqa: S608 - our own statements
    f"""
    INSERT INTO channel_members ("channelId", "userId")
    {_NUMBERS} SELECT :channel_id, :channel_id || i FROM n
    """,  # noqa: S608
    f"""
    INSERT INTO messages (id, content, "channelId", "userId", "updatedAt")
    {_NUMBERS} SELECT :channel_id || i, 'x', :channel_id, '{ALICE}', CURRENT_TIMESTAMP FROM n
    """,  # noqa: S608
    f"""
    INSERT INTO message_sequences (message_id, channel_id, seq)
    {_NUMBERS} SELECT :channel_id || i, :channel_id, i FROM n ORDER BY i
    """,  # noqa: S608
    "INSERT INTO channel_sequences (channel_id, last_seq) VALUES (:channel_id, :size)",
    f"""
    INSERT INTO delivered_ranges (channel_id, user_id, first_seq, end_seq)
    {_NUMBERS} SELECT :channel_id, :channel_id || 2, i, i + 1 FROM n WHERE i % 2 = 0
    """,  # noqa: S608
]
"""Statements that fill a channel with members and messages.

They also record that the second member has received every second message.
"""
_ROWS_WRITTEN = "SELECT SUM(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_xact_user_tables"


@pytest.fixture
async def own_counting_database(postgres_url: str) -> AsyncIterator[CountingDatabase]:
    """A new PostgreSQL database, without the deleted rows and statistics of other tests."""
    async with opened(CountingDatabase(postgres_url, migrate=False, limits=UNHURRIED)) as database:
        yield database


Batch: TypeAlias = Callable[[Storage, int], Awaitable[Write[object]]]
"""A function that stores the rows needed by a batch of the given size, and returns the batch."""


async def messages_of_all_kinds(storage: Storage, size: int) -> StoreMessages:
    """Return a batch of messages of two users to two channels.

    Some messages have a new or a repeated client message id.
    """
    await storage.messages.add_all([draft(client_message_id="d-0")], NOW)
    return StoreMessages(
        [
            draft(
                (ALICE, BOB)[number % 2],
                (GENERAL, RANDOM)[number // 2 % 2],
                client_message_id=(None, f"c-{number}", f"d-{number // 50}")[number % 3],
            )
            for number in range(size)
        ],
        NOW,
    )


async def receipts_of_all_kinds(storage: Storage, size: int) -> AdvanceDeliveries:
    """Return a batch of READ and DELIVERED reports of two recipients about new messages."""
    added = await storage.messages.add_all(
        [draft(ALICE, (GENERAL, RANDOM)[number % 2]) for number in range((size + 1) // 2)], NOW
    )
    ids = [each.message.id for each in added if isinstance(each, StoredMessage)]
    pairs = {
        (ids[number // 2], (BOB, CAROL)[number % 2]): (READ, DELIVERED)[number % 3 % 2]
        for number in range(size)
    }
    return AdvanceDeliveries(pairs, NOW)


async def receipts_in_order(storage: Storage, size: int) -> AdvanceDeliveriesInOrder:
    """Return a batch of DELIVERED and READ reports of all members about two messages."""
    readers = [UserId(f"reader-{number}") for number in range(size)]
    channel_ids = ChannelId("even"), ChannelId("odd")
    await storage.channels.seed(
        {ALICE: channel_ids}
        | {each: [channel_ids[number % 2]] for number, each in enumerate(readers)}
    )
    ids = [(await add(storage, draft(ALICE, each))).id for each in channel_ids]
    pairs = {
        (ids[number % 2], each): (READ, DELIVERED)[number % 3 % 2]
        for number, each in enumerate(readers)
    }
    return AdvanceDeliveriesInOrder(pairs, NOW)


BATCHES = pytest.mark.parametrize(
    "batch", [messages_of_all_kinds, receipts_of_all_kinds, receipts_in_order]
)


@BATCHES
@pytest.mark.parametrize("size", [1, 256, 1_000])
async def test_a_batch_is_one_statement_when_postgres_stores_it(
    counting_database: CountingDatabase, batch: Batch, size: int
) -> None:
    """Storing a batch sends exactly one statement to PostgreSQL, for all kinds of items."""
    write = await prepared(counting_database, batch, size)

    with recorded() as others:
        await counting_database.write(write)

    assert [] == others
    assert 1 == len(counting_database.statements)


async def test_reports_take_a_second_statement_when_they_are_out_of_order(
    counting_database: CountingDatabase,
) -> None:
    """Carol has already reported the second message, and Alice reports two in one batch."""
    storage = sql_storage(counting_database)
    await storage.channels.seed(MEMBERSHIP)
    first, second = [await add(storage, draft(BOB, GENERAL)) for _ in range(2)]
    await storage.deliveries.advance_all([Report(second.id, CAROL, DELIVERED)], NOW)
    pairs = ((first, ALICE), (second, ALICE), (first, CAROL))
    counting_database.statements.clear()

    outcomes = await storage.deliveries.advance_all(
        [Report(message.id, user_id, READ) for message, user_id in pairs], NOW
    )

    assert 2 == len(counting_database.statements)
    assert [True, True, True] == [isinstance(each, Advance) and each.changed for each in outcomes]


async def test_reports_are_one_statement_when_earlier_messages_are_not_reported(
    counting_database: CountingDatabase,
) -> None:
    """A client may report only the newest message; the earlier ones stay undelivered."""
    storage = sql_storage(counting_database)
    await storage.channels.seed(MEMBERSHIP)
    sent = [await add(storage, draft(BOB, GENERAL)) for _ in range(4)]
    counting_database.statements.clear()

    for message in (sent[0], sent[3]):
        await storage.deliveries.advance_all([Report(message.id, CAROL, DELIVERED)], NOW)

    assert 2 == len(counting_database.statements)
    page = await storage.deliveries.undelivered(CAROL, 0, 10)
    assert [each.id for each in sent[1:3]] == [each.id for each in page.messages]


@BATCHES
@pytest.mark.parametrize("size", [1, 256, 1_000])
async def test_a_batch_is_one_call_of_the_thread_when_sqlite_stores_it(
    sqlite_database: Database, batch: Batch, size: int
) -> None:
    """BEGIN, all statements and COMMIT run in one call of the connection's thread."""
    write = await prepared(sqlite_database, batch, size)

    with calls_counted(sqlite_database) as calls:
        await sqlite_database.write(write)

    assert 1 == len(calls)


@BATCHES
async def test_a_batch_reads_no_whole_table_when_sqlite_stores_it(
    counting_sqlite_database: CountingDatabase, batch: Batch
) -> None:
    """SQLite finds members and ranges by indexes, and sorts nothing."""
    write = await prepared(counting_sqlite_database, batch, 12)

    await counting_sqlite_database.write(write)

    plans = await plans_of(counting_sqlite_database, counting_sqlite_database.statements)
    for table in ("channel_members", "delivered_ranges"):
        assert any(f"SEARCH {table} USING" in line for line in plans)
    assert [] == [line for line in plans if is_whole_table(line)]
    assert [] == [line for line in plans if "TEMP B-TREE" in line]


@BATCHES
async def test_a_batch_reads_no_whole_table_when_postgres_stores_it(
    own_counting_database: CountingDatabase, batch: Batch
) -> None:
    """PostgreSQL's generic plan reads tables only by indexes, each with an index condition."""
    write = await prepared(own_counting_database, batch, 12)
    await own_counting_database.write(write)
    (statement,) = own_counting_database.statements

    nodes = list(steps_of(await explained(own_counting_database, statement)))

    indexes = [node for node in nodes if "Index Name" in node]
    used = {(node["Relation Name"], node["Index Name"]) for node in indexes}
    assert ("delivered_ranges", "delivered_ranges_pkey") in used
    # The only other index, ``channel_members_userId_idx``, would read all channels of a user.
    assert {"channel_members_pkey"} == {
        index for table, index in used if table == "channel_members"
    }
    assert [] == [node["Index Name"] for node in indexes if "Index Cond" not in node]
    assert not {"Seq Scan", "Hash Join", "Merge Join"} & {node["Node Type"] for node in nodes}


async def message_to(storage: Storage, channel_id: ChannelId, size: int) -> StoreMessages:
    """Return a write of the second message that the last member sends."""
    author_id = UserId(f"{channel_id}{size}")
    await add(storage, draft(author_id, channel_id))
    await add(storage, draft(ALICE, channel_id))
    return StoreMessages([draft(author_id, channel_id, client_message_id="c-1")], NOW)


async def first_receipt_in(
    storage: Storage, channel_id: ChannelId, size: int
) -> AdvanceDeliveriesInOrder:
    """Return a write of the first report of a message, by the last member."""
    message = await add(storage, draft(ALICE, channel_id))
    return AdvanceDeliveriesInOrder({(message.id, UserId(f"{channel_id}{size}")): READ}, NOW)


async def later_receipt_in(
    storage: Storage, channel_id: ChannelId, size: int
) -> AdvanceDeliveriesInOrder:
    """Return a write of a report by the second member, after most other members have reported."""
    message = await add(storage, draft(ALICE, channel_id))
    others = [UserId(f"{channel_id}{number}") for number in range(3, size + 1)]
    reports = [Report(message.id, each, DELIVERED) for each in (*others, BOB)]
    for start in range(0, len(reports), MAX_REPORTS):
        await storage.deliveries.advance_all(reports[start : start + MAX_REPORTS], NOW)
    return AdvanceDeliveriesInOrder({(message.id, UserId(f"{channel_id}2")): READ}, NOW)


async def receipt_in_any_order_in(
    storage: Storage, channel_id: ChannelId, size: int
) -> AdvanceDeliveries:
    """Return a write of the same report, with the statement for any order."""
    in_order = await later_receipt_in(storage, channel_id, size)
    return AdvanceDeliveries(in_order.pairs, in_order.now)


Single: TypeAlias = Callable[[Storage, ChannelId, int], Awaitable[Write[object]]]
SINGLES = pytest.mark.parametrize(
    "single", [message_to, first_receipt_in, later_receipt_in, receipt_in_any_order_in]
)


@SINGLES
async def test_work_is_the_same_when_there_are_ten_times_as_many_members_and_messages(
    own_counting_database: CountingDatabase,
    single: Single,
) -> None:
    """The numbers of accessed pages and of foreign key checks do not grow with the channel."""
    database = own_counting_database
    storage = sql_storage(database)
    pages, checks = [], []
    for size in (400, 4_000):
        channel_id = await filled(database, storage, size)
        write = await single(storage, channel_id, size)
        database.statements.clear()
        # Without this, the plan depends on whether autovacuum has analyzed the tables.
        async with database.asking() as connection:
            await connection.exec_driver_sql("VACUUM ANALYZE")
        plan = await explained(database, await statement_of(write), "ANALYZE, BUFFERS,")
        pages.append(
            sum(step["Shared Hit Blocks"] + step["Shared Read Blocks"] for step in steps_of(plan))
        )
        checks.append({each["Constraint Name"]: each["Calls"] for each in plan["Triggers"]})

    few, many = pages
    assert 0 < many < 1.3 * few
    assert checks[0] == checks[1]


@SINGLES
async def test_as_many_rows_are_written_when_there_are_many_members(
    either_database: Database,
    single: Single,
) -> None:
    """No row is written for a recipient who has reported nothing."""
    storage = sql_storage(either_database)
    written = []
    for size in (10, 4_000):
        channel_id = await filled(either_database, storage, size)
        write = await single(storage, channel_id, size)
        written.append(await rows_written(either_database, write))

    few, many = written
    assert 0 < few == many


@BATCHES
async def test_nothing_is_written_when_a_batch_is_repeated(
    either_database: Database, batch: Batch
) -> None:
    """Repeated receipts and repeated sends cause only reads."""
    write = await prepared(either_database, batch, 12)
    if isinstance(write, StoreMessages):
        write = StoreMessages([each for each in write.drafts if each.client_message_id], NOW)
    await either_database.write(write)

    assert 0 == await rows_written(either_database, write)


async def prepared(database: Database, batch: Batch, size: int) -> Write[object]:
    """Return a batch of this size, and clear the statements recorded while preparing it."""
    storage = sql_storage(database)
    await storage.channels.seed(MEMBERSHIP)
    write = await batch(storage, size)
    if isinstance(database, CountingDatabase):
        database.statements.clear()
    return write


@contextmanager
def calls_counted(database: Database) -> Iterator[list[object]]:
    """Record the functions that SQLite's connections run in their threads."""
    calls: list[object] = []

    def count(connection: BufferedConnection, *_: object) -> None:
        execute = type(connection)._execute

        async def counted(function: object, *args: object) -> Any:
            calls.append(function)
            return await execute(connection, function, *args)  # type: ignore[no-untyped-call] # untyped in aiosqlite

        connection._execute = counted  # type: ignore[method-assign] # to count

    def checked_out(pooled: Any, *_: object) -> None:
        count(cast("BufferedConnection", pooled.driver_connection))

    engine = database._engines.writing.sync_engine
    event.listen(engine, "checkout", checked_out)
    try:
        yield calls
    finally:
        event.remove(engine, "checkout", checked_out)


async def filled(database: Database, storage: Storage, size: int) -> ChannelId:
    """Create a channel with ``size`` members, besides Alice and Bob, and ``size`` messages."""
    channel_id = ChannelId(f"channel-{size}-")
    await storage.channels.seed({ALICE: [channel_id], BOB: [channel_id]})
    for statement in _FILL:
        given = {"size": size, "channel_id": channel_id}
        names = [name for name in given if f":{name}" in statement]
        # Commit after each statement. PostgreSQL runs the trigger on ``channel_members`` at the
        # commit; in a single transaction it would delete the ``delivered_ranges`` that the last
        # statement inserts.
        async with database.transaction() as connection:
            await connection.execute(text(statement), {name: given[name] for name in names})
    return channel_id


async def statement_of(write: Write[object]) -> Statement:
    """Return the statement for PostgreSQL with its parameters, without running it."""
    with pytest.raises(_Collected) as collected:
        await write.on_postgres(_Collecting())
    return collected.value.statement


async def explained(database: Database, statement: Statement, options: str = "") -> dict[str, Any]:
    """Return PostgreSQL's generic plan, as sessions use it, and roll back the writes of ANALYZE."""
    sql, parameters = statement
    literals = ", ".join(map(_literal, parameters))
    async with database.transaction() as connection:
        await connection.exec_driver_sql(f"PREPARE explained AS {sql}")
        rows = await connection.exec_driver_sql(
            f"EXPLAIN ({options} FORMAT JSON) EXECUTE explained ({literals})"
        )
        (plan,) = rows.scalar_one()
        await connection.exec_driver_sql("DEALLOCATE explained")
        await connection.rollback()
    return cast("dict[str, Any]", plan)


def steps_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every node of a plan."""
    nodes = [plan["Plan"]]
    while nodes:
        node = nodes.pop()
        yield node
        nodes += node.get("Plans", ())


async def rows_written(database: Database, write: Write[object]) -> int:
    """Run a write, and return the number of rows that it inserted, changed and deleted."""
    return await database.write(_Counted(write))


@dataclass(frozen=True, slots=True)
class _Counted(Write[int]):
    write: Write[object]

    def on_sqlite(self, connection: sqlite3.Connection) -> int:
        before = connection.total_changes
        self.write.on_sqlite(connection)
        return connection.total_changes - before

    async def on_postgres(self, connection: PostgresConnection) -> int:
        await connection.fetch("BEGIN")
        # Subtract the rows that earlier transactions of the session have written.
        ((before,),) = await connection.fetch(_ROWS_WRITTEN)
        await self.write.on_postgres(connection)
        ((after,),) = await connection.fetch(_ROWS_WRITTEN)
        await connection.fetch("COMMIT")
        return int(after - before)


class _Collected(Exception):
    def __init__(self, statement: Statement) -> None:
        self.statement = statement


class _Collecting(PostgresConnection):
    async def fetch(self, query: str, *args: object) -> Sequence[Sequence[Any]]:
        raise _Collected((query, args))


def _literal(value: object) -> str:
    if isinstance(value, list):
        return f"ARRAY[{', '.join(map(_literal, value))}]::text[]"
    return "NULL" if value is None else f"'{value}'"
