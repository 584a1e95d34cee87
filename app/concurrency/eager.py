"""Coroutines that run at once, up to their first wait; most of them never wait.

A task costs about 10 µs before its first line runs. Python 3.12 has eager tasks for this; here is
the same for 3.11 on, and for less, by what asyncio documents for task implementations:
``asyncio._enter_task`` and ``asyncio._leave_task``.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from types import coroutine
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")

_current_task = asyncio.current_task
_enter_task = asyncio.tasks._enter_task  # noqa: SLF001 - see above
_leave_task = asyncio.tasks._leave_task  # noqa: SLF001 - likewise


class EagerTasks:
    """Starts coroutines on the running event loop, in place.

    Such a coroutine cannot tell the difference from a task: it has a `current_task`, which
    timeouts may cancel, and a context of its own. The task was made before, and if the coroutine
    ends without waiting, serves the next one: so it is not to be kept beyond the coroutine's end.

    It belongs to the event loop that runs when the first coroutine starts.

    Args:
        context: What each coroutine gets a copy of; the caller's context, if none is given.
    """

    def __init__(self, context: Context | None = None) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._context = context
        self._nobodys = Context()
        """What the tasks themselves run in, so that a spare holds nothing of whoever made it."""
        self._spares: list[_Carrier] = []
        """One, at most: the others that were needed at once are given up."""
        self.nothing: asyncio.Future[Any]
        """The future of all that ended at once, without a result. The first `start` sets it."""

    def start(self, work: Coroutine[Any, Any, T]) -> "asyncio.Future[T]":
        """Run ``work`` up to its first wait. The future is done if that was its end.

        If not, it is a task: the caller keeps it, and may cancel it. What ``work`` raises is the
        future's, `KeyboardInterrupt` and `SystemExit` excepted.
        """
        loop, spares = self._loop or self._bind(), self._spares
        carrier = spares.pop() if spares else None
        if carrier is None or carrier.given.done() or carrier.task.cancelling():
            carrier = _Carrier(loop, self._nobodys)
        context = copy_context() if self._context is None else self._context.copy()
        outer = _current_task(loop)
        if outer is not None:
            _leave_task(loop, outer)
        _enter_task(loop, carrier.task)
        try:
            awaited = context.run(work.send, None)
        except StopIteration as end:
            outcome = self.nothing if end.value is None else _ended(loop, end.value)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - it is the caller's, by the future
            outcome = _failed(loop, error)
        else:
            carrier.carry(work, context, awaited)
            return carrier.task
        finally:
            _leave_task(loop, carrier.task)
            if outer is not None:
                _enter_task(loop, outer)
        if not spares:
            spares.append(carrier)
        else:  # what was started within has left one
            carrier.task.cancel()
        return outcome

    def close(self) -> None:
        """Give up the task kept ready; what was started goes on."""
        while self._spares:
            self._spares.pop().task.cancel()

    def _bind(self) -> asyncio.AbstractEventLoop:
        self._loop = asyncio.get_running_loop()
        self.nothing = self._loop.create_future()
        self.nothing.set_result(None)
        return self._loop


def _ended(loop: asyncio.AbstractEventLoop, result: T) -> "asyncio.Future[T]":
    future: asyncio.Future[T] = loop.create_future()
    future.set_result(result)
    return future


def _failed(loop: asyncio.AbstractEventLoop, error: BaseException) -> "asyncio.Future[Any]":
    future: asyncio.Future[Any] = loop.create_future()
    if isinstance(error, asyncio.CancelledError):
        future.cancel()
    else:
        future.set_exception(error)
    return future


class _Carrier(Coroutine[Any, Any, Any]):
    """What a task made ready runs: nothing, until it is given a coroutine that has begun."""

    def __init__(self, loop: asyncio.AbstractEventLoop, context: Context) -> None:
        self.given: asyncio.Future[None] = loop.create_future()
        """Done when the task has its work, or was cancelled before it had any."""
        self._work: Coroutine[Any, Any, Any] | None = None
        self._context = context
        self._awaited: Any = None
        self._has_awaited = False
        self.task: asyncio.Task[Any] = loop.create_task(self, context=context)

    def carry(self, work: Coroutine[Any, Any, Any], context: Context, awaited: Any) -> None:
        """Go on with ``work``, which waits for ``awaited``, in its context."""
        self._work, self._context = work, context
        self._awaited, self._has_awaited = awaited, True
        _mark_awaited(awaited, by_task=False)  # or nobody else could await it until the task does
        if not self.given.done():  # or ``work`` has cancelled itself, which is about to arrive
            self.given.set_result(None)

    def send(self, value: Any) -> Any:
        """Called by the task: first what to wait for, then step by step."""
        if self._has_awaited:
            return self._take_awaited()
        if self._work is None:
            return next(self.given.__await__())
        return self._context.run(self._work.send, value)

    def throw(self, error: Any, *_: Any) -> Any:
        """Called by the task: what it was cancelled with, or what it waited for has raised."""
        if self._work is None:
            self.given.cancel()
            raise error
        if self._has_awaited:  # cancelled before it could wait, which a task hands on as well
            awaited = self._take_awaited()
            if asyncio.isfuture(awaited) and awaited.cancel(*error.args):
                return awaited
        return self._context.run(self._work.throw, error)

    def _take_awaited(self) -> Any:
        awaited, self._awaited, self._has_awaited = self._awaited, None, False
        _mark_awaited(awaited, by_task=True)
        return awaited

    def close(self) -> None:
        """Called when the task is dropped."""
        if self._work is not None:
            self._work.close()

    def __await__(self) -> Generator[Any, Any, NoReturn]:
        raise TypeError("a carrier is for its task only")


def _mark_awaited(awaited: Any, *, by_task: bool) -> None:
    """Set what ``await`` tells the task by, and the task takes back."""
    if asyncio.isfuture(awaited):
        awaited._asyncio_future_blocking = by_task  # noqa: SLF001 - asyncio's own protocol for this


async def within(seconds: float, work: Coroutine[Any, Any, T], late: Callable[[], Exception]) -> T:
    """What ``work`` gives, in time. The clock starts when it first waits; most never do.

    Raises:
        Exception: What ``late`` makes, when it took longer and was cancelled, whatever it raised
            then. One that was made before would keep the traceback of every time it was raised.
    """
    try:
        awaited = work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    deadline = asyncio.timeout(seconds)
    try:
        async with deadline:
            return await _rest(work, awaited)
    except Exception:  # whatever the cancellation was turned into on its way
        if deadline.expired():
            raise late() from None
        raise


@coroutine
def _rest(work: Coroutine[Any, Any, T], awaited: Any) -> Generator[Any, Any, T]:
    """A coroutine that has begun and waits for ``awaited``."""
    try:
        while True:
            try:
                value = yield awaited
            except BaseException as error:  # noqa: BLE001 - it is the coroutine's
                awaited = work.throw(error)
            else:
                awaited = work.send(value)
    except StopIteration as end:
        result: T = end.value
        return result
