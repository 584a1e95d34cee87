import pytest

from app.adapters.memory.storage_probe import MemoryStorageProbe
from app.adapters.sql.storage_probe import SqlStorageProbe
from app.ports import StorageProbe


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def probe(request: pytest.FixtureRequest) -> StorageProbe:
    """The probe of a storage that works."""
    if request.param == "memory":
        return MemoryStorageProbe()
    return SqlStorageProbe(request.getfixturevalue(f"{request.param}_database"))


async def test_checking_returns_when_the_storage_takes_writes(probe: StorageProbe) -> None:
    for _ in range(3):
        await probe.check()
