import pytest_asyncio

from app.framework.platform_socketio.websocket.write_batcher import WriteBatcher


@pytest_asyncio.fixture
async def batcher() -> WriteBatcher:
    return WriteBatcher()
