import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, text

from app.adapters.sql.connection.database import Database
from app.adapters.sql.frequent_queries import REVOCATIONS
from app.adapters.sql.revocation_store import PAGE_ROWS, SqlRevocationStore
from app.adapters.sql.schema.tables import revocations
from app.adapters.sql.schema.upgrade import upgrade_schema
from app.domain.credential import Credential, Revocation
from app.domain.errors import Unavailable
from app.domain.ids import UserId
from app.domain.principal import Principal
from tests.doubles.manual_clock import DEFAULT_START, ManualClock
from tests.unit.adapters.sql.migrations import downgrade
from tests.unit.adapters.sql.statements import plans_of

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyIn0.c2lnbmF0dXJl"
ALICE = UserId("user_alice")
CREDENTIAL = Credential.of(TOKEN, Principal(ALICE, "sess_1", None, expires_at=0, issued_at=10))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(database: Database, clock: ManualClock) -> SqlRevocationStore:
    return SqlRevocationStore(database, clock)


async def pages(store: SqlRevocationStore) -> list[Sequence[Revocation]]:
    """Read all revocations that a node has missed."""
    return [page async for page in store.missed(list)]


async def count(database: Database) -> int:
    async with database.reading() as connection:
        rows = await connection.execute(text("SELECT count(*) FROM revocations"))
        return int(rows.scalar_one())


async def fill(database: Database, number: int) -> list[Revocation]:
    """Insert revocations of sessions into the log."""
    filled = [Revocation.of_session(f"sess_{each}") for each in range(number)]
    ends_at = DEFAULT_START + timedelta(seconds=60)
    rows = [{"kind": each.kind, "subject": each.subject, "expires_at": ends_at} for each in filled]
    async with database.transaction() as connection:
        await connection.execute(insert(revocations), rows)
    return filled


async def rename(database: Database, table: str, name: str) -> None:
    async with database.transaction() as connection:
        await connection.execute(text(f"ALTER TABLE {table} RENAME TO {name}"))


async def test_no_token_is_in_the_file_when_one_is_revoked(
    store: SqlRevocationStore, file: Path
) -> None:
    """The store saves only a digest, so that a copy of the database contains no tokens."""
    revocation = Revocation.of_token(TOKEN)

    await store.add(revocation, ttl_seconds=60)

    stored = b"".join(path.read_bytes() for path in file.parent.iterdir())
    assert revocation.subject.encode() in stored
    assert TOKEN.encode() not in stored


async def test_earlier_revocations_are_skipped_when_a_node_starts(
    store: SqlRevocationStore, database: Database, clock: ManualClock
) -> None:
    """A new node has no sessions that an earlier revocation could affect."""
    await store.add(Revocation.of_session("before"), ttl_seconds=60)
    other = SqlRevocationStore(database, clock)
    await other.on_module_init()
    await store.add(Revocation.of_session("after"), ttl_seconds=60)

    missed = await pages(other)

    assert [[Revocation.of_session("after")]] == missed
    assert [] == await pages(other)


async def test_log_comes_in_pages_when_it_is_long(
    store: SqlRevocationStore, database: Database
) -> None:
    """Pages have a maximum size, and contain every revocation in the order of addition."""
    filled = await fill(database, PAGE_ROWS + 1)

    first, second = await pages(store)

    assert filled == [*first, *second]
    assert PAGE_ROWS == len(first)


async def test_log_is_read_again_when_the_last_call_failed(
    store: SqlRevocationStore, database: Database
) -> None:
    """If reading fails after the first page, the next call returns that page again."""
    await fill(database, PAGE_ROWS + 1)

    missed = store.missed(list)
    await anext(missed)
    await rename(database, "revocations", "away")
    with pytest.raises(Unavailable):
        await anext(missed)
    await rename(database, "away", "revocations")

    assert [PAGE_ROWS, 1] == [len(page) for page in await pages(store)]


async def test_log_keeps_its_positions_when_everything_has_expired(
    store: SqlRevocationStore, clock: ManualClock
) -> None:
    """Positions of deleted revocations are not used again."""
    await store.add(Revocation.of_session("sess_1"), ttl_seconds=1)
    await pages(store)
    clock.advance(2)
    await store.add(Revocation.of_session("sess_2"), ttl_seconds=1)
    clock.advance(2)
    await store.add(Revocation.of_session("sess_1"), ttl_seconds=1)

    missed = await pages(store)

    assert [[Revocation.of_session("sess_1")]] == missed


async def test_log_has_a_row_for_each_subject_when_one_is_revoked_again(
    store: SqlRevocationStore, database: Database
) -> None:
    """A repeated revocation moves to the end of the log, where other nodes find it."""
    await store.add(Revocation.of_user(ALICE, now=20.5), ttl_seconds=60)
    await pages(store)

    await store.add(Revocation.of_user(ALICE, now=30.5), ttl_seconds=60)

    assert [[Revocation.of_user(ALICE, now=30.5)]] == await pages(store)
    assert 1 == await count(database)


async def test_expired_revocations_are_deleted_when_another_is_added(
    store: SqlRevocationStore, database: Database, clock: ManualClock
) -> None:
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
    await store.add(revocation, ttl_seconds=60)
    await database.on_application_shutdown(None)

    reopened = Database(url, migrate=False)
    await reopened.on_module_init()
    contained = await SqlRevocationStore(reopened, clock).contains(CREDENTIAL)
    await reopened.on_application_shutdown(None)

    assert contained


async def test_contains_uses_an_index_when_a_client_connects(
    database: Database,
) -> None:
    """The query searches for each part of the credential, and scans no table."""
    steps = await plans_of(database, [(REVOCATIONS.on_sqlite, ("",) * 5)])

    (search,) = (step for step in steps if "revocations" in step)
    assert "(kind=? AND subject=? AND expires_at>?)" in search


async def test_tokens_stay_revoked_when_the_database_is_migrated(url: str, file: Path) -> None:
    """The upgrade from revision 0002 and the downgrade keep every revocation."""
    digest, ends_at = Revocation.of_token(TOKEN).subject, DEFAULT_START + timedelta(seconds=60)
    database = Database(url, migrate=True)
    await database.on_module_init()
    async with database.transaction() as connection:
        await connection.run_sync(downgrade, "0002")
    with closing(sqlite3.connect(file)) as other, other:
        row = (digest, f"{ends_at:%Y-%m-%d %H:%M:%S.%f}")
        other.execute("INSERT INTO revoked_tokens (digest, expires_at) VALUES (?, ?)", row)

    async with database.transaction() as connection:
        await connection.run_sync(upgrade_schema)
    contained = await SqlRevocationStore(database, ManualClock()).contains(CREDENTIAL)
    async with database.transaction() as connection:
        await connection.run_sync(downgrade, "0002")

    await database.on_application_shutdown(None)
    with closing(sqlite3.connect(file)) as other:
        kept = other.execute("SELECT digest, expires_at FROM revoked_tokens").fetchall()
    assert contained
    assert [row] == kept
