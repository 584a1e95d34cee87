"""Every port's suite runs over every adapter; the ids say which."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from app.adapters.memory.memory_token_blacklist import MemoryTokenBlacklist

from app.adapters.memory.manual_clock import ManualClock
from app.adapters.sql.database import Database
from app.ports import TokenBlacklist
from tests.contract.storage import MEMBERSHIP, Storage, memory_storage, sql_storage


@pytest.fixture
def clock() -> ManualClock:
    """Time that stands still."""
    return ManualClock()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """A real SQLite file, migrated and open."""
    database = Database(f"sqlite:///{tmp_path / 'chat.db'}", migrate=True)
    await database.on_module_init()
    yield database
    await database.on_application_shutdown(None)


@pytest.fixture(params=["memory", "sqlite"])
def empty_storage(request: pytest.FixtureRequest) -> Storage:
    """A database without users."""
    if request.param == "memory":
        return memory_storage()
    return sql_storage(request.getfixturevalue("database"))


@pytest.fixture
async def storage(empty_storage: Storage) -> Storage:
    """A database with the suites' users and channels."""
    await empty_storage.channels.seed(MEMBERSHIP)
    return empty_storage


@pytest.fixture(params=["memory"])
def blacklist(clock: ManualClock) -> TokenBlacklist:
    """A blacklist without tokens."""
    return MemoryTokenBlacklist(clock)
