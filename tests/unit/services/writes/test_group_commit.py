import asyncio
import gc
import logging
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Protocol

import pytest

from app.domain.errors import StorageRejected, Unavailable, Unconfirmed
from app.domain.time_limits import WAIT_SECONDS
from app.ports import WriteAdmission
from app.services.writes.group_commit import MAX_ITEMS, GroupCommit
from app.services.writes.keyed_queue import MAX_PENDING, KeyedQueue
from tests.doubles.manual_clock import ManualClock

LOGGER = "app.services.writes.group_commit"
REJECTED = "rejected"
CALLER: ContextVar[str] = ContextVar("caller", default="nobody")


class Store:
    """Records each batch, and the caller whose context was current.

    A batch is stored when the test sets `may_end`. If the test sets `is_result_missing`, the next
    batch gets one result too few.
    """

    def __init__(self) -> None:
        self.commits: list[list[str]] = []
        self.may_end = asyncio.Event()
        self.began = asyncio.Event()
        self.failure: Exception | None = None
        self.is_result_missing = False
        self.callers: list[str] = []

    async def add(self, items: Sequence[str]) -> list[str]:
        self.commits.append(list(items))
        self.callers.append(CALLER.get())
        self.began.set()
        if not self.may_end.is_set():
            await self.may_end.wait()
        if self.failure is not None:
            raise self.failure
        if REJECTED in items:
            raise StorageRejected
        results = [f"stored {item}" for item in items]
        if self.is_result_missing:
            self.is_result_missing = False
            results.pop()
        return results


@pytest.fixture
def store() -> Store:
    """A store that does not answer until the test sets `Store.may_end`."""
    return Store()


@pytest.fixture
def quick_store(store: Store) -> Store:
    """A store that answers immediately."""
    store.may_end.set()
    return store


class Admission(WriteAdmission):
    """Rejects writes if ``is_rejecting`` is true."""

    def __init__(self, writers: int) -> None:
        self.writers = writers
        self.is_rejecting = False

    async def admit_writer(self) -> None:
        if self.is_rejecting:
            raise Unavailable


class Make(Protocol):
    """Creates a group commit for a test."""

    def __call__(
        self, store: Store, writers: int = 1, max_items: int = MAX_ITEMS
    ) -> GroupCommit[str, str]:
        """Create a group commit that writes to this store."""


@pytest.fixture
def turns() -> KeyedQueue:
    """The queue that keeps the batches and jobs of a key in order."""
    return KeyedQueue()


@pytest.fixture
def make(turns: KeyedQueue, clock: ManualClock) -> Make:
    def made(store: Store, writers: int = 1, max_items: int = MAX_ITEMS) -> GroupCommit[str, str]:
        return GroupCommit(store.add, turns, clock, Admission(writers), max_items=max_items)

    return made


def started(group: GroupCommit[str, str], *items: tuple[str, str]) -> list[asyncio.Task[str]]:
    """Start one caller for each key and item, in this order."""
    return [asyncio.create_task(group.commit(key, item)) for key, item in items]


async def commit_and_drain(group: GroupCommit[str, str], store: Store) -> None:
    """Commit an item whose caller has to wait, and drain the group."""
    callers = started(group, ("key", "drained"))
    await store.began.wait()
    store.may_end.set()
    await asyncio.gather(*callers)
    await group.drain(1)


async def until_waiting(group: GroupCommit[str, str], count: int) -> None:
    """Let every caller run until it waits, and check that ``count`` items are waiting."""
    # A task needs one turn to start, and another turn to continue after a batch that it started.
    for _ in range(3):
        await asyncio.sleep(0)
    assert count == group._waiting


async def test_item_is_committed_in_place_when_a_writer_is_free(
    make: Make, quick_store: Store
) -> None:
    """The batch needs no new task, and the group commit keeps no reference to the item."""
    group, others = make(quick_store), list[str]()
    asyncio.get_running_loop().call_soon(others.append, "another")

    result = await group.commit("key", "item")

    assert "stored item" == result
    assert [["item"]] == quick_store.commits
    assert [] == others
    assert (0, 0, 0) == (len(group._queues), group._waiting, group._running)


async def test_items_share_a_commit_when_they_came_during_the_one_before(
    make: Make, store: Store
) -> None:
    """The first item is committed alone at once. The items of a key keep their order."""
    group = make(store)
    callers = started(group, ("a", "1"), ("a", "2"), ("b", "3"), ("a", "4"))
    await store.began.wait()

    store.may_end.set()
    await asyncio.gather(*callers)

    assert [["1"], ["3", "2", "4"]] == store.commits


async def test_batch_does_not_run_in_the_context_of_the_batch_before(
    make: Make, store: Store
) -> None:
    """A batch that starts at once has its caller's context.

    A batch that waited has an empty context.
    """
    group = make(store)

    async def run_as(caller: str) -> None:
        CALLER.set(caller)
        await group.commit("a", caller)

    callers = [asyncio.create_task(run_as(caller)) for caller in ("alice", "bob")]
    await store.began.wait()
    await until_waiting(group, 1)
    store.may_end.set()
    await asyncio.gather(*callers)

    assert ["alice", "nobody"] == store.callers


async def test_keys_do_not_wait_for_each_other_when_writers_are_free(
    make: Make, store: Store
) -> None:
    """Only items of the same key wait for each other."""
    group = make(store, writers=3)

    callers = started(group, ("a", "1"), ("b", "2"), ("a", "3"))
    await store.began.wait()
    at_work = list(store.commits)
    store.may_end.set()
    await asyncio.gather(*callers)

    assert [["1"], ["2"]] == at_work
    assert [["1"], ["2"], ["3"]] == store.commits


async def test_commit_is_bounded_when_many_wait(make: Make, store: Store) -> None:
    """Items that do not fit into the batch wait in order."""
    group = make(store, max_items=2)
    callers = started(group, *(("a", str(number)) for number in range(6)))
    await store.began.wait()

    store.may_end.set()
    await asyncio.gather(*callers)

    assert [["0"], ["1", "2"], ["3", "4"], ["5"]] == store.commits


async def test_each_caller_gets_its_own_result_when_items_share_a_commit(
    make: Make, store: Store
) -> None:
    group = make(store)
    callers = started(group, ("a", "1"), ("a", "2"), ("a", "3"))
    await store.began.wait()

    store.may_end.set()

    assert ["stored 1", "stored 2", "stored 3"] == await asyncio.gather(*callers)


@pytest.mark.parametrize("failure", [Unavailable(), Unconfirmed(), RuntimeError("a bug")])
async def test_failure_reaches_every_caller_when_the_commit_fails(
    make: Make, store: Store, failure: Exception
) -> None:
    """The failure does not affect later batches."""
    group = make(store)
    store.failure = failure
    first = started(group, ("a", "1"))
    await store.began.wait()
    others = started(group, ("a", "2"), ("b", "3"))
    store.may_end.set()

    outcomes = await asyncio.gather(*first, *others, return_exceptions=True)
    store.failure = None
    await group.commit("a", "4")

    assert [type(failure)] * 3 == [type(outcome) for outcome in outcomes]
    assert ["4"] == store.commits[-1]


async def test_only_its_batch_fails_when_the_store_returns_too_few_results(
    make: Make, store: Store
) -> None:
    """Waiting items and later items are committed."""
    group = make(store)
    store.is_result_missing = True
    first = started(group, ("a", "1"))
    await store.began.wait()
    others = started(group, ("a", "2"), ("b", "3"))
    await until_waiting(group, 2)

    store.may_end.set()
    await until_waiting(group, 0)
    outcomes = await asyncio.gather(*first, *others, return_exceptions=True)
    later = await group.commit("a", "4")

    assert [ValueError, str, str] == [type(outcome) for outcome in outcomes]
    assert "stored 4" == later


async def test_others_are_stored_in_their_order_when_one_of_a_batch_is_rejected(
    make: Make, store: Store
) -> None:
    """A failed batch is halved repeatedly, until the rejected item is alone."""
    group = make(store)
    first = started(group, ("b", "first"))
    await store.began.wait()
    batch = [("a", "1"), ("a", "2"), ("a", REJECTED), ("a", "4")]
    others = started(group, *batch)
    await until_waiting(group, 4)

    store.may_end.set()
    outcomes = await asyncio.gather(*first, *others, return_exceptions=True)

    assert [str, str, str, StorageRejected, str] == [type(each) for each in outcomes]
    assert [["1", "2", REJECTED, "4"], ["1", "2"], [REJECTED, "4"], [REJECTED], ["4"]] == (
        store.commits[1:]
    )


async def test_item_is_committed_when_its_caller_is_cancelled(make: Make, store: Store) -> None:
    """`drain` also waits for items whose callers were cancelled."""
    group = make(store)
    callers = started(group, ("a", "1"), ("a", "2"))
    await store.began.wait()

    for caller in callers:
        caller.cancel()
    await asyncio.wait(callers)
    store.may_end.set()
    await group.drain(5)

    assert [["1"], ["2"]] == store.commits
    assert [True, True] == [caller.cancelled() for caller in callers]


async def test_item_is_given_up_uncommitted_when_its_turn_does_not_come(
    make: Make, store: Store, clock: ManualClock
) -> None:
    """An item that is running may be stored, so its caller gets `Unconfirmed`."""
    group = make(store)
    callers = started(group, ("a", "1"), ("a", "2"))
    await until_waiting(group, 1)

    clock.advance(WAIT_SECONDS)
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    store.may_end.set()
    await group.commit("a", "3")

    assert [Unconfirmed, Unavailable] == [type(outcome) for outcome in outcomes]
    assert [["1"], ["3"]] == store.commits
    assert (0, 0) == (len(group._queues), group._waiting)


async def test_time_before_the_call_counts_when_an_item_waits(
    make: Make, store: Store, clock: ManualClock
) -> None:
    group = make(store)
    waiting_since = clock.monotonic()
    clock.advance(1)
    caller = asyncio.create_task(group.commit("a", "1", waiting_since=waiting_since))
    await store.began.wait()

    clock.advance(WAIT_SECONDS - 1)

    with pytest.raises(Unconfirmed):
        await caller
    store.may_end.set()
    await group.drain(5)


async def test_each_caller_waits_until_its_own_time_when_all_share_a_timer(
    make: Make, store: Store, clock: ManualClock
) -> None:
    """Each is given up `WAIT_SECONDS` after it began to wait: the third first, the second last."""
    group = make(store)
    callers = started(group, ("key", "1"))
    await store.began.wait()
    clock.advance(1)
    callers += started(group, ("key", "2"))
    callers.append(asyncio.create_task(group.commit("key", "3", waiting_since=-1.0)))
    await until_waiting(group, 2)

    ended: list[list[bool]] = []
    for seconds in (WAIT_SECONDS - 2, 1, 1):
        clock.advance(seconds)
        await asyncio.sleep(0)
        ended.append([caller.done() for caller in callers])

    assert [[False, False, True], [True, False, True], [True, True, True]] == ended
    errors = await asyncio.gather(*callers, return_exceptions=True)
    assert [Unconfirmed, Unavailable, Unavailable] == list(map(type, errors))
    store.may_end.set()


async def test_no_timer_is_left_when_drained(make: Make, store: Store, clock: ManualClock) -> None:
    group = make(store)
    await commit_and_drain(group, store)

    assert [] == [timer for _, _, timer in clock._timers if timer._callback is not None]


async def test_item_is_given_up_when_it_comes_after_the_drain(
    make: Make, store: Store, clock: ManualClock
) -> None:
    """A late caller does not wait forever."""
    group = make(store)
    await commit_and_drain(group, store)
    store.may_end.clear()
    store.began.clear()
    callers = started(group, ("key", "item"))
    await store.began.wait()

    clock.advance(WAIT_SECONDS)

    with pytest.raises(Unconfirmed):
        await callers[0]
    store.may_end.set()


async def test_job_runs_between_the_batches_of_its_key_when_they_share_a_queue(
    make: Make, store: Store, turns: KeyedQueue
) -> None:
    """The job runs after earlier items of its key, and before later ones."""
    group, commits_before_job = make(store, max_items=1), list[list[str]]()

    async def job() -> None:
        commits_before_job.extend(store.commits)

    callers = started(group, ("a", "1"), ("a", "2"))
    await until_waiting(group, 1)
    running = asyncio.create_task(turns.run("a", job))
    callers += started(group, ("a", "3"))
    await until_waiting(group, 2)
    store.may_end.set()
    await asyncio.gather(*callers, running)

    assert [["1"], ["2"]] == commits_before_job
    assert [["1"], ["2"], ["3"]] == store.commits


async def test_items_are_refused_when_too_many_wait(make: Make, store: Store) -> None:
    """The queue is bounded. A rejected item is not stored."""
    group = make(store)
    callers = started(group, *(("a", str(number)) for number in range(MAX_PENDING + 1)))
    await until_waiting(group, MAX_PENDING)

    with pytest.raises(Unavailable):
        await group.commit("b", "one more")

    store.may_end.set()
    await asyncio.gather(*callers)


async def test_nobody_waits_when_the_storage_does_not_answer(
    store: Store, turns: KeyedQueue, clock: ManualClock
) -> None:
    """While the storage does not answer, new items are rejected immediately."""
    admission = Admission(writers=1)
    group = GroupCommit(store.add, turns, clock, admission)
    first = started(group, ("a", "1"))
    await store.began.wait()
    admission.is_rejecting = True

    with pytest.raises(Unavailable):
        await group.commit("a", "2")
    store.may_end.set()
    await asyncio.gather(*first)

    assert [["1"]] == store.commits


async def test_drain_cancels_what_is_late_when_its_time_is_over(make: Make, store: Store) -> None:
    """A shutdown ends even if the storage does not answer. Callers then get `Unconfirmed`."""
    group = make(store)
    callers = started(group, ("a", "1"))
    await store.began.wait()

    await group.drain(0)
    outcomes = await asyncio.gather(*callers, return_exceptions=True)

    assert [Unconfirmed] == [type(outcome) for outcome in outcomes]


async def test_failure_is_logged_by_its_name_when_its_caller_is_cancelled_at_that_moment(
    make: Make, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """Only the error's type is logged, because the text may contain a message's content."""
    group = make(store)
    store.failure = RuntimeError("what was written")
    (caller,) = started(group, ("a", "1"))
    await store.began.wait()

    caller.cancel()
    store.may_end.set()
    await asyncio.wait([caller])
    await group.drain(5)
    gc.collect()

    text = "a write failed after its caller was cancelled: RuntimeError"
    expected = (LOGGER, logging.WARNING, text)
    assert [expected] == caplog.record_tuples


async def test_commit_is_bounded_by_weight_when_items_are_much_work(
    turns: KeyedQueue, clock: ManualClock, store: Store
) -> None:
    """An item that exceeds the limit by itself is stored alone. The order is kept."""
    group = GroupCommit(store.add, turns, clock, Admission(1), weigh=int, max_weight=4)
    half, whole, more = "2", "4", "8"
    callers = started(
        group, ("a", "1"), ("a", half), ("a", half), ("b", whole), ("a", half), ("c", more)
    )
    await store.began.wait()

    store.may_end.set()
    await asyncio.gather(*callers)

    assert [["1"], [whole], [more], [half, half], [half]] == store.commits


async def test_what_waits_is_given_up_when_the_time_to_drain_is_over(
    make: Make, store: Store
) -> None:
    """An item that is waiting when the time is over is never stored."""
    group = make(store)
    callers = started(group, ("a", "1"), ("a", "2"), ("b", "3"))
    await store.began.wait()
    await until_waiting(group, 2)

    await group.drain(0)
    outcomes = await asyncio.gather(*callers, return_exceptions=True)

    assert [Unconfirmed, Unavailable, Unavailable] == [type(outcome) for outcome in outcomes]
    assert [["1"]] == store.commits
