import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event, insert, text

from app.adapters.sql.connection.database import Database
from app.adapters.sql.revocation_store import PAGE_ROWS, SqlRevocationStore
from app.adapters.sql.schema import upgrade as schema
from app.adapters.sql.schema.tables import revocations
from app.domain.credential import Credential, Revocation
from app.domain.errors import Unavailable
from app.domain.ids import UserId
from app.domain.principal import Principal
from tests.doubles.manual_clock import DEFAULT_START, ManualClock

Direction = Callable[[Config, str], None]

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyIn0.c2lnbmF0dXJl"
ALICE = UserId("user_alice")
CREDENTIAL = Credential.of(TOKEN, Principal(ALICE, "sess_1", None, expires_at=0, issued_at=10))


@pytest.fixture
def clock() -> ManualClock:
    """Time that stands still."""
    return ManualClock()


@pytest.fixture
def store(database: Database, clock: ManualClock) -> SqlRevocationStore:
    """The revocations of one process."""
    return SqlRevocationStore(database, clock)


async def portions(store: SqlRevocationStore) -> list[Sequence[Revocation]]:
    """What the process has missed."""
    return [portion async for portion in store.missed(list)]


async def count(database: Database) -> int:
    """The rows of the log."""
    async with database.reading() as connection:
        rows = await connection.execute(text("SELECT count(*) FROM revocations"))
        return int(rows.scalar_one())


async def fill(database: Database, number: int) -> list[Revocation]:
    """Put so many sign-ins into the log, at once."""
    filled = [Revocation.of_session(f"sess_{each}") for each in range(number)]
    ends_at = DEFAULT_START + timedelta(seconds=60)
    rows = [{"kind": each.kind, "subject": each.subject, "expires_at": ends_at} for each in filled]
    async with database.transaction() as connection:
        await connection.execute(insert(revocations), rows)
    return filled


async def rename(database: Database, table: str, name: str) -> None:
    """Call a table so."""
    async with database.transaction() as connection:
        await connection.execute(text(f"ALTER TABLE {table} RENAME TO {name}"))


async def migrate(database: Database, direction: Direction, revision: str) -> None:
    """Bring the tables to a revision."""

    def run(connection: Connection) -> None:
        config = schema._config()
        config.attributes["connection"] = connection
        direction(config, revision)

    async with database.transaction() as connection:
        await connection.run_sync(run)


async def test_no_token_is_in_the_file_when_one_is_revoked(
    store: SqlRevocationStore, file: Path
) -> None:
    """What is stored is the digest: a copy of the database is no bunch of keys."""
    revocation = Revocation.of_token(TOKEN)

    await store.add(revocation, ttl_seconds=60)

    stored = b"".join(path.read_bytes() for path in file.parent.iterdir())
    assert revocation.subject.encode() in stored
    assert TOKEN.encode() not in stored


async def test_nothing_of_before_is_told_when_a_process_starts(
    store: SqlRevocationStore, database: Database, clock: ManualClock
) -> None:
    """Nobody was connected to it; what follows is told, whoever added it."""
    await store.add(Revocation.of_session("before"), ttl_seconds=60)
    other = SqlRevocationStore(database, clock)
    await other.on_module_init()
    await store.add(Revocation.of_session("after"), ttl_seconds=60)

    told = await portions(other)

    assert [[Revocation.of_session("after")]] == told
    assert [] == await portions(other)


async def test_log_comes_in_pages_when_it_is_long(
    store: SqlRevocationStore, database: Database
) -> None:
    """Each bounded, in the order of the additions, and none left out between two."""
    filled = await fill(database, PAGE_ROWS + 1)

    first, second = await portions(store)

    assert filled == [*first, *second]
    assert PAGE_ROWS == len(first)


async def test_log_is_told_again_when_the_last_call_did_not_come_to_its_end(
    store: SqlRevocationStore, database: Database
) -> None:
    """A failure after the first page loses nothing of it."""
    await fill(database, PAGE_ROWS + 1)

    missed = store.missed(list)
    await anext(missed)
    await rename(database, "revocations", "away")
    with pytest.raises(Unavailable):
        await anext(missed)
    await rename(database, "away", "revocations")

    assert [PAGE_ROWS, 1] == [len(portion) for portion in await portions(store)]


async def test_log_keeps_its_positions_when_everything_has_ended(
    store: SqlRevocationStore, clock: ManualClock
) -> None:
    """A position never means an earlier entry, though ended ones are dropped."""
    await store.add(Revocation.of_session("sess_1"), ttl_seconds=1)
    await portions(store)
    clock.advance(2)
    await store.add(Revocation.of_session("sess_2"), ttl_seconds=1)
    clock.advance(2)
    await store.add(Revocation.of_session("sess_1"), ttl_seconds=1)

    told = await portions(store)

    assert [[Revocation.of_session("sess_1")]] == told


async def test_log_has_a_row_for_each_subject_when_one_is_revoked_again(
    store: SqlRevocationStore, database: Database
) -> None:
    """It moves to the end, so that it is heard of, and leaves nothing behind."""
    await store.add(Revocation.of_user(ALICE, now=20.5), ttl_seconds=60)
    await portions(store)

    await store.add(Revocation.of_user(ALICE, now=30.5), ttl_seconds=60)

    assert [[Revocation.of_user(ALICE, now=30.5)]] == await portions(store)
    assert 1 == await count(database)


async def test_ended_revocations_are_dropped_when_another_is_added(
    store: SqlRevocationStore, database: Database, clock: ManualClock
) -> None:
    """The table follows what is in force, not what ever was."""
    await store.add(Revocation.of_session("sess_1"), ttl_seconds=1)
    clock.advance(2)

    await store.add(Revocation.of_session("sess_2"), ttl_seconds=1)

    assert 1 == await count(database)


@pytest.mark.parametrize(
    "revocation",
    [
        Revocation.of_token(TOKEN),
        Revocation.of_session("sess_1"),
        Revocation.of_user(ALICE, now=10.123),
    ],
    ids=lambda revocation: revocation.kind,
)
async def test_revocation_is_in_force_when_the_database_is_opened_again(
    store: SqlRevocationStore,
    database: Database,
    url: str,
    clock: ManualClock,
    revocation: Revocation,
) -> None:
    """It survives the process."""
    await store.add(revocation, ttl_seconds=60)
    await database.on_application_shutdown(None)

    reopened = Database(url, migrate=False)
    await reopened.on_module_init()
    contained = await SqlRevocationStore(reopened, clock).contains(CREDENTIAL)
    await reopened.on_application_shutdown(None)

    assert contained


async def test_question_is_answered_by_an_index_when_somebody_connects(
    store: SqlRevocationStore, database: Database
) -> None:
    """One query, and no scan, however long the log is."""
    queries: list[str] = []
    event.listen(
        database._engines.reading.sync_engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, *_: queries.append(statement),
    )

    await store.contains(CREDENTIAL)

    (query,) = (each for each in queries if "revocations" in each)
    async with database.reading() as connection:
        plan = await connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {query}", ("",) * query.count("?")
        )
        steps = [row.detail for row in plan]
    searches = [step for step in steps if "revocations" in step]
    assert 3 == len(searches)
    assert all("(kind=? AND subject=? AND expires_at>?)" in step for step in searches)


async def test_tokens_stay_revoked_when_the_database_is_migrated(url: str, file: Path) -> None:
    """By the older version of the code, whose table it was; and when it is taken back."""
    digest, ends_at = Revocation.of_token(TOKEN).subject, DEFAULT_START + timedelta(seconds=60)
    database = Database(url, migrate=True)
    await database.on_module_init()
    await migrate(database, command.downgrade, "0002")
    with closing(sqlite3.connect(file)) as connection, connection:
        row = (digest, f"{ends_at:%Y-%m-%d %H:%M:%S.%f}")
        connection.execute("INSERT INTO revoked_tokens (digest, expires_at) VALUES (?, ?)", row)

    await migrate(database, command.upgrade, "head")
    contained = await SqlRevocationStore(database, ManualClock()).contains(CREDENTIAL)
    await migrate(database, command.downgrade, "0002")

    await database.on_application_shutdown(None)
    with closing(sqlite3.connect(file)) as connection:
        kept = connection.execute("SELECT digest, expires_at FROM revoked_tokens").fetchall()
    assert contained
    assert [row] == kept
