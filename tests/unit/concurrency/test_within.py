"""Tests `within` (app/concurrency/eager.py)."""

import asyncio
from collections.abc import Callable

import pytest

from app.concurrency.eager import EagerTasks, within
from tests.unit.concurrency.starting import SECONDS, current_task, kept_task


class LateError(Exception):
    """The exception that `within` raises when the timeout expires."""


async def test_result_is_given_when_it_comes_within_the_time() -> None:
    assert 1 == await within(SECONDS, asyncio.sleep(0, 1), LateError)
    assert await within(SECONDS, kept_task(), LateError) is current_task()


async def test_error_is_the_coroutines_when_it_fails_within_the_time(tasks: EagerTasks) -> None:
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
    """The coroutine is cancelled. Each timeout raises its own exception."""
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
    future = tasks.start(within(SECONDS, asyncio.Event().wait(), LateError))

    future.cancel()
    await asyncio.wait([future])

    assert future.cancelled()
