"""Eager tasks: run a coroutine immediately up to its first wait; most coroutines never wait.

A task costs about 10 us before its first line runs. Python 3.12 has eager tasks, which avoid this
cost. The eager tasks of this module are faster, and also run on Python 3.11. The module uses two
functions that asyncio documents for task implementations: ``asyncio._enter_task`` and
``asyncio._leave_task``.
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
    """Starts coroutines immediately instead of in the next iteration of the event loop.

    A coroutine runs as in a task: `asyncio.current_task` returns a task, timeouts can cancel it,
    and the coroutine has a separate context. The task is created in advance. If the coroutine ends
    without waiting, the next coroutine uses the same task. Therefore do not keep a reference to a
    coroutine's task after the coroutine has ended.

    An instance belongs to the event loop that is running when its first coroutine starts.

    Args:
        context: Each coroutine gets a copy of this context. The default is the caller's context.

    Attributes:
        completed: A completed future with the result None. `start` returns this future for every
            coroutine that returns None without waiting. The first call of `start` creates it.
    """

    completed: asyncio.Future[Any]

    def __init__(self, context: Context | None = None) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._context = context
        self._task_context = Context()
        """An empty context. A task that started with a copy of its creator's context would keep the
        objects in that context in memory.
        """
        self._spares: list[tuple[_Carrier, asyncio.Task[Any]]] = []
        """At most one unused task, after its carrier; further unused tasks are cancelled."""

    def start(self, coroutine: Coroutine[Any, Any, T]) -> "asyncio.Future[T]":
        """Run a coroutine up to its first wait, and return a future of its result.

        If the coroutine ended without waiting, the future is done. If not, the future is a task:
        the caller must keep a reference to the task, and may cancel it. The coroutine's exceptions
        are set on the future, except `KeyboardInterrupt` and `SystemExit`, which `start` raises.
        """
        loop, spares = self._loop or self._bind_loop(), self._spares
        spare = spares.pop() if spares else None
        if spare is None or spare[1].done() or spare[1].cancelling():
            spare = self._create_spare(loop)
        carrier, task = spare
        context = copy_context() if self._context is None else self._context.copy()
        outer = _current_task(loop)
        if outer is not None:
            _leave_task(loop, outer)
        _enter_task(loop, task)
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
            return task
        finally:
            _leave_task(loop, task)
            if outer is not None:
                _enter_task(loop, outer)
        if not spares:
            spares.append(spare)
        else:  # a nested call of `start` has stored a spare task
            task.cancel()
        return future

    def close(self) -> None:
        """Cancel the spare task; started coroutines continue."""
        while self._spares:
            _, task = self._spares.pop()
            task.cancel()

    def _create_spare(
        self, loop: asyncio.AbstractEventLoop
    ) -> "tuple[_Carrier, asyncio.Task[Any]]":
        # The carrier must not refer to its task: the reference cycle would keep the objects of
        # every waiting event in memory until the next garbage collection.
        carrier = _Carrier(loop, self._task_context)
        return carrier, loop.create_task(carrier, context=self._task_context)

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
    """The body of a task created in advance: waits for a started coroutine, then continues it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, context: Context) -> None:
        self._loop = loop
        self._given: asyncio.Future[None] | None = None
        """The future that an unused task awaits. None before the task has run."""
        self._coroutine: Coroutine[Any, Any, Any] | None = None
        """The started coroutine that the task continues."""
        self._context = context
        """The context in which the coroutine runs."""
        self._awaited: Any = None
        """The future that the coroutine was waiting for when the task received the coroutine."""
        self._has_awaited = False
        """Whether the task must still wait for ``_awaited``."""

    def carry(self, coroutine: Coroutine[Any, Any, Any], context: Context, awaited: Any) -> None:
        """Continue a started coroutine in its context. The coroutine waits for ``awaited``."""
        self._coroutine, self._context = coroutine, context
        self._awaited, self._has_awaited = awaited, True
        if asyncio.isfuture(awaited):
            # The coroutine's ``await`` has set this flag. Clear the flag until the task waits for
            # the future, so that other coroutines can await the same future.
            awaited._asyncio_future_blocking = False  # noqa: SLF001 - asyncio's own protocol
        # The future is done if the coroutine has just cancelled its own task.
        if self._given is not None and not self._given.done():
            self._given.set_result(None)

    def send(self, value: Any) -> Any:
        """Run the next step of the task. The first step after `carry` returns ``awaited``."""
        if self._has_awaited:
            return self._take_awaited()
        if self._coroutine is None:
            self._given = self._loop.create_future()
            return next(self._given.__await__())
        return self._context.run(self._coroutine.send, value)

    def throw(self, error: Any, *_: Any) -> Any:
        """Throw a cancellation, or the awaited future's exception, into the coroutine."""
        if self._coroutine is None:
            raise error
        if self._has_awaited:  # the task has not waited yet: cancel the future, as a task does
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
        raise TypeError("a carrier cannot be awaited")


async def within(
    seconds: float, coroutine: Coroutine[Any, Any, T], late: Callable[[], Exception]
) -> T:
    """Return the coroutine's result, or cancel the coroutine after ``seconds``.

    The time starts at the coroutine's first wait. A coroutine that never waits needs no timer.

    Args:
        late: Creates the exception for a timeout. Every call must return a new instance, because an
            exception collects the tracebacks of all places that raise it.

    Raises:
        Exception: The exception from ``late``, if the time is over. In this case, an exception of
            the coroutine is dropped.
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
            except BaseException as error:  # noqa: BLE001 - the coroutine receives it
                awaited = coroutine.throw(error)
            else:
                awaited = coroutine.send(value)
    except StopIteration as end:
        result: T = end.value
        return result
