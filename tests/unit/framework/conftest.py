import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
import uvloop

from app.framework.eager import EagerTasks

LoopFactory = Callable[[], asyncio.AbstractEventLoop]

CLOSE_TO_THE_LOOP = {"test_eager.py", "test_eager_cancellation.py", "test_within.py"}
"""Besides all of the transport's."""


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, LoopFactory]:
    """Asyncio's own loop; for what lies close to the loop, the one of ``make run`` as well."""
    loops: dict[str, LoopFactory] = {"asyncio": asyncio.SelectorEventLoop}
    if item.path.parent.name == "transport" or item.path.name in CLOSE_TO_THE_LOOP:
        loops["uvloop"] = uvloop.new_event_loop
    return loops


@pytest_asyncio.fixture
async def tasks() -> AsyncIterator[EagerTasks]:
    """Whose coroutines start in the caller's context."""
    tasks = EagerTasks()
    yield tasks
    tasks.close()
