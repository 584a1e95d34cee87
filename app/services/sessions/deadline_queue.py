"""Deadlines that many have and few reach: one timer for all of them."""

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf
from typing import Generic, Protocol, TypeVar

from app.ports import Clock, Timer


class HasDeadline(Protocol):
    """What can wait in a `DeadlineQueue`.

    Attributes:
        deadline_id: The queue's own: names the entry that counts; 0 while there is none.
    """

    deadline_id: int


T = TypeVar("T", bound=HasDeadline)


class DeadlineQueue(Generic[T]):
    """Calls back for each item when its time has come, by the monotonic clock, on the event loop.

    Whoever moves or leaves makes an entry stale, which stays until half of all are: so both cost
    next to nothing, and there are never more than twice as many entries as items.
    """

    def __init__(self, clock: Clock, on_due: Callable[[T, float], None]) -> None:
        """``on_due`` gets an item that waits no longer, and its time; it may set and clear."""
        self._clock = clock
        self._on_due = on_due
        self._entries: list[tuple[float, int, T]] = []
        self._ids = count(1)
        self._stale = 0
        self._timer: Timer | None = None
        self._rings_at = inf

    def __len__(self) -> int:
        """How many items wait."""
        return len(self._entries) - self._stale

    def set(self, item: T, due_at: float) -> None:
        """Call back at ``due_at``, and no longer at the time the item waited for before."""
        self.clear(item)
        item.deadline_id = next(self._ids)
        heappush(self._entries, (due_at, item.deadline_id, item))
        if due_at < self._rings_at:
            self._wind()

    def clear(self, item: T) -> None:
        """Do not call back; harmless for an item that does not wait."""
        if not item.deadline_id:
            return
        item.deadline_id = 0
        self._stale += 1
        self._tidy()
        if not self._entries:
            self._wind()

    def _tidy(self) -> None:
        if 2 * self._stale > len(self._entries):
            self._entries = [entry for entry in self._entries if entry[1] == entry[2].deadline_id]
            heapify(self._entries)
            self._stale = 0

    def _wind(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._rings_at = self._entries[0][0] if self._entries else inf
        if self._entries:
            delay_seconds = max(0.0, self._rings_at - self._clock.monotonic())
            self._timer = self._clock.call_later(delay_seconds, self._ring)

    def _ring(self) -> None:
        # Loops round delays: this may be a millisecond early, and is the time all the same.
        now = max(self._rings_at, self._clock.monotonic())
        self._rings_at = -inf  # what is set meanwhile waits for the end of this
        try:
            while self._entries and self._entries[0][0] <= now:
                due_at, deadline_id, item = heappop(self._entries)
                if item.deadline_id != deadline_id:
                    self._stale -= 1
                    continue
                item.deadline_id = 0
                self._on_due(item, due_at)
        finally:  # also when one callback failed: the others have theirs to come
            self._tidy()
            self._wind()
