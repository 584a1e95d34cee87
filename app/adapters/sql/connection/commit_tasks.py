"""Commits, which nobody interrupts: neither a caller that goes away nor one that was answered."""

import asyncio
import logging
from contextlib import AsyncExitStack

from app.adapters.sql.connection.failures import failure_name
from app.domain.time_limits import COMMIT_SECONDS

_logger = logging.getLogger(__name__)


class CommitTasks:
    """The commits under way, each in a task of its own."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, held: AsyncExitStack) -> None:
        """Commit by leaving ``held``, which gives back connection and turn as well.

        A caller that is cancelled, by its own deadline or otherwise, leaves the commit at work.
        """
        task = asyncio.create_task(_leave(held))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_tell_of_failure)
            raise

    async def end(self) -> None:
        """Wait for the last one, no longer than `COMMIT_SECONDS`."""
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _tell_of_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (failure := task.exception()) is not None:
        _logger.warning("a commit that nobody waited for failed: %s", failure_name(failure))


async def _leave(held: AsyncExitStack) -> None:
    async with asyncio.timeout(COMMIT_SECONDS), held:
        pass
