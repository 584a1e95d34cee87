"""Tests app/adapters/sql/schema/conversion.py on databases of revision 0005."""

import asyncio
from itertools import pairwise
from random import Random

import pytest
from sqlalchemy import Connection, text

from app.adapters.sql.connection.conversion_loop import convert_deliveries
from app.adapters.sql.connection.database import Database
from app.adapters.sql.connection.opening import make_engines
from app.adapters.sql.connection.url import parse_database_url
from app.adapters.sql.schema.conversion import convert_some
from app.adapters.sql.schema.upgrade import SchemaError, check_schema, upgrade_schema
from tests.contract.storage import UNHURRIED, opened
from tests.unit.adapters.sql.migrations import downgrade
from tests.unit.adapters.sql.schema.old_database import (
    OldServer,
    new_states,
    old_states,
    overlaps,
    ranges_of,
    run,
)

MANY = 250
ADOPTION = (
    """
    INSERT INTO messages (id, content, "channelId", "userId", "updatedAt")
    VALUES ('of-prisma', 'hello', 'channel', 'author', :time)
    """,
    "UPDATE channel_sequences SET last_seq = last_seq + 1 WHERE channel_id = 'channel'",
    """
    INSERT INTO message_sequences (message_id, channel_id, seq)
    SELECT 'of-prisma', channel_id, last_seq FROM channel_sequences WHERE channel_id = 'channel'
    """,
    """
    INSERT INTO message_deliveries
        (message_id, recipient_id, channel_id, position, status, updated_at)
    SELECT message_id, recipient_id, channel_id, position, status, :time
    FROM message_sequences, (VALUES ('reader', 'READ'), ('other', 'SENT')) AS adopted
        (recipient_id, status)
    WHERE message_id = 'of-prisma'
    """,
)
"""The writes of an old server that adopts a message which one member has read."""


@pytest.fixture(params=["sqlite", "own_postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """A migrated and open database, on SQLite and on PostgreSQL; a test may alter its tables."""
    database: Database = request.getfixturevalue(f"{request.param}_database")
    return database


@pytest.fixture(params=[1, 2])
def old_server(request: pytest.FixtureRequest) -> OldServer:
    return OldServer(Random(request.param))  # noqa: S311 - not for security


def old_server_of(users: list[str]) -> OldServer:
    """An old server with one channel."""
    return OldServer(Random(1), users=users, channels=["channel"])  # noqa: S311 - not for security


async def fill(database: Database, server: OldServer) -> None:
    """Go back to revision 0005, let the old server write, and run the migration."""

    def prepare(connection: Connection) -> None:
        downgrade(connection, "0005")
        server.create(connection)
        for _ in range(MANY):
            server.act(connection)
        upgrade_schema(connection)

    async with database.transaction() as connection:
        await connection.run_sync(prepare)


async def interrupt(database: Database, rows: int) -> None:
    """Run a step, and roll it back, as PostgreSQL does when the process is killed."""
    async with database.transaction() as connection:
        step = await connection.begin_nested()
        await connection.run_sync(convert_some, rows)
        await step.rollback()


async def convert(database: Database, rows: int) -> int:
    """Convert in steps; every third step is first rolled back. Return the number of steps."""
    steps = 0
    while True:
        if steps % 3 == 0:
            await interrupt(database, rows)
        async with database.transaction() as connection:
            if await connection.run_sync(convert_some, rows) is None:
                return steps
        steps += 1


async def assert_equal(database: Database) -> None:
    """Compare the new tables with the old one."""
    async with database.reading() as connection:
        old = await connection.run_sync(old_states)
        new = await connection.run_sync(new_states)
        overlapping = await connection.run_sync(lambda each: list(overlaps(each)))
    assert old == new
    assert [] == overlapping


async def test_deliveries_are_the_same_when_they_are_converted(
    database: Database, old_server: OldServer
) -> None:
    """Recipients, receipts and undelivered messages are those of the old rows."""
    await fill(database, old_server)

    steps = await convert(database, rows=7)

    assert steps > 60
    await assert_equal(database)


async def test_ranges_are_as_few_as_possible_when_they_are_converted(
    database: Database, old_server: OldServer
) -> None:
    """No two ranges of a member touch."""
    await fill(database, old_server)

    await convert(database, rows=7)

    async with database.reading() as connection:
        ranges = await connection.run_sync(ranges_of)
    assert not [
        key
        for key, each in ranges.items()
        if any(end == start for (_, end), (start, _) in pairwise(each))
    ]


async def test_messages_have_reached_the_state_of_all_recipients_when_they_are_converted(
    database: Database, old_server: OldServer
) -> None:
    await fill(database, old_server)

    await convert(database, rows=7)

    async with database.reading() as connection:
        states = await connection.run_sync(old_states)
        rows = await connection.execute(
            text("SELECT channel_id, seq, reached FROM message_sequences")
        )
        reached = {(channel, seq): state for channel, seq, state in rows}
    order = ["SENT", "DELIVERED", "READ"]
    expected = {key: min(each.values(), key=order.index) for key, each in states.items()}
    assert expected == {key: reached[key] for key in expected}
    assert {"SENT", "DELIVERED", "READ"} == set(expected.values())


async def test_deliveries_are_the_same_when_old_servers_write_between_the_steps(
    own_postgres_database: Database, old_server: OldServer
) -> None:
    """Old servers store messages, receipts and members at each stage, and after the last one."""
    database = own_postgres_database
    await fill(database, old_server)
    is_finished = False

    while not is_finished:
        async with database.transaction() as connection:
            is_finished = await connection.run_sync(convert_some, 20) is None
        async with database.transaction() as connection:
            await connection.run_sync(old_server.act)
    for _ in range(50):
        async with database.transaction() as connection:
            await connection.run_sync(old_server.act)

    await assert_equal(database)


async def test_deliveries_are_the_same_when_old_servers_write_during_the_steps(
    own_postgres_database: Database, postgres_url: str, old_server: OldServer
) -> None:
    """Transactions of two old servers overlap with the steps; none of them fails."""
    database = own_postgres_database
    await fill(database, old_server)
    servers = [
        OldServer(Random(seed), prefix=f"other-{seed}")  # noqa: S311 - not for security
        for seed in (8, 9)
    ]
    done = asyncio.Event()

    def act(connection: Connection, server: OldServer) -> None:
        # Run one transaction at a time: a member who joins during a send may be a recipient in the
        # old tables and not in the new ones.
        run(connection, "SELECT pg_advisory_xact_lock(1)")
        server.act(connection)
        run(connection, f"SELECT pg_sleep({server.random.random() / 100})")

    async def write(server: OldServer) -> int:
        count = 0
        while not done.is_set():
            async with database.transaction() as connection:
                await connection.run_sync(act, server)
            count += 1
        return count

    writing = [asyncio.create_task(write(server)) for server in servers]
    await convert_in_small_steps(postgres_url)
    done.set()

    assert min(await asyncio.gather(*writing)) > 1
    await assert_equal(database)


async def convert_in_small_steps(url: str) -> None:
    """Convert as `Database` does, but in many steps."""
    engine = make_engines(parse_database_url(url), UNHURRIED).writing
    await convert_deliveries(engine, rows_of_step=20)
    await engine.dispose()


async def test_opening_refuses_when_the_conversion_is_unfinished(
    database: Database, old_server: OldServer
) -> None:
    """Until the conversion is finished, `check_schema` names the command that continues it."""
    await fill(database, old_server)

    with pytest.raises(SchemaError, match="not up to date; run `python -m app migrate`"):
        async with database.reading() as connection:
            await connection.run_sync(check_schema)

    await convert(database, rows=1_000)
    async with database.reading() as connection:
        await connection.run_sync(check_schema)


async def test_opening_converts_the_rest_when_a_conversion_was_interrupted(
    own_postgres_database: Database, postgres_url: str, old_server: OldServer
) -> None:
    """The first opening reports a sentence for each phase. The second opening reports nothing."""
    await fill(own_postgres_database, old_server)
    async with own_postgres_database.transaction() as connection:
        await connection.run_sync(convert_some, 10)

    first = await open_and_close(postgres_url)
    second = await open_and_close(postgres_url)

    assert ["Converted", "Stored", "Kept"] == [sentence.split()[0] for sentence in first]
    assert () == second
    await assert_equal(own_postgres_database)


async def test_opening_repeats_a_step_when_a_transaction_holds_a_lock(
    own_postgres_database: Database, postgres_url: str, old_server: OldServer
) -> None:
    """The step times out before PostgreSQL checks for a deadlock, and is then repeated."""
    await fill(own_postgres_database, old_server)

    async with own_postgres_database.transaction() as connection:
        await connection.execute(text("LOCK TABLE delivered_ranges IN ROW EXCLUSIVE MODE"))
        opening = asyncio.create_task(open_and_close(postgres_url))
        await connection.execute(text("SELECT pg_sleep(1)"))
        assert not opening.done()
    changes = await opening

    assert 3 == len(changes)
    await assert_equal(own_postgres_database)


async def open_and_close(url: str) -> tuple[str, ...]:
    """Migrate a database, and return what was changed."""
    async with opened(Database(url, migrate=True, limits=UNHURRIED)) as database:
        return database.changes


async def test_receipts_are_recorded_when_an_old_server_adopts_a_message(
    own_postgres_database: Database,
) -> None:
    """Members who joined after the message are not recipients. The read receipt is kept."""
    database = own_postgres_database
    server = old_server_of(["author", "reader", "other", "late"])

    await fill(database, server)
    await convert(database, rows=1_000)
    for act in (server.gather, adopt):
        async with database.transaction() as connection:
            await connection.run_sync(act)

    async with database.reading() as connection:
        states = await connection.run_sync(new_states)
        seq = await connection.scalar(text("SELECT MAX(seq) FROM message_sequences"))
    assert {"reader": "READ", "other": "SENT"} == states["channel", seq]


async def test_receipts_advance_when_servers_of_both_versions_store_them(
    own_postgres_database: Database,
) -> None:
    """DELIVERED does not replace READ, and each report of an old server increments ``revision``."""
    database = own_postgres_database
    server = old_server_of(["author", "reader"])

    def send_and_report(connection: Connection) -> list[tuple[str, int]]:
        server.send(connection, "channel")
        return [
            report_last(connection),
            report_last(connection, "UPDATE message_receipts SET status = 'READ'"),
        ]

    await fill(database, server)
    await convert(database, rows=1_000)
    async with database.transaction() as connection:
        await connection.run_sync(server.gather)
    async with database.transaction() as connection:
        found = await connection.run_sync(send_and_report)

    assert [("DELIVERED", 1), ("READ", 2)] == found


def adopt(connection: Connection) -> None:
    """Adopt a message as an old server does; one member joined after the message."""
    run(
        connection,
        """UPDATE channel_members SET joined_at = '2100-01-01' WHERE "userId" = 'late'""",
    )
    for statement in ADOPTION:
        run(connection, statement)


def report_last(connection: Connection, before: str = "SELECT 1") -> tuple[str, int]:
    """Report the last message as DELIVERED as an old server does; return receipt and revision."""
    run(connection, before)
    run(
        connection,
        "UPDATE message_deliveries SET status = 'DELIVERED' "
        "WHERE position = (SELECT MAX(position) FROM message_sequences)",
    )
    row = connection.execute(
        text(
            "SELECT message_receipts.status, revision FROM message_receipts "
            "JOIN message_sequences USING (position) ORDER BY position DESC LIMIT 1"
        )
    ).one()
    return row.status, row.revision
