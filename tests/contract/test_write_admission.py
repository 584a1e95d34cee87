import pytest

from app.adapters.memory.store import MemoryStore
from app.ports import WriteAdmission


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def storage(request: pytest.FixtureRequest) -> WriteAdmission:
    if request.param == "memory":
        return MemoryStore()
    database: WriteAdmission = request.getfixturevalue(f"{request.param}_database")
    return database


async def test_writers_are_admitted_when_the_storage_answers(storage: WriteAdmission) -> None:
    await storage.admit_writer()

    assert 1 <= storage.writers
