"""What suites of more than one kind need."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.adapters.sql.database import Database
from tests.contract.storage import opened
from tests.postgres_server import PostgresServer
from tests.redis_server import RedisServer

TEMPLATE = "migrated"


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


@pytest.fixture
async def postgres_url(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """A database of one's own, migrated and without rows."""
    if [TEMPLATE] not in postgres_server.execute("SELECT datname FROM pg_database"):
        await _migrate(postgres_server)
    postgres_server.create_database("chat", TEMPLATE)
    yield postgres_server.url("chat")
    postgres_server.drop_database("chat")


@pytest.fixture
async def sqlite_database(tmp_path: Path) -> AsyncIterator[Database]:
    """A real SQLite file, migrated and open."""
    async with opened(Database(f"sqlite:///{tmp_path / 'chat.db'}", migrate=True)) as database:
        yield database


@pytest.fixture
async def postgres_database(postgres_url: str) -> AsyncIterator[Database]:
    """A database of a real PostgreSQL, migrated and open."""
    async with opened(Database(postgres_url, migrate=False)) as database:
        yield database


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """One of the two, migrated and open."""
    database: Database = request.getfixturevalue(f"{request.param}_database")
    return database


async def _migrate(server: PostgresServer) -> None:
    server.create_database(TEMPLATE)
    async with opened(Database(server.url(TEMPLATE), migrate=True)):
        pass
