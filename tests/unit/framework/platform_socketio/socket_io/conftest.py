import pytest_asyncio

from app.framework.platform_socketio.websocket.write_batcher import WriteBatcher


@pytest_asyncio.fixture
async def batcher() -> WriteBatcher:
    """Create a batcher on the test's event loop."""
    return WriteBatcher()
