"""A queue of jobs: the jobs of one key run one after another."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Hashable
from functools import partial
from typing import Any, TypeVar

from app.concurrency.eager import EagerTasks
from app.domain.errors import Unavailable, Unconfirmed
from app.domain.time_limits import WAIT_SECONDS

MAX_PENDING = 10_000
"""The maximum number of jobs of a `KeyedQueue`, or of items that wait in a `GroupCommit`.

Further calls are rejected.
"""

T = TypeVar("T")

_logger = logging.getLogger(__name__)


class KeyedQueue:
    """Runs the jobs of a key one after another, in the order of their calls.

    Jobs of different keys do not wait for each other. A job starts immediately if its key is free.
    A started job runs to its end even if its caller is cancelled or stops waiting: a change that
    was stored must also be published. A waiting job also stays in the queue if its caller is
    cancelled, but it is dropped when its caller's timeout ends.

    The turn of a key works like a lock: a job takes the turn before it runs, and passes the turn on
    afterwards. `GroupCommit` takes the turn for its batches in the same way, so jobs and batches of
    a key can share a queue.
    """

    def __init__(self) -> None:
        self._tasks = EagerTasks()
        # A key is in this map while its turn is taken. The key's deque has one callback per job or
        # batch that waits for the turn; a callback returns False to decline the turn.
        self._lines: dict[Hashable, deque[Callable[[], bool]]] = {}
        self._running: set[asyncio.Future[Any]] = set()

    async def run(
        self,
        key: Hashable,
        job: Callable[[], Coroutine[None, None, T]],
        timeout_seconds: float | None = WAIT_SECONDS,
    ) -> T:
        """Wait for the earlier jobs of the key, then run the job and return the job's result.

        Args:
            timeout_seconds: The maximum total time that the caller waits for the turn and the job.
                Pass None for a job that has to run: then the caller waits without a limit, and the
                job is accepted even when the queue is full.

        Raises:
            Unavailable: The job will not run, because `MAX_PENDING` jobs are waiting or running, or
                because the job's turn did not come in time.
            Unconfirmed: The job was started and takes longer than the timeout. It continues.
            Exception: The job raised this exception.
        """
        if timeout_seconds is not None and len(self._running) >= MAX_PENDING:
            raise Unavailable(what="The server")
        turn: asyncio.Future[None] | None = None
        if not self.try_take_turn(key):
            turn = asyncio.get_running_loop().create_future()
            self.line_up(key, partial(_grant, turn))
        running = self.start_job(self._run_in_turn(key, turn, job))
        if running.done():
            return running.result()
        try:
            await asyncio.wait([running], timeout=timeout_seconds)
        except asyncio.CancelledError:
            running.add_done_callback(_log_failure)
            raise
        if running.done():
            return running.result()
        if turn is not None and turn.cancel():
            raise Unavailable
        running.add_done_callback(_log_failure)
        raise Unconfirmed

    async def drain(self, timeout_seconds: float) -> None:
        """Wait until no job is running or waiting; cancel the jobs left after the timeout."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_seconds
        while self._running:
            timeout = max(0, deadline - loop.time())
            _, late = await asyncio.wait(self._running, timeout=timeout)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        self._tasks.close()

    def try_take_turn(self, key: Hashable) -> bool:
        """Take the key's turn if the key is free; return whether it was free."""
        if key in self._lines:
            return False
        self._lines[key] = deque()
        return True

    def line_up(self, key: Hashable, on_turn: Callable[[], bool]) -> None:
        """Queue a callback that is called when the key's turn is passed to it.

        Args:
            key: A key whose turn is taken by a job or batch.
            on_turn: The callback. It returns False to leave the turn to the next callback.
        """
        self._lines[key].append(on_turn)

    def pass_turn(self, key: Hashable) -> None:
        """Pass the key's turn to the next waiting job or batch; if none waits, free the key."""
        line = self._lines[key]
        while line:
            if line.popleft()():
                return
        del self._lines[key]

    def start_job(self, job: Coroutine[Any, Any, T]) -> "asyncio.Future[T]":
        """Start a coroutine immediately; `drain` waits for it."""
        running = self._tasks.start(job)
        if not running.done():
            self._running.add(running)
            running.add_done_callback(self._running.discard)
        return running

    async def _run_in_turn(
        self,
        key: Hashable,
        turn: "asyncio.Future[None] | None",
        job: Callable[[], Coroutine[None, None, T]],
    ) -> T:
        try:
            if turn is not None:
                await turn
            return await job()
        finally:
            if turn is None or not turn.cancelled():  # a cancelled turn was never taken
                self.pass_turn(key)


def _grant(turn: "asyncio.Future[None]") -> bool:
    if turn.done():  # cancelled: the caller no longer waits
        return False
    turn.set_result(None)
    return True


def _log_failure(task: asyncio.Future[Any]) -> None:
    # Log only the error's type, because its text may contain the content of a chat message.
    if not task.cancelled() and (error := task.exception()) is not None:
        _logger.warning("a job failed after its caller stopped waiting: %s", type(error).__name__)
