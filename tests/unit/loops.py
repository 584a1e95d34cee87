"""Chooses event loops for the tests of framework and concurrency, whose conftests import this."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
import uvloop

from app.concurrency.eager import EagerTasks

LoopFactory = Callable[[], asyncio.AbstractEventLoop]

_ON_BOTH_LOOPS = {"platform_socketio", "concurrency", "test_redis_connection.py"}


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, LoopFactory]:
    """Use asyncio's loop. For transports and concurrency, also use uvloop as ``make run`` does."""
    loops: dict[str, LoopFactory] = {"asyncio": asyncio.SelectorEventLoop}
    if not _ON_BOTH_LOOPS.isdisjoint(item.path.parts):
        loops["uvloop"] = uvloop.new_event_loop
    return loops


@pytest_asyncio.fixture
async def tasks() -> AsyncIterator[EagerTasks]:
    """Create an `EagerTasks` that copies the caller's context."""
    tasks = EagerTasks()
    yield tasks
    tasks.close()
