"""What suites of more than one kind need."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from app.adapters.sql.connection.database import Database
from tests.contract.storage import UNHURRIED, opened
from tests.postgres_server import PostgresServer
from tests.redis_server import RedisServer

_TESTS = Path(__file__).parent
_OWN_LOOPS = {_TESTS / "unit" / "framework", _TESTS / "unit" / "concurrency"}
_SLOWEST = (
    "e2e/test_writing_a_gateway.py",
    "reliability/test_scenarios.py",
    "e2e/test_lost_redis.py",
    "e2e/test_refresh.py",
    "e2e/test_refreshing_client.py",
    "e2e/test_new_gateway.py",
    "e2e/test_two_nodes.py",
    "browser/test_connection.py",
    "browser/test_chatting.py",
    "e2e/test_expiry.py",
)
"""Files of which each keeps a worker busy for long; begun last, they would keep it alone."""
_KEPT = "kept"
_KEEPER = "keeper"
_LET_KEEPER_IN = f"""
CREATE ROLE {_KEEPER} LOGIN;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {_KEEPER};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {_KEEPER};
"""
# Deleting: TRUNCATE makes files anew, five times as slow where there are so few rows.
_AS_MIGRATED = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid();
SET session_replication_role = replica;  -- in any order, whatever refers to what
DO $$ DECLARE name regclass; BEGIN
    FOR name IN SELECT oid FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
        AND relname <> 'alembic_version'
    LOOP EXECUTE format('DELETE FROM %s', name); END LOOP;
END $$;
SELECT setval(seqrelid, seqstart, false) FROM pg_sequence;
"""


# How long an example takes is the machine's business.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slowest files come first, and whoever chooses the kind of its loop last.

    For pytest-asyncio the session's loop ends there, and with it all that lives in it: in between,
    the server of most tests, the Node process and the browser would have to start anew. Otherwise
    the order is random.
    """
    places = {_TESTS / name: place for place, name in enumerate(_SLOWEST)}

    def place(item: pytest.Item) -> int:
        is_last = not _OWN_LOOPS.isdisjoint(item.path.parents)
        return places.get(item.path, len(places) + is_last)

    items.sort(key=place)


@pytest.fixture(scope="session")
def shared_redis_server() -> Iterator[RedisServer]:
    """One server for all who do it no harm."""
    server = RedisServer()
    yield server
    server.stop()


@pytest.fixture
def redis_server(shared_redis_server: RedisServer) -> RedisServer:
    """That server, empty."""
    shared_redis_server.client.flushall()
    return shared_redis_server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for all; who does it harm makes that good."""
    server = PostgresServer()
    yield server
    server.remove()


@pytest.fixture
def empty_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A database of one's own, without tables."""
    postgres_server.create_database("empty")
    yield postgres_server.url("empty")
    postgres_server.drop_database("empty")


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """The name of a migrated database, which is only copied."""
    postgres_server.create_database("migrated")
    # In a loop of its own: pytest's for the session ends as soon as a module chooses another kind.
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(asyncio.run, _migrate(postgres_server.url("migrated"))).result()
    return "migrated"


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, postgres_template: str) -> Iterator[str]:
    """A database of one's own, migrated and without rows, whose tables may be changed."""
    postgres_server.create_database("chat", postgres_template)
    yield postgres_server.url("chat")
    postgres_server.drop_database("chat")


@pytest.fixture(scope="session")
def _kept_postgres_url(postgres_server: PostgresServer, postgres_template: str) -> str:
    postgres_server.create_database(_KEPT, postgres_template)
    postgres_server.execute(_LET_KEEPER_IN, _KEPT)
    return postgres_server.url(_KEPT, _KEEPER)


@pytest.fixture
def kept_postgres_url(postgres_server: PostgresServer, _kept_postgres_url: str) -> str:
    """One that others had before, migrated and without rows; its user may change rows only."""
    postgres_server.execute(_AS_MIGRATED, _KEPT)
    return _kept_postgres_url


@pytest.fixture
async def sqlite_database(tmp_path: Path) -> AsyncIterator[Database]:
    """A real SQLite file, migrated and open."""
    url = f"sqlite:///{tmp_path / 'chat.db'}"
    async with opened(Database(url, migrate=True, limits=UNHURRIED)) as database:
        yield database


@pytest.fixture
async def postgres_database(kept_postgres_url: str) -> AsyncIterator[Database]:
    """A database of a real PostgreSQL, migrated and open."""
    async with opened(Database(kept_postgres_url, migrate=False, limits=UNHURRIED)) as database:
        yield database


@pytest.fixture
async def own_postgres_database(postgres_url: str) -> AsyncIterator[Database]:
    """One whose tables a test changes, or whose statistics are to be those of the first rows."""
    async with opened(Database(postgres_url, migrate=False, limits=UNHURRIED)) as database:
        yield database


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """One of the two, migrated and open."""
    database: Database = request.getfixturevalue(f"{request.param}_database")
    return database


async def _migrate(url: str) -> None:
    async with opened(Database(url, migrate=True)):
        pass
