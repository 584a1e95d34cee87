import asyncio
import gc
import weakref
from collections.abc import Awaitable
from contextvars import ContextVar, copy_context
from typing import Any

import pytest

from app.concurrency.eager import EagerTasks
from tests.unit.concurrency.starting import current_task, kept_task, nothing

WHO: ContextVar[str] = ContextVar("WHO", default="nobody")


class Payload:
    """An object whose deletion a test can observe."""


async def test_result_is_there_at_once_when_nothing_is_waited_for(tasks: EagerTasks) -> None:
    """The future is already done when `start` returns."""

    async def work() -> str:
        return "result"

    future = tasks.start(work())

    assert future.done()
    assert "result" == future.result()


async def test_one_future_serves_all_when_they_give_nothing(tasks: EagerTasks) -> None:
    """Coroutines that return None without waiting share one future."""
    assert tasks.start(nothing()) is tasks.start(nothing()) is tasks.completed


@pytest.mark.parametrize("waits", [0, 1, 3])
async def test_result_is_the_coroutines_when_it_waits(tasks: EagerTasks, waits: int) -> None:
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
    """`start` itself never raises the coroutine's error."""

    async def work() -> None:
        if waits:
            await asyncio.sleep(0)
        raise error

    future = tasks.start(work())

    with pytest.raises(type(error)):
        await future
    assert isinstance(error, asyncio.CancelledError) == future.cancelled()


async def test_value_is_given_as_it_is_when_it_is_a_stop_iteration(tasks: EagerTasks) -> None:
    """A returned StopIteration is not taken for the end of the coroutine."""
    value = StopIteration("mine")

    async def work() -> StopIteration:
        return value

    assert value is await tasks.start(work())


async def test_coroutine_raises_runtime_error_when_it_lets_a_stop_iteration_out(
    tasks: EagerTasks,
) -> None:
    """As in any coroutine, a raised StopIteration becomes a RuntimeError (PEP 479)."""

    async def work() -> None:
        raise StopIteration

    with pytest.raises(RuntimeError):
        await tasks.start(work())


async def test_error_of_what_is_waited_for_arrives_when_it_fails(tasks: EagerTasks) -> None:
    """The coroutine can catch the error of an awaited future."""
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
    """The current task is the future that `start` returns."""

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
    """The transport starts coroutines in callbacks of the event loop, outside any task."""
    loop = asyncio.get_running_loop()
    seen: asyncio.Future[Any] = loop.create_future()

    def callback() -> None:
        tasks.start(nothing())
        seen.set_result(asyncio.current_task())

    loop.call_soon(callback)

    assert await seen is None


async def test_both_go_on_when_one_is_started_within_another(tasks: EagerTasks) -> None:
    """A coroutine and the coroutine that it starts run in different tasks."""

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


@pytest.mark.parametrize("is_first_a_task", [False, True])
async def test_all_go_on_when_they_wait_for_the_same_future(
    tasks: EagerTasks, *, is_first_a_task: bool
) -> None:
    """Several eager coroutines can await the same future in the same tick."""
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
    """Changes that the coroutine makes to context variables stay invisible to its caller."""
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
    tasks = EagerTasks(copy_context())
    WHO.set("caller")

    async def work() -> str:
        return WHO.get()

    assert "nobody" == await tasks.start(work())
    tasks.close()


async def test_spare_is_used_again_when_a_coroutine_ended_in_place(tasks: EagerTasks) -> None:
    assert await tasks.start(kept_task()) is await tasks.start(kept_task())


async def test_spare_holds_nothing_when_a_coroutine_has_ended(tasks: EagerTasks) -> None:
    """The spare task does not keep the contexts of the coroutine and of its caller alive."""
    holder: ContextVar[Payload] = ContextVar("holder")

    async def work() -> "weakref.ref[Payload]":
        holder.set(Payload())

        async def nested() -> None:
            """Make `tasks` create a spare task while the caller's context is active."""

        tasks.start(nested())
        return weakref.ref(holder.get())

    payload = tasks.start(work()).result()
    gc.collect()

    assert payload() is None


@pytest.mark.parametrize("is_spare", [False, True])
async def test_task_is_freed_without_garbage_collection_when_it_has_waited(
    tasks: EagerTasks, *, is_spare: bool
) -> None:
    """A task and its carrier are in no reference cycle, also if the task was waiting before."""
    is_done = asyncio.get_running_loop().create_future()
    if is_spare:
        tasks.start(nothing())
        await asyncio.sleep(0)  # the spare task begins to wait

    async def work() -> None:
        await is_done

    gc.disable()
    try:
        task = tasks.start(work())
        freed = weakref.ref(task)
        is_done.set_result(None)
        await asyncio.wait([task])
        del task

        assert freed() is None
    finally:
        gc.enable()


async def test_one_task_is_kept_when_many_were_needed_at_once(tasks: EagerTasks) -> None:
    async def nested(depth: int) -> None:
        if depth:
            tasks.start(nested(depth - 1))

    tasks.start(nested(5))
    for _ in range(3):
        await asyncio.sleep(0)

    assert 1 == len(asyncio.all_tasks() - {current_task()})


async def test_no_task_is_left_when_closed(tasks: EagerTasks) -> None:
    """Coroutines that started before the close still run to their end."""
    going_on = tasks.start(asyncio.sleep(0, "result"))
    tasks.start(nothing())
    tasks.close()

    assert "result" == await going_on
    assert {current_task()} == asyncio.all_tasks()
