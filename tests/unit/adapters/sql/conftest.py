"""A database file, and the database on it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.adapters.sql.connection.database import Database
from tests.contract.storage import MEMBERSHIP, Storage, sql_storage


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the database is going to be."""
    return tmp_path / "data" / "chat.db"


@pytest.fixture
def url(file: Path) -> str:
    """As DATABASE_URL has it."""
    return f"sqlite:///{file}"


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """Migrated and open."""
    database = Database(url, migrate=True)
    await database.on_module_init()
    yield database
    await database.on_application_shutdown(None)


@pytest.fixture
async def storage(database: Database) -> Storage:
    """The repositories over it, with the contract suites' users and channels."""
    storage = sql_storage(database)
    await storage.channels.seed(MEMBERSHIP)
    return storage


@pytest.fixture(params=["sqlite", "postgres"])
def either_database(request: pytest.FixtureRequest) -> Database:
    """One of the two, migrated and open."""
    database: Database = request.getfixturevalue(f"{request.param}_database")
    return database


@pytest.fixture
async def either_storage(either_database: Database) -> Storage:
    """The same over that database."""
    storage = sql_storage(either_database)
    await storage.channels.seed(MEMBERSHIP)
    return storage
