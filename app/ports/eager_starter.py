"""Beginning what may have to wait, without the price of a task for what does not."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar, runtime_checkable

T = TypeVar("T")


@runtime_checkable
class EagerStarter(Protocol):
    """Starts coroutines in place."""

    def start(self, work: Coroutine[Any, Any, T]) -> "asyncio.Future[T]":
        """Run ``work`` up to its first wait; the future is done if that was its end.

        If not, it goes on as a task: the caller keeps it, may cancel it, and answers for what it
        raises. Its caller's own cancellation does not reach it.
        """
        ...
