import asyncio
from typing import Any

from app.concurrency.eager import EagerTasks

SECONDS = 30.0
"""A timeout that no test in this folder reaches."""


def current_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task


async def nothing() -> None:
    """A coroutine that ends immediately."""


async def kept_task() -> asyncio.Task[Any]:
    """Return the task in which this coroutine runs."""
    return current_task()


async def spare_is_waiting(tasks: EagerTasks) -> None:
    """Create a spare task, and let it run until it is ready for a coroutine."""
    tasks.start(nothing())
    await asyncio.sleep(0)
