import pytest

from app.adapters.memory.writers import MemoryWriters
from app.adapters.sql.connection.writers import SqlWriters
from app.ports import StorageWriters


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def writers(request: pytest.FixtureRequest) -> StorageWriters:
    """The writers of a working storage."""
    if request.param == "memory":
        return MemoryWriters(1)
    return SqlWriters(request.getfixturevalue(f"{request.param}_database"))


async def test_writers_are_admitted_when_the_storage_answers(writers: StorageWriters) -> None:
    await writers.admit()

    assert 1 <= writers.at_once
