"""Group commit: what arrives together is stored together, in one order per key."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

from app.concurrency.eager import EagerTasks
from app.domain.errors import StorageRejected, Unavailable, Unconfirmed
from app.ports import Clock, StorageWriters
from app.services.writes.limits import MAX_PENDING, WAIT_SECONDS

MAX_ITEMS = 256
"""How many items one commit holds at most."""

MAX_WEIGHT = 20_000
"""How much they may weigh together, unless one alone weighs more."""

Item = TypeVar("Item")

Commit = Callable[[Sequence[Item]], Awaitable[Sequence[Exception | None]]]
"""Stores the items together and tells of them. Gives for each what its caller is to be raised,
None if it went well; raises what concerns them all, and `StorageRejected` if that may be some of
them, with nothing stored or told."""

_logger = logging.getLogger(__name__)


class GroupCommit(Generic[Item]):
    """Commits items in batches; nothing waits for a batch to fill.

    An item that finds a writer free is committed at once, in place. What comes while all writers
    are at work is the next batch. The items of one key are committed in their order, one batch at a
    time; other keys do not wait for them as long as a writer is free. One whose caller is cancelled
    is still committed: what was begun comes to its end, or nobody would hear of what was stored.
    If a batch is `StorageRejected`, each half is committed separately, and so on, so only the
    rejected item fails.

    Args:
        commit: Stores a batch.
        clock: For the time that callers wait.
        writers: How many batches may be at work at once, and whether they are answered.
        weigh: How much work an item is; so that those which are much are not many in one batch.
        max_items: In one batch.
        max_weight: Of one batch, unless one item alone weighs more.
    """

    def __init__(
        self,
        commit: Commit[Item],
        clock: Clock,
        *,
        writers: StorageWriters,
        weigh: Callable[[Item], int] | None = None,
        max_items: int = MAX_ITEMS,
        max_weight: int = MAX_WEIGHT,
    ) -> None:
        self._commit = commit
        self._tasks = EagerTasks()
        self._clock = clock
        self._writers = writers
        self._at_once = writers.at_once
        self._weigh = weigh
        self._max_items = max_items
        self._max_weight = max_weight
        # The keys of which anything waits or is at work, and what waits; the keys that a free
        # writer may take are in _ready, too, in the order they came.
        self._queues: dict[Hashable, deque[_Entry[Item]]] = {}
        self._ready: dict[Hashable, None] = {}
        self._waiting = 0
        self._working = 0
        self._batches: set[asyncio.Future[None]] = set()
        self._is_drained = False

    async def run(
        self, key: Hashable, item: Item, *, patient: bool = False, waited_seconds: float = 0.0
    ) -> None:
        """Commit the item. It is ``patient`` when it has to be done, however long it takes.

        ``waited_seconds`` is how long its caller has waited already, of `WAIT_SECONDS` in all.

        Raises:
            Unavailable: Too much is waiting already, or in vain, or its turn did not come in time:
                it was not begun. Or the storage failed.
            Unconfirmed: Its commit took too long, or was cut off; it may still happen.
            Exception: What ``commit`` gave for the item, or raised.
        """
        if not patient:
            if self._waiting >= MAX_PENDING:
                raise Unavailable(what="The server")
            await self._writers.admit()
        entry = _Entry(key, item)
        if self._working < self._at_once and not self._ready and key not in self._queues:
            # As nearly always where nothing is waited for: no queue, no looking for others.
            self._queues[key] = deque()
            self._start([entry])
        else:
            self._enqueue(entry)
            self._begin()
        if not entry.is_settled:
            await self._wait(entry, None if patient else WAIT_SECONDS - waited_seconds)
        if entry.error is not None:
            raise entry.error

    async def drain(self, timeout_seconds: float) -> None:
        """Wait for what is going on and what waits; what takes longer is cancelled or given up."""
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + timeout_seconds
        while self._batches:
            _, late = await asyncio.wait(self._batches, timeout=max(0, give_up_at - loop.time()))
            if late:
                self._is_drained = True
                for batch in late:
                    batch.cancel()
                await asyncio.wait(late)
                break
        for queue in self._queues.values():
            for entry in queue:
                entry.give_up()
        self._tasks.close()

    def _enqueue(self, entry: "_Entry[Item]") -> None:
        self._waiting += 1
        queue = self._queues.get(entry.key)
        if queue is None:
            self._queues[entry.key] = deque((entry,))
            self._ready[entry.key] = None
        else:
            queue.append(entry)

    def _begin(self) -> None:
        while self._ready and self._working < self._at_once and not self._is_drained:
            # In a context of its own: this may run in the context of the batch that just ended.
            Context().run(self._start, self._next_batch())

    def _start(self, batch: "list[_Entry[Item]]") -> None:
        self._working += 1
        doing = self._tasks.start(self._do(batch))
        if not doing.done():
            self._batches.add(doing)
            doing.add_done_callback(self._batches.discard)

    def _next_batch(self) -> "list[_Entry[Item]]":
        batch: list[_Entry[Item]] = []
        weight = 0
        while self._ready and len(batch) < self._max_items and weight < self._max_weight:
            key = next(iter(self._ready))
            del self._ready[key]
            queue = self._queues[key]
            while queue and len(batch) < self._max_items:
                weight += 1 if self._weigh is None else self._weigh(queue[0].item)
                if batch and weight > self._max_weight:
                    break
                batch.append(queue.popleft())
            if not batch or batch[-1].key != key:
                self._ready[key] = None  # its turn comes with the next batch
        self._waiting -= len(batch)
        return batch

    async def _do(self, batch: "list[_Entry[Item]]") -> None:
        wanted = [entry for entry in batch if not entry.is_settled]  # the others were given up
        for entry in wanted:
            entry.is_begun = True
        try:
            if wanted:
                await self._store(wanted)
        except BaseException:  # cancelled
            for entry in wanted:
                entry.settle(Unconfirmed())
            raise
        finally:
            self._release(batch)

    async def _store(self, entries: "list[_Entry[Item]]") -> None:
        try:
            errors = await self._commit([entry.item for entry in entries])
            for entry, refusal in zip(entries, errors, strict=True):
                entry.settle(refusal)
        except Unavailable as error:
            if isinstance(error, StorageRejected) and len(entries) > 1:
                middle = len(entries) // 2
                await self._store(entries[:middle])
                await self._store(entries[middle:])
                return
            # One each: an exception that is raised in many places keeps the tracebacks of all.
            for entry in entries:
                entry.settle(type(error)())
        except Exception as error:  # noqa: BLE001 - it is the callers'
            for entry in entries:
                entry.settle(error)

    def _release(self, batch: "list[_Entry[Item]]") -> None:
        for key in {entry.key for entry in batch}:
            if self._queues[key]:
                self._ready[key] = None
            else:
                del self._queues[key]
        self._working -= 1
        if self._ready:
            self._begin()

    async def _wait(self, entry: "_Entry[Item]", seconds: float | None) -> None:
        entry.waiter = asyncio.get_running_loop().create_future()
        timer = None if seconds is None else self._clock.call_later(seconds, entry.give_up)
        try:
            await entry.waiter
        finally:
            if timer is not None:
                timer.cancel()


class _Entry(Generic[Item]):
    """An item on its way, and its caller."""

    __slots__ = ("error", "is_begun", "is_settled", "item", "key", "waiter")

    def __init__(self, key: Hashable, item: Item) -> None:
        self.key = key
        self.item = item
        self.is_begun = False
        self.is_settled = False
        self.error: Exception | None = None
        self.waiter: asyncio.Future[None] | None = None

    def settle(self, error: Exception | None) -> None:
        """Tell the caller; the first outcome counts."""
        if self.is_settled:
            return
        self.is_settled = True
        self.error = error
        if self.waiter is None:
            return
        if not self.waiter.done():
            self.waiter.set_result(None)
        elif error is not None:  # cancelled, and about to go; only its name: it may hold a message
            _logger.warning("a work failed after its caller had gone: %s", type(error).__name__)

    def give_up(self) -> None:
        """The caller has waited long enough."""
        self.settle(Unconfirmed() if self.is_begun else Unavailable())
