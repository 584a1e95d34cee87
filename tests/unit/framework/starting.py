import asyncio
from typing import Any

from app.concurrency.eager import EagerTasks

SECONDS = 30.0
"""Longer than any of this takes."""


def current_task() -> asyncio.Task[Any]:
    """The one that must be there."""
    task = asyncio.current_task()
    assert task is not None
    return task


async def nothing() -> None:
    """Ends at once."""


async def kept_task() -> asyncio.Task[Any]:
    """Gives the task it ran in."""
    return current_task()


async def spare_is_waiting(tasks: EagerTasks) -> None:
    """Have a task ready, and past its first step."""
    tasks.start(nothing())
    await asyncio.sleep(0)
