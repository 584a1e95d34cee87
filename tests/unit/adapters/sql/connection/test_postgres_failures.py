"""Tests operations while PostgreSQL is frozen or restarted.

The tested module is app/adapters/sql/connection/database.py.
"""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator
from contextlib import ExitStack
from functools import partial
from time import monotonic

import pytest
from sqlalchemy import event, func, insert, select, text

from app.adapters.sql.connection.database import Database
from app.adapters.sql.connection.limits import DatabaseLimits
from app.adapters.sql.schema.tables import users
from app.domain.errors import StorageRejected, Unavailable, Unconfirmed
from tests.contract.storage import UNHURRIED, opened
from tests.deadlines import ANSWER_SECONDS, PROCESS_SECONDS
from tests.doubles.manual_clock import DEFAULT_START as NOW
from tests.postgres_server import PostgresServer
from tests.unit.adapters.sql.blocked_backends import LOCK, held_lock, wait_for_lock, wait_for_row
from tests.unit.adapters.sql.insisting import insist

SHORT = DatabaseLimits(
    pool_size=4,
    pool_timeout_seconds=0.8,
    statement_timeout_seconds=1.0,
    lock_timeout_seconds=0.5,
    answer_seconds=2.0,
)
"""Short limits, which still suffice for an operation on a busy machine."""
SECRET = "what-alice-wrote-to-bob"
AT_COMMIT = """
CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON users
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION at_commit();
"""
WORKING_BACKENDS = """
SELECT pid FROM pg_stat_activity
WHERE datname = 'chat' AND state <> 'idle' AND pid <> pg_backend_pid()
"""
COMMITTING = f"{WORKING_BACKENDS} AND query LIKE 'COMMIT%'"
KILL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'chat'"


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    """An open, migrated PostgreSQL database with the limits `SHORT`."""
    async with opened(Database(postgres_url, migrate=False, limits=SHORT)) as database:
        yield database


async def write(database: Database, user_id: str) -> None:
    async with database.transaction() as connection:
        await connection.execute(insert(users).values(id=user_id, updatedAt=NOW))


async def count(database: Database) -> int:
    async with database.reading() as connection:
        return await connection.scalar(select(func.count()).select_from(users)) or 0


async def test_both_ways_heal_when_the_server_is_started_again(
    database: Database, postgres_server: PostgresServer
) -> None:
    """Operations fail at once, and succeed again after PostgreSQL has restarted."""
    await write(database, "before")
    await asyncio.to_thread(postgres_server.stop)
    began = monotonic()

    with pytest.raises(Unavailable):
        await write(database, "lost")
    with pytest.raises(Unavailable):
        await count(database)
    took = monotonic() - began
    await asyncio.to_thread(postgres_server.start_again)
    await insist(lambda: write(database, "after"))

    assert took < ANSWER_SECONDS
    assert 2 == await insist(lambda: count(database))


async def test_nobody_notices_when_the_server_is_restarted_between_two_operations(
    database: Database, postgres_server: PostgresServer
) -> None:
    """The pool does not reuse lost connections."""
    await write(database, "before")
    await asyncio.to_thread(postgres_server.stop)
    await asyncio.to_thread(postgres_server.start_again)

    await write(database, "after")

    assert 2 == await count(database)


async def test_both_ways_are_unavailable_in_time_when_the_server_is_frozen(
    database: Database, postgres_server: PostgresServer
) -> None:
    """After the freeze all operations succeed, and no task is left."""
    await write(database, "before")
    began = monotonic()
    with postgres_server.frozen():
        outcomes = await asyncio.gather(
            write(database, "lost"), count(database), write(database, "x"), return_exceptions=True
        )
        took = monotonic() - began

    await insist(lambda: write(database, "after"))

    assert [Unavailable] * 3 == [type(outcome) for outcome in outcomes]
    assert took < ANSWER_SECONDS
    assert 2 == await insist(lambda: count(database))
    assert {asyncio.current_task()} == asyncio.all_tasks()


async def test_a_commit_is_unconfirmed_when_the_server_freezes_under_it(
    database: Database, postgres_server: PostgresServer
) -> None:
    """The commit completes once the server continues, and later writes succeed."""
    with ExitStack() as frozen:
        event.listen(
            database._engines.writing.sync_engine,
            "commit",
            lambda _: frozen.enter_context(postgres_server.frozen()),
            once=True,
        )
        began = monotonic()
        with pytest.raises(Unconfirmed):
            await write(database, "uncertain")
        took = monotonic() - began

    await insist(lambda: write(database, "after"))
    for number in range(1, SHORT.pool_size):
        await insist(partial(write, database, f"after {number}"))

    assert took < ANSWER_SECONDS
    # The frozen backend may be the last that gets time to run.
    async with asyncio.timeout(PROCESS_SECONDS):
        while await insist(lambda: count(database)) < 1 + SHORT.pool_size:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert 1 + SHORT.pool_size == await insist(lambda: count(database))


async def test_a_commit_is_unconfirmed_when_its_backend_is_killed(
    own_postgres_database: Database, postgres_server: PostgresServer, postgres_url: str
) -> None:
    """The connection is lost after COMMIT was sent and before PostgreSQL answers."""
    postgres_server.execute(AT_COMMIT.format(f"PERFORM {LOCK};"), "chat")
    async with held_lock(postgres_url):
        writing = asyncio.create_task(write(own_postgres_database, "uncertain"))
        await wait_for_row(postgres_server, COMMITTING)

        postgres_server.execute(f"{KILL} AND query LIKE 'COMMIT%'")

        with pytest.raises(Unconfirmed):
            await writing
    assert 0 == await count(own_postgres_database)


async def test_a_commit_goes_on_when_its_caller_has_gone(
    own_postgres_database: Database, postgres_server: PostgresServer, postgres_url: str
) -> None:
    """Cancelling the caller does not cancel the commit, and the shutdown waits for the commit."""
    postgres_server.execute(AT_COMMIT.format(f"PERFORM {LOCK};"), "chat")
    async with held_lock(postgres_url):
        writing = asyncio.create_task(write(own_postgres_database, "stored"))
        await wait_for_row(postgres_server, COMMITTING)
        writing.cancel()
        await asyncio.wait([writing])
        ending = asyncio.create_task(own_postgres_database.on_application_shutdown(None))
        await asyncio.sleep(0)

    await asyncio.wait_for(ending, ANSWER_SECONDS)

    assert writing.cancelled()
    assert [["1"]] == postgres_server.execute("SELECT count(*) FROM users", "chat")


async def test_a_commit_is_known_to_have_failed_when_the_server_refuses_it(
    database: Database, postgres_server: PostgresServer
) -> None:
    """A deferred constraint fails at the commit, so certainly nothing is stored."""
    refusal = "RAISE EXCEPTION 'no' USING ERRCODE = 'check_violation';"
    postgres_server.execute(AT_COMMIT.format(refusal), "chat")

    with pytest.raises(StorageRejected):
        await write(database, "refused")

    assert 0 == await count(database)


async def test_an_operation_is_unavailable_when_its_backend_is_killed(
    database: Database, postgres_server: PostgresServer
) -> None:
    """A backend that is killed before the commit stores nothing; a later call gets a new one."""

    async def write_and_be_killed() -> None:
        async with database.transaction() as connection:
            await connection.execute(insert(users).values(id="lost", updatedAt=NOW))
            await asyncio.to_thread(postgres_server.execute, KILL)
            await connection.execute(insert(users).values(id="lost too", updatedAt=NOW))

    with pytest.raises(Unavailable) as caught:
        await write_and_be_killed()

    await insist(lambda: write(database, "after"))  # a slow failure opens the circuit breaker
    assert Unavailable is type(caught.value)
    assert 1 == await count(database)


@pytest.mark.parametrize(
    ("statement", "at_most"),
    [
        ("SELECT pg_sleep(60)", SHORT.statement_timeout_seconds),
        ("UPDATE users SET name = 'x' WHERE id = 'locked'", SHORT.lock_timeout_seconds),
    ],
)
async def test_a_statement_is_given_up_when_it_takes_longer_than_its_setting(
    database: Database, postgres_url: str, statement: str, at_most: float
) -> None:
    """After a statement timeout or lock timeout, the connection stays usable."""

    async def run() -> None:
        async with database.transaction() as connection:
            await connection.execute(text(statement))

    await write(database, "locked")
    async with (
        opened(Database(postgres_url, migrate=False, limits=UNHURRIED)) as other,
        other.transaction() as other_connection,
    ):
        await other_connection.execute(text("UPDATE users SET name = 'y' WHERE id = 'locked'"))
        began = monotonic()
        with pytest.raises(Unavailable):
            await run()
        took = monotonic() - began

    assert at_most <= took < ANSWER_SECONDS
    assert 1 == await count(database)


async def test_who_comes_late_is_unavailable_when_every_connection_is_taken(
    database: Database,
) -> None:
    """At most half of the connections write; a further writer waits until its timeout."""
    release = asyncio.Event()

    async def hold() -> None:
        async with database.transaction():
            await release.wait()

    holders = [asyncio.create_task(hold()) for _ in range(database.writers)]
    await asyncio.sleep(0)
    began = monotonic()
    with pytest.raises(Unavailable):
        await write(database, "late")
    took = monotonic() - began
    release.set()
    await asyncio.gather(*holders)

    assert SHORT.pool_size // 2 == database.writers
    assert took < ANSWER_SECONDS
    assert 0 == await insist(lambda: count(database))


async def test_nothing_is_left_at_the_server_when_an_operation_is_cancelled(
    own_postgres_database: Database, postgres_server: PostgresServer, postgres_url: str
) -> None:
    """PostgreSQL ends the transaction of the closed connection."""

    async def hang() -> None:
        async with own_postgres_database.transaction() as connection:
            await connection.execute(insert(users).values(id="gone", updatedAt=NOW))
            await connection.execute(text(f"SELECT {LOCK}"))

    async with held_lock(postgres_url):
        hanging = asyncio.create_task(hang())
        await wait_for_lock(postgres_server)
        hanging.cancel()
        await asyncio.wait([hanging])

    await wait_for_row(postgres_server, f"SELECT 1 WHERE NOT EXISTS ({WORKING_BACKENDS})")
    await write(own_postgres_database, "gone")

    assert hanging.cancelled()
    assert 1 == await count(own_postgres_database)


async def test_no_log_tells_what_was_written_when_it_is_stored_read_and_refused(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """The logs at all levels, the error and its traceback contain no parameters and no rows."""
    caplog.set_level(logging.DEBUG)
    await write(database, SECRET)
    async with database.reading() as connection:
        await connection.execute(select(users.c.id))

    with pytest.raises(Unavailable) as caught:
        await write(database, SECRET)

    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown + caplog.text
    assert "the database failed: UniqueViolationError" in caplog.text
