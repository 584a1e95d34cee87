import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.system.clock import SystemClock
from app.services.sessions.deadline_queue import DeadlineQueue
from tests.deadlines import ANSWER_SECONDS
from tests.doubles.manual_clock import ManualClock

NAMES = ("a", "b", "c", "d")


@dataclass(eq=False)
class Item:
    """An item with a deadline."""

    name: str
    deadline_id: int = 0


class Waiting:
    """A queue, and a record of its callbacks: name, deadline and time."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.called: list[tuple[str, float, float]] = []
        self.queue: DeadlineQueue[Item] = DeadlineQueue(self.clock, self._keep)
        self.items = [Item(name) for name in NAMES]

    def _keep(self, item: Item, due_at: float) -> None:
        self.called.append((item.name, due_at, self.clock.monotonic()))


def test_items_are_called_in_order_when_they_were_set_in_another() -> None:
    """Items with equal deadlines are called in the order in which they were set."""
    waiting = Waiting()

    for item, due_at in zip(waiting.items, (3.0, 1.0, 2.0, 1.0), strict=True):
        waiting.queue.set(item, due_at)
    waiting.clock.advance(10)

    assert [("b", 1.0, 1.0), ("d", 1.0, 1.0), ("c", 2.0, 2.0), ("a", 3.0, 3.0)] == waiting.called


def test_item_is_called_once_when_it_is_moved_away_and_back() -> None:
    """Only the item's last deadline counts."""
    waiting = Waiting()

    for due_at in (1.0, 5.0, 0.5, 5.0, 1.0, 5.0):
        waiting.queue.set(waiting.items[0], due_at)
    waiting.clock.advance(10)

    assert [("a", 5.0, 5.0)] == waiting.called


def test_item_is_called_at_once_when_its_time_is_over() -> None:
    """`set` schedules the item; the event loop calls it in its next iteration."""
    waiting = Waiting()
    waiting.clock.advance(7)

    waiting.queue.set(waiting.items[0], 2.0)
    before = list(waiting.called)
    waiting.clock.advance(0)

    assert ([], [("a", 2.0, 7.0)]) == (before, waiting.called)


def test_one_timer_is_enough_when_many_wait() -> None:
    """Items with later deadlines start no timer, and an empty queue has none."""
    waiting = Waiting()

    for number, item in enumerate(waiting.items):
        waiting.queue.set(item, 5.0 + number)
    timers = len(waiting.clock._timers)
    for item in waiting.items:
        waiting.queue.clear(item)
        waiting.queue.clear(item)

    assert (1, 0, None) == (timers, len(waiting.queue), waiting.queue._timer)


def test_entries_stay_bounded_when_items_come_and_go() -> None:
    """Stale entries are removed once they are more than half of all entries."""
    waiting = Waiting()

    for number in range(1_000):
        waiting.queue.set(waiting.items[number % len(NAMES)], 1_000.0 + number)
        waiting.queue.clear(waiting.items[number % 3])
        assert len(waiting.queue._entries) <= 2 * len(waiting.queue)


def test_the_others_are_called_when_one_callback_fails() -> None:
    """If ending one socket fails, the other sockets must still be disconnected."""
    called: list[str] = []

    def fail_for_a(item: Item, _due_at: float) -> None:
        called.append(item.name)
        if item.name == "a":
            raise KeyError

    clock = ManualClock()
    queue: DeadlineQueue[Item] = DeadlineQueue(clock, fail_for_a)
    for name in NAMES:
        queue.set(Item(name), 1.0)

    with pytest.raises(KeyError):
        clock.advance(1)
    clock.advance(0)

    assert list(NAMES) == called


async def test_item_is_called_on_the_event_loop_when_the_clock_is_real() -> None:
    """The item is called at its deadline, up to the resolution of the event loop's clock."""
    clock = SystemClock()
    called: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    queue: DeadlineQueue[Item] = DeadlineQueue(
        clock, lambda _item, _due_at: called.set_result(clock.monotonic())
    )
    due_at = clock.monotonic() + 0.01

    queue.set(Item("a"), due_at)
    called_at = await asyncio.wait_for(called, timeout=ANSWER_SECONDS)

    assert called_at >= due_at - 0.001


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["set", "clear", "advance"]),
            st.integers(0, len(NAMES) - 1),
            st.sampled_from([0.0, 0.1, 0.25, 1.0, 3.0]),
        ),
        max_size=60,
    )
)
def test_queue_agrees_with_a_plain_map_when_items_are_set_and_cleared(
    steps: list[tuple[str, int, float]],
) -> None:
    """For any sequence of calls, an item is called back once, at its last deadline."""
    waiting = Waiting()
    due: dict[str, float] = {}
    expected: list[tuple[str, float]] = []

    for step, number, seconds in steps:
        item, now = waiting.items[number], waiting.clock.monotonic()
        if step == "set":
            waiting.queue.set(item, now + seconds)
            due[item.name] = now + seconds
        elif step == "clear":
            waiting.queue.clear(item)
            due.pop(item.name, None)
        else:
            waiting.clock.advance(seconds)
            reached = [name for name in due if due[name] <= waiting.clock.monotonic()]
            expected += [(name, due.pop(name)) for name in reached]

        assert sorted(expected) == sorted((name, due_at) for name, due_at, _ in waiting.called)
        assert len(due) == len(waiting.queue)
        assert len(waiting.queue._entries) <= 2 * len(due)
