"""Group commit: stores items that arrive at the same time in one transaction."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextvars import Context
from functools import partial
from math import inf
from typing import Generic, TypeAlias, TypeVar

from app.domain.errors import StorageRejected, Unavailable, Unconfirmed
from app.domain.time_limits import WAIT_SECONDS
from app.ports import Clock, Timer, WriteAdmission
from app.services.writes.keyed_queue import MAX_PENDING, KeyedQueue

MAX_ITEMS = 256
"""The maximum number of items in a batch."""

Item = TypeVar("Item")
Result = TypeVar("Result")

Store: TypeAlias = Callable[[Sequence[Item]], Awaitable[Sequence[Result]]]
"""Stores a batch and returns one result per item. If the call raises, no item has a result."""

_logger = logging.getLogger(__name__)


class GroupCommit(Generic[Item, Result]):
    """Commits items in batches, without waiting for a batch to fill.

    At most ``admission.writers`` batches run concurrently. If fewer are running, and the item's key
    is free, the item is committed immediately. Items that arrive while the maximum is running form
    the next batch. The items of one key are committed in the order of their arrival, by one batch
    at a time. An item is committed even if its caller is cancelled, because a message that was
    stored must also be published.

    If the storage rejects a batch with `StorageRejected`, each half is stored separately. A
    rejected half is divided again, so in the end only the rejected items fail.

    Args:
        turns: Runs the batches of a key one after another. Jobs in the same queue do not run while
            a batch of their key is running.
        weigh: Returns the weight of an item. By default, every item weighs 1.
        max_weight: The maximum total weight of a batch; a single heavier item forms a separate
            batch. By default, only ``max_items`` limits a batch.
    """

    def __init__(
        self,
        store: Store[Item, Result],
        turns: KeyedQueue,
        clock: Clock,
        admission: WriteAdmission,
        *,
        weigh: Callable[[Item], int] | None = None,
        max_items: int = MAX_ITEMS,
        max_weight: float = inf,
    ) -> None:
        self._store = store
        self._turns = turns
        self._clock = clock
        self._admission = admission
        self._max_running = admission.writers
        self._weigh = weigh
        self._max_items = max_items
        self._max_weight = max_weight
        # The waiting items of each key.
        self._queues: dict[Hashable, deque[_Entry[Item, Result]]] = {}
        # The keys whose turn was taken for a batch that has not started yet, oldest first.
        self._ready: dict[Hashable, None] = {}
        self._waiting = 0
        self._running = 0
        self._is_drained = False
        # The monotonic time until which the caller of each item waits. All items share one timer,
        # set for the earliest of these times: a timer per item takes 1.5 us, this dict 0.15 us.
        self._deadlines: dict[_Entry[Item, Result], float] = {}
        self._timer: Timer | None = None
        self._timer_at = inf
        self._loop: asyncio.AbstractEventLoop | None = None

    async def commit(
        self, key: Hashable, item: Item, *, waiting_since: float | None = None
    ) -> Result:
        """Commit an item, and return its result.

        Args:
            key: The items of one key are committed in the order in which they enter the queue.
            waiting_since: The monotonic time at which the caller began to wait, by default now. The
                caller waits at most `WAIT_SECONDS` from this time.

        Raises:
            Unavailable: The item was not stored: `MAX_PENDING` items are waiting, the storage does
                not answer, or the item's turn did not come in time.
            Unconfirmed: The commit takes too long or was interrupted; the item may be stored.
            Exception: ``store`` raised this exception.
        """
        loop = self._loop or self._bind_loop()
        entry: _Entry[Item, Result] = _Entry(key, item, loop.create_future())
        if self._running < self._max_running and not self._ready and self._turns.try_take_turn(key):
            entry.is_begun = True
            self._turns.start_job(self._run_batch((entry,), (key,)))  # the usual case
        else:
            if waiting_since is None:
                waiting_since = self._clock.monotonic()
            if self._waiting >= MAX_PENDING:
                raise Unavailable(what="The server")
            await self._admission.admit_writer()
            self._enqueue(entry)
            self._start_batches()
        if entry.result.done():
            return entry.result.result()
        if waiting_since is None:
            waiting_since = self._clock.monotonic()
        self._limit_wait(entry, waiting_since + WAIT_SECONDS)
        try:
            return await entry.result
        finally:
            del self._deadlines[entry]

    async def drain(self, timeout_seconds: float) -> None:
        """Store the waiting items; after the timeout, cancel batches and reject the items left."""
        await self._turns.drain(timeout_seconds)
        self._is_drained = True
        for queue in self._queues.values():
            for entry in queue:
                entry.give_up()
        self._stop_timer()

    def _bind_loop(self) -> asyncio.AbstractEventLoop:
        # Keep the loop: on Python 3.11, each call of `get_running_loop` makes a system call.
        self._loop = asyncio.get_running_loop()
        return self._loop

    def _limit_wait(self, entry: "_Entry[Item, Result]", deadline: float) -> None:
        self._deadlines[entry] = deadline
        if deadline < self._timer_at:
            self._start_timer(deadline)

    def _start_timer(self, at: float) -> None:
        self._stop_timer()
        self._timer_at = at
        self._timer = self._clock.call_later(at - self._clock.monotonic(), self._end_waits)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = None, inf

    def _end_waits(self) -> None:
        # Event loops round delays, so this may run a millisecond early.
        now = max(self._timer_at, self._clock.monotonic())
        self._stop_timer()
        for entry, deadline in self._deadlines.items():
            if deadline <= now:
                entry.give_up()
        later = [deadline for deadline in self._deadlines.values() if deadline > now]
        if later:
            self._start_timer(min(later))

    def _enqueue(self, entry: "_Entry[Item, Result]") -> None:
        self._waiting += 1
        queue = self._queues.get(entry.key)
        if queue is not None:
            queue.append(entry)
            return
        self._queues[entry.key] = deque((entry,))
        if self._turns.try_take_turn(entry.key):
            self._ready[entry.key] = None
        else:
            self._turns.line_up(entry.key, partial(self._take_turn, entry.key))

    def _take_turn(self, key: Hashable) -> bool:
        self._ready[key] = None
        # Start the batch in the next loop iteration, so that it includes all keys whose turns come
        # now.
        asyncio.get_running_loop().call_soon(self._start_batches)
        return True

    def _start_batches(self) -> None:
        while self._ready and self._running < self._max_running and not self._is_drained:
            # Use an empty context: the current one may belong to the batch that has just ended.
            Context().run(self._turns.start_job, self._run_batch(*self._next_batch()))

    def _next_batch(self) -> "tuple[list[_Entry[Item, Result]], list[Hashable]]":
        entries: list[_Entry[Item, Result]] = []
        keys: list[Hashable] = []
        weight = 0
        while self._ready and len(entries) < self._max_items and weight < self._max_weight:
            key = next(iter(self._ready))
            queue = self._queues[key]
            while queue and len(entries) < self._max_items:
                entry = queue[0]
                if not entry.is_given_up:
                    weight += 1 if self._weigh is None else self._weigh(entry.item)
                    if entries and weight > self._max_weight:
                        break
                    entry.is_begun = True
                    entries.append(entry)
                queue.popleft()
                self._waiting -= 1
            if queue and not (entries and entries[-1].key == key):
                break  # the key's first item is too heavy for this batch
            del self._ready[key]
            keys.append(key)
            if queue:
                self._turns.line_up(key, partial(self._take_turn, key))
            else:
                del self._queues[key]
        return entries, keys

    async def _run_batch(
        self, entries: "Sequence[_Entry[Item, Result]]", keys: Sequence[Hashable]
    ) -> None:
        self._running += 1
        try:
            await self._store_entries(entries)
        except BaseException:  # cancelled by `drain`
            self._is_drained = True
            for entry in entries:
                entry.fail(Unconfirmed())
            raise
        finally:
            self._release(keys)

    async def _store_entries(self, entries: "Sequence[_Entry[Item, Result]]") -> None:
        if not entries:
            return
        try:
            results = await self._store([entry.item for entry in entries])
            outcomes = list(zip(entries, results, strict=True))
        except StorageRejected as error:
            await self._store_halves(entries, error)
        except Unavailable as error:
            # Each caller gets its own exception: raising one instance in several tasks would chain
            # their tracebacks.
            for entry in entries:
                entry.fail(type(error)())
        except Exception as error:  # noqa: BLE001 - each caller raises the error
            for entry in entries:
                entry.fail(error)
        else:
            for entry, result in outcomes:
                if not entry.result.done():  # the item's caller still waits
                    entry.result.set_result(result)

    async def _store_halves(
        self, entries: "Sequence[_Entry[Item, Result]]", error: StorageRejected
    ) -> None:
        if len(entries) == 1:
            entries[0].fail(error)
            return
        middle = len(entries) // 2
        await self._store_entries(entries[:middle])
        await self._store_entries(entries[middle:])

    def _release(self, keys: Sequence[Hashable]) -> None:
        for key in keys:
            self._turns.pass_turn(key)
        self._running -= 1
        if self._ready:
            self._start_batches()


class _Entry(Generic[Item, Result]):
    __slots__ = ("is_begun", "is_given_up", "item", "key", "result")

    def __init__(self, key: Hashable, item: Item, result: "asyncio.Future[Result]") -> None:
        self.key = key
        self.item = item
        self.result = result
        self.is_begun = False
        """Whether a batch with the item has started."""
        self.is_given_up = False
        """Whether the caller has stopped waiting for the item's turn."""

    def fail(self, error: Exception) -> None:
        if not self.result.done():
            self.result.set_exception(error)
            # Retrieve the exception; otherwise asyncio logs its text if the caller is cancelled
            # now.
            self.result.exception()
        elif self.result.cancelled():
            # Log only the error's type, because its text may contain the content of a chat message.
            name = type(error).__name__
            _logger.warning("a write failed after its caller was cancelled: %s", name)

    def give_up(self) -> None:
        self.is_given_up = True
        self.fail(Unconfirmed() if self.is_begun else Unavailable())
