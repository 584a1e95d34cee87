"""Shared fixtures of several test suites, and the order of the tests."""

import asyncio
import gc
import shutil
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

from app.adapters.sql.connection.database import Database
from tests.contract.storage import UNHURRIED, opened
from tests.e2e.js_client import JsDriver
from tests.postgres_server import PostgresServer
from tests.redis_cluster import RedisCluster
from tests.redis_server import RedisServer

_TESTS = Path(__file__).parent
_OWN_LOOPS = {_TESTS / "unit" / "framework", _TESTS / "unit" / "concurrency"}
_SLOWEST = (
    "e2e/test_writing_a_gateway.py",
    "reliability/test_scenarios.py",
    "e2e/test_workers.py",
    "e2e/test_presence.py",
    "e2e/test_lost_redis.py",
    "e2e/test_refresh.py",
    "e2e/test_refreshing_client.py",
    "e2e/test_two_nodes.py",
    "browser/test_connection.py",
    "browser/test_chatting.py",
    "e2e/test_expiry.py",
    "e2e/test_chat_on_nodes.py",
    "cluster/test_chat_with_nest.py",
    "e2e/test_nginx.py",
)
"""The slowest files.

Slow files run first, because the other workers would wait for a slow file that starts last.
"""
_SHARED = "shared"
_ROW_WRITER = "row_writer"
_CREATE_ROW_WRITER = f"""
CREATE ROLE {_ROW_WRITER} LOGIN;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {_ROW_WRITER};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {_ROW_WRITER};
"""
# With few rows, DELETE is five times as fast as TRUNCATE, which creates new files.
_DELETE_ALL_ROWS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid();
SET session_replication_role = replica;  -- no foreign keys, so the order does not matter
DO $$ DECLARE name regclass; BEGIN
    FOR name IN SELECT oid FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
        AND relname <> 'alembic_version'
    LOOP EXECUTE format('DELETE FROM %s', name); END LOOP;
END $$;
SELECT setval(seqrelid, seqstart, false) FROM pg_sequence;
"""


# Set no deadline for an example, because a busy machine may be slow.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the slowest files first. Folders that choose the type of their event loop run last.

    pytest-asyncio closes the session's loop when it reaches such a folder. If such a folder ran
    earlier, the shared server, the Node process and the browser would have to start again. The
    order of all other tests is random.
    """
    ranks = {_TESTS / name: rank for rank, name in enumerate(_SLOWEST)}

    def rank(item: pytest.Item) -> int:
        is_last = not _OWN_LOOPS.isdisjoint(item.path.parents)
        return ranks.get(item.path, len(ranks) + is_last)

    items.sort(key=rank)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Make garbage collection rare: by default, it takes a quarter of the time of the tests.

    The collected tests stay in memory until the end, so it is of no use to examine them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def driver() -> AsyncIterator[JsDriver]:
    """The Node process that runs the JavaScript clients."""
    driver = JsDriver()
    await driver.start()
    yield driver
    await driver.stop()


@pytest.fixture(scope="session")
def shared_redis_server() -> Iterator[RedisServer]:
    """A Redis server that tests share. Tests must not stop or reconfigure this server."""
    server = RedisServer()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def shared_redis_cluster() -> Iterator[RedisCluster]:
    """A Redis Cluster that tests share. Tests must not stop its servers."""
    cluster = RedisCluster()
    yield cluster
    cluster.stop()


@pytest.fixture
def redis_cluster(shared_redis_cluster: RedisCluster) -> RedisCluster:
    """The shared Redis Cluster without any keys."""
    shared_redis_cluster.flush()
    return shared_redis_cluster


@pytest.fixture
def own_redis_cluster() -> Iterator[RedisCluster]:
    """A Redis Cluster whose servers one test may stop."""
    cluster = RedisCluster()
    yield cluster
    cluster.stop()


@pytest.fixture
def redis_server(shared_redis_server: RedisServer) -> RedisServer:
    """The shared Redis server without any keys."""
    shared_redis_server.client.flushall()
    return shared_redis_server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server shared by all tests. A test that stops it must start it again."""
    server = PostgresServer()
    yield server
    server.remove()


@pytest.fixture
def empty_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A new database without tables."""
    postgres_server.create_database("empty")
    yield postgres_server.url("empty")
    postgres_server.drop_database("empty")


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """The name of a migrated database to copy."""
    postgres_server.create_database("migrated")
    _migrate(postgres_server.url("migrated"))
    return "migrated"


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, postgres_template: str) -> Iterator[str]:
    """A new migrated database without rows, whose tables a test may change."""
    postgres_server.create_database("chat", postgres_template)
    yield postgres_server.url("chat")
    postgres_server.drop_database("chat")


@pytest.fixture(scope="session")
def _shared_postgres_url(postgres_server: PostgresServer, postgres_template: str) -> str:
    postgres_server.create_database(_SHARED, postgres_template)
    postgres_server.execute(_CREATE_ROW_WRITER, _SHARED)
    return postgres_server.url(_SHARED, _ROW_WRITER)


@pytest.fixture
def shared_postgres_url(postgres_server: PostgresServer, _shared_postgres_url: str) -> str:
    """The shared migrated database without rows. The user of the database may only change rows."""
    postgres_server.execute(_DELETE_ALL_ROWS, _SHARED)
    return _shared_postgres_url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy, because a migration takes longer than most tests."""
    file = tmp_path_factory.mktemp("template") / "chat.db"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture
async def sqlite_database(tmp_path: Path, sqlite_template: Path) -> AsyncIterator[Database]:
    """An open, migrated database in a SQLite file."""
    url = f"sqlite:///{shutil.copy(sqlite_template, tmp_path)}"
    async with opened(Database(url, migrate=False, limits=UNHURRIED)) as database:
        yield database


@pytest.fixture
async def postgres_database(shared_postgres_url: str) -> AsyncIterator[Database]:
    """The open, migrated PostgreSQL database that tests share, without rows."""
    async with opened(Database(shared_postgres_url, migrate=False, limits=UNHURRIED)) as database:
        yield database


@pytest.fixture
async def own_postgres_database(postgres_url: str) -> AsyncIterator[Database]:
    """A new PostgreSQL database, for tests that change tables or depend on statistics."""
    async with opened(Database(postgres_url, migrate=False, limits=UNHURRIED)) as database:
        yield database


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """An open, migrated database of either kind."""
    database: Database = request.getfixturevalue(f"{request.param}_database")
    return database


def _migrate(url: str) -> None:
    async def open_and_close() -> None:
        async with opened(Database(url, migrate=True)):
            pass

    # Use a separate event loop: pytest closes the session's loop when a module chooses another
    # type.
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(asyncio.run, open_and_close()).result()
