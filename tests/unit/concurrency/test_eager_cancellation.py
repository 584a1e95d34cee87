"""Tests the cancellation of eager tasks (app/concurrency/eager.py)."""

import asyncio

import pytest

from app.concurrency.eager import EagerTasks
from tests.unit.concurrency.starting import SECONDS, current_task, kept_task, spare_is_waiting


@pytest.mark.parametrize("is_spare_new", [True, False])
async def test_timeout_hits_the_coroutine_alone_when_it_began_in_place(
    tasks: EagerTasks, *, is_spare_new: bool
) -> None:
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
    """The task group cancels its parent task, which is the coroutine's own task."""
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
    waited: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        await waited

    future = tasks.start(work())
    waited.set_result(None)
    future.cancel()
    await asyncio.wait([future])

    assert future.cancelled()


async def test_coroutine_goes_on_when_it_catches_its_cancellation(tasks: EagerTasks) -> None:
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
    """A coroutine can cancel itself before its first await, while its task is not running yet."""
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
    """A cancelled task is not used for another coroutine, even if `uncancel` was called."""
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
    """Cancelling the spare task does not cancel the next coroutine."""

    async def follower() -> str:
        await asyncio.sleep(0)
        return "went on"

    kept = await tasks.start(kept_task())
    kept.cancel()

    assert "went on" == await tasks.start(follower())


async def test_coroutine_is_closed_when_its_task_is_dropped(tasks: EagerTasks) -> None:
    """The ``finally`` block of the coroutine runs."""
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
