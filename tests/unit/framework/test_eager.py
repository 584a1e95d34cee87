import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar, copy_context
from typing import Any

import pytest
import pytest_asyncio

from app.framework.eager import EagerTasks, within

WHO: ContextVar[str] = ContextVar("WHO", default="nobody")

SECONDS = 5.0
"""Longer than any of this takes."""


class LateError(Exception):
    """What `within` is told to raise."""


class Payload:
    """Something that could leak."""


@pytest_asyncio.fixture
async def tasks() -> AsyncIterator[EagerTasks]:
    """Whose coroutines start in the caller's context."""
    tasks = EagerTasks()
    yield tasks
    tasks.close()


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


async def test_result_is_there_at_once_when_nothing_is_waited_for(tasks: EagerTasks) -> None:
    """The future is done when `start` returns."""

    async def work() -> str:
        return "result"

    future = tasks.start(work())

    assert future.done()
    assert "result" == future.result()


async def test_one_future_serves_all_when_they_give_nothing(tasks: EagerTasks) -> None:
    """Most end so, and pay for no future of their own."""
    assert tasks.nothing is tasks.start(nothing()) is tasks.start(nothing())


@pytest.mark.parametrize("waits", [0, 1, 3])
async def test_result_is_the_coroutines_when_it_waits(tasks: EagerTasks, waits: int) -> None:
    """However often."""

    async def work() -> int:
        for _ in range(waits):
            await asyncio.sleep(0)
        return waits

    assert waits == await tasks.start(work())


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("error", [ValueError("broken"), SystemError(), asyncio.CancelledError()])
async def test_error_is_the_futures_when_the_coroutine_raises(
    tasks: EagerTasks, error: BaseException, *, waits: bool
) -> None:
    """In place and later; the starter itself never raises it."""

    async def work() -> None:
        if waits:
            await asyncio.sleep(0)
        raise error

    future = tasks.start(work())

    with pytest.raises(type(error)):
        await future
    assert isinstance(error, asyncio.CancelledError) == future.cancelled()


async def test_value_is_given_as_it_is_when_it_is_a_stop_iteration(tasks: EagerTasks) -> None:
    """The end of a coroutine is one, too, and the two are not to be confused."""
    value = StopIteration("mine")

    async def work() -> StopIteration:
        return value

    assert value is await tasks.start(work())


async def test_coroutine_raises_runtime_error_when_it_lets_a_stop_iteration_out(
    tasks: EagerTasks,
) -> None:
    """As any coroutine does (PEP 479)."""

    async def work() -> None:
        raise StopIteration

    with pytest.raises(RuntimeError):
        await tasks.start(work())


async def test_error_of_what_is_waited_for_arrives_when_it_fails(tasks: EagerTasks) -> None:
    """Inside, where it can be caught."""
    waited: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def work() -> str:
        try:
            await waited
        except ValueError as error:
            return str(error)
        return "no error"

    future = tasks.start(work())
    waited.set_exception(ValueError("inner"))

    assert "inner" == await future


async def test_current_task_is_the_same_when_before_and_after_a_wait(tasks: EagerTasks) -> None:
    """And it is the future that `start` gives."""

    async def work() -> bool:
        before = current_task()
        await asyncio.sleep(0)
        return before is current_task()

    future = tasks.start(work())

    assert future in asyncio.all_tasks()
    assert await future


@pytest.mark.parametrize("outcome", ["ends", "waits", "raises"])
async def test_current_task_is_the_callers_when_start_returns(
    tasks: EagerTasks, outcome: str
) -> None:
    """Whatever became of the coroutine."""
    caller = current_task()

    async def work() -> None:
        assert caller is not current_task()
        if outcome == "waits":
            await asyncio.sleep(0)
        if outcome == "raises":
            raise ValueError

    future = tasks.start(work())

    assert caller is current_task()
    await asyncio.wait([future])
    assert ("raises" == outcome) == (future.exception() is not None)


async def test_there_is_no_current_task_when_a_callback_has_started_one(tasks: EagerTasks) -> None:
    """The transport's calls come from the loop itself."""
    loop = asyncio.get_running_loop()
    seen: asyncio.Future[Any] = loop.create_future()

    def callback() -> None:
        tasks.start(nothing())
        seen.set_result(asyncio.current_task())

    loop.call_soon(callback)

    assert await seen is None


async def test_both_go_on_when_one_is_started_within_another(tasks: EagerTasks) -> None:
    """Each has a task of its own."""

    async def inner() -> asyncio.Task[Any]:
        await asyncio.sleep(0)
        return current_task()

    async def outer() -> tuple[asyncio.Task[Any], asyncio.Task[Any], asyncio.Task[Any]]:
        before = current_task()
        started = tasks.start(inner())
        after = current_task()
        return before, after, await started

    before, after, inside = await tasks.start(outer())

    assert before is after
    assert before is not inside


@pytest.mark.parametrize("is_spare_new", [True, False])
async def test_timeout_hits_the_coroutine_alone_when_it_began_in_place(
    tasks: EagerTasks, *, is_spare_new: bool
) -> None:
    """Not its caller."""
    if not is_spare_new:
        await spare_is_waiting(tasks)

    async def work() -> str:
        try:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        except TimeoutError:
            return "late"
        return "in time"

    future = tasks.start(work())

    assert "late" == await future
    assert 0 == current_task().cancelling()


async def test_task_group_cancels_its_tasks_when_one_fails(tasks: EagerTasks) -> None:
    """The group cancels its parent, which is the coroutine's task."""
    ended: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("endless")

    async def fail() -> None:
        raise ValueError

    async def work() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(endless())
            group.create_task(fail())
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup):
        await tasks.start(work())

    assert ["endless"] == ended


@pytest.mark.parametrize("is_spare_new", [True, False])
@pytest.mark.parametrize("steps", [0, 1, 2, 3])
async def test_cancellation_arrives_inside_when_a_task_is_cancelled(
    tasks: EagerTasks, steps: int, *, is_spare_new: bool
) -> None:
    """Before the task's first step as after it; what it waits for is cancelled, as by a task."""
    if not is_spare_new:
        await spare_is_waiting(tasks)
    waited: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    seen: list[str] = []

    async def work() -> None:
        try:
            await waited
        except asyncio.CancelledError as error:
            seen.append(str(error))
            raise

    future = tasks.start(work())
    for _ in range(steps):
        await asyncio.sleep(0)
    future.cancel("enough")
    await asyncio.wait([future])

    assert ["enough"] == seen
    assert future.cancelled()
    assert waited.cancelled()


async def test_cancellation_arrives_inside_when_what_is_waited_for_has_ended(
    tasks: EagerTasks,
) -> None:
    """It can no longer be cancelled, the coroutine can."""
    waited: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        await waited

    future = tasks.start(work())
    waited.set_result(None)
    future.cancel()
    await asyncio.wait([future])

    assert future.cancelled()


async def test_coroutine_goes_on_when_it_catches_its_cancellation(tasks: EagerTasks) -> None:
    """As in a task."""

    async def work() -> str:
        try:
            await asyncio.sleep(SECONDS)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
        return "went on"

    future = tasks.start(work())
    future.cancel()

    assert "went on" == await future


@pytest.mark.parametrize("is_spare_new", [True, False])
async def test_cancellation_arrives_at_the_next_wait_when_a_coroutine_cancels_itself(
    tasks: EagerTasks, *, is_spare_new: bool
) -> None:
    """While it is still in place, where the task does not yet run it."""
    if not is_spare_new:
        await spare_is_waiting(tasks)
    waited: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        current_task().cancel()
        await waited

    future = tasks.start(work())
    await asyncio.wait([future])

    assert future.cancelled()
    assert waited.cancelled()


@pytest.mark.parametrize("take_back", [False, True])
@pytest.mark.parametrize("is_spare_new", [True, False])
async def test_next_coroutine_is_not_cancelled_when_the_one_before_cancelled_itself(
    tasks: EagerTasks, *, is_spare_new: bool, take_back: bool
) -> None:
    """Nor when it took that back: the task is not used again."""
    if not is_spare_new:
        await spare_is_waiting(tasks)

    async def work() -> None:
        current_task().cancel()
        if take_back:
            current_task().uncancel()

    async def follower() -> str:
        await asyncio.sleep(0)
        return "went on"

    tasks.start(work())
    await asyncio.sleep(0)

    assert "went on" == await tasks.start(follower())


async def test_next_coroutine_is_not_cancelled_when_somebody_cancels_the_task_kept_ready(
    tasks: EagerTasks,
) -> None:
    """Who has kept a task beyond its coroutine's end reaches nobody."""

    async def follower() -> str:
        await asyncio.sleep(0)
        return "went on"

    kept = await tasks.start(kept_task())
    kept.cancel()

    assert "went on" == await tasks.start(follower())


@pytest.mark.parametrize("is_first_a_task", [False, True])
async def test_all_go_on_when_they_wait_for_the_same_future(
    tasks: EagerTasks, *, is_first_a_task: bool
) -> None:
    """In one tick: a future notes that it was awaited, which is for one waiter only."""
    loop = asyncio.get_running_loop()
    shared: asyncio.Future[str] = loop.create_future()

    async def work() -> str:
        return await shared

    waiting: list[Awaitable[str]] = [tasks.start(work())]
    waiting.append(loop.create_task(work()) if is_first_a_task else tasks.start(work()))
    waiting.append(tasks.start(work()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    shared.set_result("shared")

    assert ["shared"] * 3 == await asyncio.gather(*waiting)


async def test_context_is_a_copy_when_a_coroutine_starts(tasks: EagerTasks) -> None:
    """What it sets stays inside, across its waits."""
    WHO.set("caller")

    async def work() -> list[str]:
        seen = [WHO.get()]
        WHO.set("work")
        await asyncio.sleep(0)
        return [*seen, WHO.get()]

    future = tasks.start(work())

    assert "caller" == WHO.get()
    assert ["caller", "work"] == await future
    assert "caller" == WHO.get()


async def test_context_is_the_given_one_when_there_is_one() -> None:
    """Not that of whoever starts the coroutine."""
    tasks = EagerTasks(copy_context())
    WHO.set("caller")

    async def work() -> str:
        return WHO.get()

    assert "nobody" == await tasks.start(work())
    tasks.close()


async def test_spare_is_used_again_when_a_coroutine_ended_in_place(tasks: EagerTasks) -> None:
    """So that the next one needs no task."""
    assert await tasks.start(kept_task()) is await tasks.start(kept_task())


async def test_spare_holds_nothing_when_a_coroutine_has_ended(tasks: EagerTasks) -> None:
    """Neither its context nor its caller's."""
    holder: ContextVar[Payload] = ContextVar("holder")

    async def work() -> "weakref.ref[Payload]":
        holder.set(Payload())

        async def nested() -> None:
            """Leaves the spare that was made in this context."""

        tasks.start(nested())
        return weakref.ref(holder.get())

    payload = tasks.start(work()).result()
    gc.collect()

    assert payload() is None


async def test_one_task_is_kept_when_many_were_needed_at_once(tasks: EagerTasks) -> None:
    """The others are given up."""

    async def nested(depth: int) -> None:
        if depth:
            tasks.start(nested(depth - 1))

    tasks.start(nested(5))
    for _ in range(3):
        await asyncio.sleep(0)

    assert 1 == len(asyncio.all_tasks() - {current_task()})


async def test_no_task_is_left_when_closed(tasks: EagerTasks) -> None:
    """What was started goes on."""
    going_on = tasks.start(asyncio.sleep(0, "result"))
    tasks.start(nothing())
    tasks.close()

    assert "result" == await going_on
    assert {current_task()} == asyncio.all_tasks()


async def test_coroutine_is_closed_when_its_task_is_dropped(tasks: EagerTasks) -> None:
    """Its ``finally`` runs, as for any coroutine nobody goes on with."""
    closed: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            closed.append("closed")

    tasks.start(work()).cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert ["closed"] == closed


async def test_result_is_given_when_it_comes_within_the_time() -> None:
    """In place or after a wait."""
    assert 1 == await within(SECONDS, asyncio.sleep(0, 1), LateError)
    assert await within(SECONDS, kept_task(), LateError) is current_task()


async def test_error_is_the_coroutines_when_it_fails_within_the_time(tasks: EagerTasks) -> None:
    """Before its first wait and after it; begun in place or not."""

    async def work(waits: int) -> None:
        for _ in range(waits):
            await asyncio.sleep(0)
        raise ArithmeticError

    for waits in (0, 1):
        with pytest.raises(ArithmeticError):
            await within(SECONDS, work(waits), LateError)
        with pytest.raises(ArithmeticError):
            await tasks.start(within(SECONDS, work(waits), LateError))


def _raise_value_error() -> None:
    raise ValueError


@pytest.mark.parametrize("at_the_end", [lambda: None, _raise_value_error], ids=["ends", "raises"])
async def test_late_is_raised_when_it_takes_longer(
    tasks: EagerTasks, at_the_end: Callable[[], None]
) -> None:
    """After the coroutine was cancelled, whatever it raised then; each time anew."""
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("ended")
            at_the_end()

    with pytest.raises(LateError) as first:
        await tasks.start(within(0, work(), LateError))
    with pytest.raises(LateError) as second:
        await within(0, work(), LateError)

    assert ["ended", "ended"] == ended
    assert first.value is not second.value


async def test_cancellation_is_no_lateness_when_somebody_else_cancels(tasks: EagerTasks) -> None:
    """It goes through."""
    future = tasks.start(within(SECONDS, asyncio.Event().wait(), LateError))

    future.cancel()
    await asyncio.wait([future])

    assert future.cancelled()
