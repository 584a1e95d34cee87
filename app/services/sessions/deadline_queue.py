"""A queue of deadlines that share one timer; most deadlines are never reached."""

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf
from typing import Generic, Protocol, TypeVar

from app.ports import Clock, Timer


class HasDeadline(Protocol):
    """An item of a `DeadlineQueue`. The queue sets ``deadline_id``; 0 means no deadline."""

    deadline_id: int


T = TypeVar("T", bound=HasDeadline)


class DeadlineQueue(Generic[T]):
    """Calls ``on_due`` on the event loop when the monotonic clock reaches an item's deadline.

    Changing or clearing a deadline leaves a stale entry. Stale entries are removed when they exceed
    half of all entries, so both operations are cheap, and there are never more than twice as many
    entries as items.
    """

    def __init__(self, clock: Clock, on_due: Callable[[T, float], None]) -> None:
        """Create a queue. ``on_due`` receives an item and its deadline, and may set deadlines."""
        self._clock = clock
        self._on_due = on_due
        self._entries: list[tuple[float, int, T]] = []
        self._ids = count(1)
        self._stale = 0
        self._timer: Timer | None = None
        self._timer_at = inf

    def __len__(self) -> int:
        return len(self._entries) - self._stale

    def set(self, item: T, due_at: float) -> None:
        """Set the item's deadline, replacing its previous one."""
        self.clear(item)
        item.deadline_id = next(self._ids)
        heappush(self._entries, (due_at, item.deadline_id, item))
        if due_at < self._timer_at:
            self._start_timer()

    def clear(self, item: T) -> None:
        """Remove the item's deadline, if it has one."""
        if not item.deadline_id:
            return
        item.deadline_id = 0
        self._stale += 1
        self._tidy()
        if not self._entries:
            self._start_timer()

    def _tidy(self) -> None:
        if 2 * self._stale > len(self._entries):
            self._entries = [entry for entry in self._entries if entry[1] == entry[2].deadline_id]
            heapify(self._entries)
            self._stale = 0

    def _start_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_at = self._entries[0][0] if self._entries else inf
        if self._entries:
            delay_seconds = max(0.0, self._timer_at - self._clock.monotonic())
            self._timer = self._clock.call_later(delay_seconds, self._run_due)

    def _run_due(self) -> None:
        # Event loops round delays, so this may run a millisecond early: treat the timer's
        # deadline as reached.
        now = max(self._timer_at, self._clock.monotonic())
        self._timer_at = -inf  # deadlines that are set in callbacks must not start a timer yet
        try:
            while self._entries and self._entries[0][0] <= now:
                due_at, deadline_id, item = heappop(self._entries)
                if item.deadline_id != deadline_id:
                    self._stale -= 1
                    continue
                item.deadline_id = 0
                self._on_due(item, due_at)
        finally:  # the other items need a timer even if a callback raised
            self._tidy()
            self._start_timer()
