"""Coroutines that start at once and run in place up to their first wait; most never wait.

A task costs about 10 us before its first line runs. Python 3.12 has eager tasks for this. This
module does the same from Python 3.11 on, and faster, with two functions that asyncio documents for
task implementations: ``asyncio._enter_task`` and ``asyncio._leave_task``.
"""

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")

_current_task = asyncio.current_task
_enter_task = asyncio.tasks._enter_task  # noqa: SLF001 - see the module docstring
_leave_task = asyncio.tasks._leave_task  # noqa: SLF001 - see the module docstring


class EagerTasks:
    """Starts coroutines on the running event loop, in place.

    Such a coroutine runs as in a task: `asyncio.current_task` returns one, which timeouts may
    cancel, and it has a context of its own. The task is made beforehand. If the coroutine ends
    without waiting, the task serves the next coroutine, so nobody may keep it beyond the
    coroutine's end.

    It belongs to the event loop that runs when the first coroutine starts.

    Args:
        context: Each coroutine gets a copy of this context; by default of the caller's.

    Attributes:
        completed: The future that `start` returns for each coroutine that ended without waiting and
            without a result. The first call of `start` sets it.
    """

    completed: asyncio.Future[Any]

    def __init__(self, context: Context | None = None) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._context = context
        self._task_context = Context()
        """The tasks' own context: empty, so that a spare task holds nothing of its creator."""
        self._spares: list[_Carrier] = []
        """Unused tasks: one at most. If several were needed at once, the others are cancelled."""

    def start(self, coroutine: Coroutine[Any, Any, T]) -> "asyncio.Future[T]":
        """Run a coroutine up to its first wait. If it ended without one, the future is done.

        Otherwise the future is a task, which the caller keeps and may cancel. The future also gets
        the coroutine's exception, except for `KeyboardInterrupt` and `SystemExit`.
        """
        loop, spares = self._loop or self._bind_loop(), self._spares
        carrier = spares.pop() if spares else None
        if carrier is None or carrier.given.done() or carrier.task.cancelling():
            carrier = _Carrier(loop, self._task_context)
        context = copy_context() if self._context is None else self._context.copy()
        outer = _current_task(loop)
        if outer is not None:
            _leave_task(loop, outer)
        _enter_task(loop, carrier.task)
        try:
            awaited = context.run(coroutine.send, None)
        except StopIteration as end:
            future = self.completed if end.value is None else _with_result(loop, end.value)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - the future passes it to the caller
            future = _with_error(loop, error)
        else:
            carrier.carry(coroutine, context, awaited)
            return carrier.task
        finally:
            _leave_task(loop, carrier.task)
            if outer is not None:
                _enter_task(loop, outer)
        if not spares:
            spares.append(carrier)
        else:  # a coroutine started by this one has left a spare
            carrier.task.cancel()
        return future

    def close(self) -> None:
        """Cancel the spare task; started coroutines go on."""
        while self._spares:
            self._spares.pop().task.cancel()

    def _bind_loop(self) -> asyncio.AbstractEventLoop:
        self._loop = asyncio.get_running_loop()
        self.completed = self._loop.create_future()
        self.completed.set_result(None)
        return self._loop


def _with_result(loop: asyncio.AbstractEventLoop, result: T) -> "asyncio.Future[T]":
    future: asyncio.Future[T] = loop.create_future()
    future.set_result(result)
    return future


def _with_error(loop: asyncio.AbstractEventLoop, error: BaseException) -> "asyncio.Future[Any]":
    future: asyncio.Future[Any] = loop.create_future()
    if isinstance(error, asyncio.CancelledError):
        future.cancel()
    else:
        future.set_exception(error)
    return future


class _Carrier(Coroutine[Any, Any, Any]):
    """The coroutine of a task made beforehand: waits until it is given one that has started."""

    def __init__(self, loop: asyncio.AbstractEventLoop, context: Context) -> None:
        self.given: asyncio.Future[None] = loop.create_future()
        """Done when the task has got its coroutine, or was cancelled before."""
        self._coroutine: Coroutine[Any, Any, Any] | None = None
        """The coroutine that the task carries on."""
        self._context = context
        """The context in which it runs."""
        self._awaited: Any = None
        """The future that the coroutine waited for when the task got it."""
        self._has_awaited = False
        """Whether the task has yet to wait for ``_awaited``."""
        self.task: asyncio.Task[Any] = loop.create_task(self, context=context)
        """The task that runs this."""

    def carry(self, coroutine: Coroutine[Any, Any, Any], context: Context, awaited: Any) -> None:
        """Carry on with a coroutine that waits for ``awaited``, in its context."""
        self._coroutine, self._context = coroutine, context
        self._awaited, self._has_awaited = awaited, True
        if asyncio.isfuture(awaited):
            # ``await`` has set the flag that the task checks. Until it does, others may await, too.
            awaited._asyncio_future_blocking = False  # noqa: SLF001 - asyncio's own protocol
        if not self.given.done():  # it is done if the coroutine has just cancelled its own task
            self.given.set_result(None)

    def send(self, value: Any) -> Any:
        """Take one step. Called by the task; the first result is the future to wait for."""
        if self._has_awaited:
            return self._take_awaited()
        if self._coroutine is None:
            return next(self.given.__await__())
        return self._context.run(self._coroutine.send, value)

    def throw(self, error: Any, *_: Any) -> Any:
        """Pass on a cancellation, or the exception of the awaited future. Called by the task."""
        if self._coroutine is None:
            self.given.cancel()
            raise error
        if self._has_awaited:  # cancelled before it could wait: like a task, cancel the future
            awaited = self._take_awaited()
            if asyncio.isfuture(awaited) and awaited.cancel(*error.args):
                return awaited
        return self._context.run(self._coroutine.throw, error)

    def _take_awaited(self) -> Any:
        awaited, self._awaited, self._has_awaited = self._awaited, None, False
        if asyncio.isfuture(awaited):
            awaited._asyncio_future_blocking = True  # noqa: SLF001 - asyncio's own protocol
        return awaited

    def close(self) -> None:
        if self._coroutine is not None:
            self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, NoReturn]:
        raise TypeError("a carrier is for its task only")


async def within(
    seconds: float, coroutine: Coroutine[Any, Any, T], late: Callable[[], Exception]
) -> T:
    """Return the coroutine's result, or cancel it after this time.

    The time starts at its first wait; most coroutines never wait, and need no timer.

    Args:
        late: Makes the timeout's exception: a new one each time, because an exception keeps the
            traceback of each time it is raised.

    Raises:
        Exception: The exception made by ``late``, if the time was over. The coroutine's own
        exception
            is dropped then.
    """
    try:
        awaited = coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    deadline = asyncio.timeout(seconds)
    try:
        async with deadline:
            return await _continue(coroutine, awaited)
    except Exception:  # the coroutine may turn the cancellation into any exception
        if deadline.expired():
            raise late() from None
        raise


@types.coroutine
def _continue(coroutine: Coroutine[Any, Any, T], awaited: Any) -> Generator[Any, Any, T]:
    try:
        while True:
            try:
                value = yield awaited
            except BaseException as error:  # noqa: BLE001 - the coroutine handles it
                awaited = coroutine.throw(error)
            else:
                awaited = coroutine.send(value)
    except StopIteration as end:
        result: T = end.value
        return result
