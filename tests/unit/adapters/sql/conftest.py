"""Databases, and repositories that use them."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.adapters.sql.connection.database import Database
from tests.contract.storage import MEMBERSHIP, UNHURRIED, Storage, opened, sql_storage
from tests.unit.adapters.sql.counting_database import CountingDatabase


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "chat.db"


@pytest.fixture
def url(file: Path) -> str:
    return f"sqlite:///{file}"


@pytest.fixture
def migrated_sqlite_url(file: Path, url: str, sqlite_template: Path) -> str:
    """Create the file of `url` with all tables and without rows, and return `url`."""
    file.parent.mkdir()
    shutil.copy(sqlite_template, file)
    return url


@pytest.fixture
async def database(migrated_sqlite_url: str) -> AsyncIterator[Database]:
    """An SQLite database, migrated and open."""
    database = Database(migrated_sqlite_url, migrate=False)
    await database.on_module_init()
    yield database
    await database.on_application_shutdown(None)


@pytest.fixture
async def storage(database: Database) -> Storage:
    """Repositories that use `database`, with the users and channels of the contract tests."""
    storage = sql_storage(database)
    await storage.channels.seed(MEMBERSHIP)
    return storage


@pytest.fixture(params=["sqlite", "postgres"])
def either_database(request: pytest.FixtureRequest) -> Database:
    """A migrated and open database, on SQLite and on PostgreSQL."""
    database: Database = request.getfixturevalue(f"{request.param}_database")
    return database


@pytest.fixture
async def either_storage(either_database: Database) -> Storage:
    """Repositories that use `either_database`, with the users and channels as in `storage`."""
    storage = sql_storage(either_database)
    await storage.channels.seed(MEMBERSHIP)
    return storage


@pytest.fixture
async def counting_sqlite_database(migrated_sqlite_url: str) -> AsyncIterator[CountingDatabase]:
    """An SQLite database that counts writes, migrated and open."""
    database = CountingDatabase(migrated_sqlite_url, migrate=False, limits=UNHURRIED)
    async with opened(database):
        yield database


@pytest.fixture
async def counting_database(shared_postgres_url: str) -> AsyncIterator[CountingDatabase]:
    """A PostgreSQL database that counts writes, with long time limits."""
    database = CountingDatabase(shared_postgres_url, migrate=False, limits=UNHURRIED)
    async with opened(database):
        yield database
