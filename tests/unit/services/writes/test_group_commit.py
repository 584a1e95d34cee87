import asyncio
import gc
import logging
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Protocol

import pytest

from app.adapters.memory.writers import MemoryWriters
from app.domain.errors import NotAMember, StorageRejected, Unavailable, Unconfirmed
from app.services.writes.group_commit import MAX_WEIGHT, GroupCommit
from app.services.writes.limits import MAX_PENDING, WAIT_SECONDS
from tests.doubles.manual_clock import ManualClock

LOGGER = "app.services.writes.group_commit"
REFUSED = "refused"
REJECTED = "rejected"
CALLER: ContextVar[str] = ContextVar("caller", default="nobody")


class Store:
    """Keeps what each commit held; a commit ends when the test lets it."""

    def __init__(self) -> None:
        self.commits: list[list[str]] = []
        self.may_end = asyncio.Event()
        self.began = asyncio.Event()
        self.failure: Exception | None = None
        self.callers: list[str] = []

    async def commit(self, items: Sequence[str]) -> list[Exception | None]:
        """Store, unless a failure is set; refuse what is called so, or reject it and all."""
        self.commits.append(list(items))
        self.callers.append(CALLER.get())
        self.began.set()
        if not self.may_end.is_set():
            await self.may_end.wait()
        if self.failure is not None:
            raise self.failure
        if REJECTED in items:
            raise StorageRejected
        return [NotAMember() if item == REFUSED else None for item in items]


@pytest.fixture
def store() -> Store:
    """A store that holds back its answers until `Store.may_end` is set."""
    return Store()


@pytest.fixture
def quick_store(store: Store) -> Store:
    """A store that answers at once."""
    store.may_end.set()
    return store


class SilentWriters(MemoryWriters):
    """Not answered while a test says so."""

    are_silent = False

    async def admit(self) -> None:
        """As the class says."""
        if self.are_silent:
            raise Unavailable


class Make(Protocol):
    """Makes a group commit."""

    def __call__(self, store: Store, writers: int = 1, max_items: int = 256) -> GroupCommit[str]:
        """One over this store."""


@pytest.fixture
def make(clock: ManualClock) -> Make:
    """Makes the group commit under test."""

    def made(store: Store, writers: int = 1, max_items: int = 256) -> GroupCommit[str]:
        return GroupCommit(store.commit, clock, writers=MemoryWriters(writers), max_items=max_items)

    return made


def started(group: GroupCommit[str], *items: tuple[str, str]) -> list[asyncio.Task[None]]:
    """Callers with a key and an item each, in this order."""
    return [asyncio.create_task(group.run(key, item)) for key, item in items]


async def until_waiting(group: GroupCommit[str], count: int) -> None:
    """Let all callers come to where they wait; so many of them wait for their turn."""
    for _ in range(3):  # a task begins, and goes on after what it has begun
        await asyncio.sleep(0)
    assert count == group._waiting


async def test_item_is_committed_in_place_when_a_writer_is_free(
    make: Make, quick_store: Store
) -> None:
    """Nothing else has run meanwhile, and nothing is kept."""
    group, others = make(quick_store), list[str]()
    asyncio.get_running_loop().call_soon(others.append, "another")

    await group.run("key", "item")

    assert [["item"]] == quick_store.commits
    assert [] == others
    assert (0, 0, 0) == (len(group._queues), group._waiting, len(group._batches))


async def test_items_share_a_commit_when_they_came_during_the_one_before(
    make: Make, store: Store
) -> None:
    """The first did not wait for them; of one key they keep their order."""
    group = make(store)
    callers = started(group, ("a", "1"), ("a", "2"), ("b", "3"), ("a", "4"))
    await store.began.wait()

    store.may_end.set()
    await asyncio.gather(*callers)

    assert [["1"], ["3", "2", "4"]] == store.commits


async def test_batch_does_not_run_in_the_context_of_the_batch_before(
    make: Make, store: Store
) -> None:
    """A batch that starts in place has its caller's context; one that waited has an empty one."""
    group = make(store)

    async def run_as(caller: str) -> None:
        CALLER.set(caller)
        await group.run("a", caller)

    callers = [asyncio.create_task(run_as(caller)) for caller in ("alice", "bob")]
    await store.began.wait()
    await until_waiting(group, 1)
    store.may_end.set()
    await asyncio.gather(*callers)

    assert ["alice", "nobody"] == store.callers


async def test_keys_do_not_wait_for_each_other_when_writers_are_free(
    make: Make, store: Store
) -> None:
    """But a key waits for its own batch, even then."""
    group = make(store, writers=3)

    callers = started(group, ("a", "1"), ("b", "2"), ("a", "3"))
    await store.began.wait()
    at_work = list(store.commits)
    store.may_end.set()
    await asyncio.gather(*callers)

    assert [["1"], ["2"]] == at_work
    assert [["1"], ["2"], ["3"]] == store.commits


async def test_commit_is_bounded_when_many_wait(make: Make, store: Store) -> None:
    """What is left of a key stays in its order."""
    group = make(store, max_items=2)
    callers = started(group, *(("a", str(number)) for number in range(6)))
    await store.began.wait()

    store.may_end.set()
    await asyncio.gather(*callers)

    assert [["0"], ["1", "2"], ["3", "4"], ["5"]] == store.commits


async def test_refusal_reaches_its_own_caller_when_others_are_stored(
    make: Make, store: Store
) -> None:
    """The neighbours in a commit do not hear of it."""
    group = make(store)
    callers = started(group, ("a", "1"), ("a", REFUSED), ("a", "3"))
    await store.began.wait()

    store.may_end.set()
    outcomes = await asyncio.gather(*callers, return_exceptions=True)

    assert [type(None), NotAMember, type(None)] == [type(outcome) for outcome in outcomes]


@pytest.mark.parametrize("failure", [Unavailable(), Unconfirmed(), RuntimeError("a bug")])
async def test_failure_reaches_every_caller_when_the_commit_fails(
    make: Make, store: Store, failure: Exception
) -> None:
    """And the next commit is tried like any other."""
    group = make(store)
    store.failure = failure
    first = started(group, ("a", "1"))
    await store.began.wait()
    others = started(group, ("a", "2"), ("b", "3"))
    store.may_end.set()

    outcomes = await asyncio.gather(*first, *others, return_exceptions=True)
    store.failure = None
    await group.run("a", "4")

    assert [type(failure)] * 3 == [type(outcome) for outcome in outcomes]
    assert ["4"] == store.commits[-1]


async def test_others_are_stored_in_their_order_when_one_of_a_batch_is_rejected(
    make: Make, store: Store
) -> None:
    """It is found by halving."""
    group = make(store)
    first = started(group, ("b", "first"))
    await store.began.wait()
    batch = [("a", "1"), ("a", "2"), ("a", REJECTED), ("a", "4")]
    others = started(group, *batch)
    await until_waiting(group, 4)

    store.may_end.set()
    outcomes = await asyncio.gather(*first, *others, return_exceptions=True)

    assert [None, None, None, StorageRejected, None] == [each and type(each) for each in outcomes]
    assert [["1", "2", REJECTED, "4"], ["1", "2"], [REJECTED, "4"], [REJECTED], ["4"]] == (
        store.commits[1:]
    )


async def test_item_is_committed_when_its_caller_is_cancelled(make: Make, store: Store) -> None:
    """Whether it was at work or waited; `drain` waits for both."""
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
    """It may be tried again; of the one at work nobody knows whether it will be stored."""
    group = make(store)
    callers = started(group, ("a", "1"), ("a", "2"))
    patient = asyncio.create_task(group.run("a", "3", patient=True))
    await until_waiting(group, 2)

    clock.advance(WAIT_SECONDS)
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    store.may_end.set()
    await patient

    assert [Unconfirmed, Unavailable] == [type(outcome) for outcome in outcomes]
    assert [["1"], ["3"]] == store.commits
    assert (0, 0) == (len(group._queues), group._waiting)


async def test_items_are_refused_when_too_many_wait(make: Make, store: Store) -> None:
    """The queue is bounded; what is refused was not begun."""
    group = make(store)
    callers = started(group, *(("a", str(number)) for number in range(MAX_PENDING + 1)))
    await until_waiting(group, MAX_PENDING)

    with pytest.raises(Unavailable):
        await group.run("b", "one more")

    store.may_end.set()
    await asyncio.gather(*callers)


async def test_nobody_waits_when_the_storage_does_not_answer(
    store: Store, clock: ManualClock
) -> None:
    """Not behind somebody who waits in vain; but what has to be done is begun all the same."""
    writers = SilentWriters(1)
    group = GroupCommit(store.commit, clock, writers=writers)
    first = started(group, ("a", "1"))
    await store.began.wait()
    writers.are_silent = True

    with pytest.raises(Unavailable):
        await group.run("a", "2")
    patient = asyncio.create_task(group.run("a", "3", patient=True))
    await until_waiting(group, 1)
    store.may_end.set()
    await asyncio.gather(*first, patient)

    assert [["1"], ["3"]] == store.commits


async def test_drain_cancels_what_is_late_when_its_time_is_over(make: Make, store: Store) -> None:
    """A shutdown ends, whatever the storage does, and says what is not known."""
    group = make(store)
    callers = started(group, ("a", "1"))
    await store.began.wait()

    await group.drain(0)
    outcomes = await asyncio.gather(*callers, return_exceptions=True)

    assert [Unconfirmed] == [type(outcome) for outcome in outcomes]


async def test_failure_is_logged_by_its_name_when_its_caller_is_cancelled_at_that_moment(
    make: Make, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """It has no other reader left, and its text may hold what people wrote."""
    group = make(store)
    store.failure = RuntimeError("what was written")
    (caller,) = started(group, ("a", "1"))
    await store.began.wait()

    caller.cancel()
    store.may_end.set()
    await asyncio.wait([caller])
    await group.drain(5)
    gc.collect()

    expected = (LOGGER, logging.WARNING, "a work failed after its caller had gone: RuntimeError")
    assert [expected] == caplog.record_tuples


async def test_commit_is_bounded_by_weight_when_items_are_much_work(
    clock: ManualClock, store: Store
) -> None:
    """One that is too heavy by itself goes alone, and nothing loses its place."""
    group = GroupCommit(store.commit, clock, writers=MemoryWriters(1), weigh=int)
    half, whole, more = str(MAX_WEIGHT // 2), str(MAX_WEIGHT), str(MAX_WEIGHT * 2)
    callers = started(
        group, ("a", "1"), ("a", half), ("a", half), ("b", whole), ("a", half), ("c", more)
    )
    await store.began.wait()

    store.may_end.set()
    await asyncio.gather(*callers)

    assert [["1"], [whole], [more], [half, half], [half]] == store.commits


async def test_commit_is_bounded_by_another_weight_when_that_is_given(
    clock: ManualClock, store: Store
) -> None:
    """As for lists, of which each is many items."""
    writers = MemoryWriters(1)
    group = GroupCommit(store.commit, clock, writers=writers, weigh=int, max_weight=5)
    callers = started(group, ("a", "1"), ("b", "2"), ("c", "3"), ("d", "1"), ("e", "9"))
    await store.began.wait()

    store.may_end.set()
    await asyncio.gather(*callers)

    assert [["1"], ["2", "3"], ["1"], ["9"]] == store.commits


async def test_what_waits_is_given_up_when_the_time_to_drain_is_over(
    make: Make, store: Store
) -> None:
    """It was not begun, and is not begun any more."""
    group = make(store)
    callers = started(group, ("a", "1"), ("a", "2"), ("b", "3"))
    await store.began.wait()
    await until_waiting(group, 2)

    await group.drain(0)
    outcomes = await asyncio.gather(*callers, return_exceptions=True)

    assert [Unconfirmed, Unavailable, Unavailable] == [type(outcome) for outcome in outcomes]
    assert [["1"]] == store.commits
