"""`HandlerTasks`: runs event listeners and scheduled jobs, logs their errors, and stops them."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from inspect import isawaitable, unwrap
from typing import Any, NamedTuple

import structlog

from app.concurrency.eager import EagerTasks
from app.framework.common.awaiting import maybe_await

MAX_FRAMES = 20
"""The maximum number of stack frames in a log line; the outermost frames are dropped."""


class Outcome(NamedTuple):
    """The result of a handler that has ended, or the error that it raised."""

    result: Any = None
    error: Exception | None = None


Started = Outcome | asyncio.Future[Outcome]
"""The outcome of a started handler or, while the handler is running, a future of the outcome.

The future has no exception: it has an outcome, or is cancelled.
"""


def outcome_of(started: Started) -> Outcome:
    """Return the outcome of a handler that has ended; `Outcome()` if it was cancelled."""
    if isinstance(started, Outcome):
        return started
    return Outcome() if started.cancelled() else started.result()


def name_of(handler: Callable[..., Any]) -> str:
    """Return the name of a handler for logs.

    For a `functools.partial`, this is the name of its function, because the text of the partial
    would contain arguments, which must not be logged.
    """
    function = unwrap(handler)
    while isinstance(function, partial):
        function = function.func
    return getattr(function, "__qualname__", type(function).__qualname__)


class HandlerTasks:
    """Runs sync and async handlers, and keeps track of the handlers that have not ended.

    As in Node, an async handler runs up to its first wait before `start` returns. The log line
    of an error contains the type, the stack and the handler's name. It does not contain the error's
    text, which may include the handler's arguments.

    Args:
        log_name: The name of the logger.
        stop_seconds: The time that `stop` gives to running handlers, before it cancels them.
        cancel_seconds: The time that `stop` gives to cancelled handlers, before it abandons them.
    """

    def __init__(self, log_name: str, stop_seconds: float, cancel_seconds: float = 1.0) -> None:
        self._log = structlog.stdlib.get_logger(log_name)
        self._stop_seconds = stop_seconds
        self._cancel_seconds = cancel_seconds
        self._eager = EagerTasks()
        self._running: dict[asyncio.Future[Outcome], str] = {}
        self.is_stopped = False

    def __len__(self) -> int:
        """Return the number of async handlers that have started but not ended."""
        return len(self._running)

    def start(self, name: str, handler: Callable[..., Any], *args: object) -> Started:
        """Run a handler up to its first wait; return its outcome, or a future of the outcome.

        The caller must not start handlers after `stop`.
        """
        try:
            result = handler(*args)
        except Exception as error:  # noqa: BLE001 - the error of a handler ends only the handler
            return self._failed(name, error)
        if not isawaitable(result):
            return Outcome(result)
        future = self._eager.start(self._finish(name, result))
        if future.done():
            return outcome_of(future)
        self._running[future] = name
        future.add_done_callback(self._forget)
        return future

    async def stop(self) -> None:
        """Wait for the running handlers; cancel and log the handlers that take too long.

        A handler that calls `stop`, such as a job that closes the application, is not cancelled.
        """
        self.is_stopped = True
        await self._wait(self._stop_seconds)
        for future, name in self._others().items():
            self._log.warning("handler cancelled by the shutdown", handler=name)
            future.cancel()
        await self._wait(self._cancel_seconds)
        for name in self._others().values():
            self._log.error("handler ignores its cancellation", handler=name)
        self._eager.close()

    async def _finish(self, name: str, result: Awaitable[Any]) -> Outcome:
        try:
            return Outcome(await maybe_await(result))
        except asyncio.CancelledError:
            if not self.is_stopped:  # `stop` logs the handlers that it cancels
                self._log.warning("handler was cancelled", handler=name)
            raise
        except Exception as error:  # noqa: BLE001 - as in `start`
            return self._failed(name, error)

    def _failed(self, name: str, error: Exception) -> Outcome:
        frames = traceback.format_tb(error.__traceback__, limit=-MAX_FRAMES)
        self._log.error(
            "handler failed",
            handler=name,
            error=type(error).__name__,
            stack="".join(frames),
        )
        return Outcome(error=error)

    async def _wait(self, seconds: float) -> None:
        others = self._others()
        if others:
            await asyncio.wait(others, timeout=seconds)

    def _others(self) -> dict[asyncio.Future[Outcome], str]:
        """Return the running handlers, except the handler that is calling `stop`."""
        caller = asyncio.current_task()
        return {each: name for each, name in self._running.items() if each is not caller}

    def _forget(self, future: "asyncio.Future[Outcome]") -> None:
        self._running.pop(future, None)
