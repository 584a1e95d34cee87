from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.unit.framework.platform_socketio.connected import Client, Owner


@pytest_asyncio.fixture
async def owner() -> AsyncIterator[Owner]:
    """Create an owner whose event ``gate`` is not set, so that the message ``4wait`` blocks."""
    owner = Owner()
    yield owner
    owner.tasks.close()


@pytest.fixture
def client(owner: Owner) -> Client:
    return Client(owner, "a")
