"""Coroutines started in place on the event loop that is there when the first one is."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from app.ports import EagerStarter

T = TypeVar("T")


class ClosingStarter(EagerStarter, Protocol):
    """A starter that belongs to one event loop, and keeps something there."""

    def close(self) -> None:
        """Give up what is kept; what was started goes on."""


class LoopStarter(EagerStarter):
    """Makes the starter that does the work at its first use: constructors have no event loop."""

    def __init__(self, make: Callable[[], ClosingStarter]) -> None:
        self._make = make
        self._starter: ClosingStarter | None = None

    def start(self, work: Coroutine[Any, Any, T]) -> "asyncio.Future[T]":
        """Run ``work`` up to its first wait."""
        if self._starter is None:
            self._starter = self._make()
        return self._starter.start(work)

    async def on_application_shutdown(self, _signal: str | None) -> None:
        """The services have drained by now."""
        if self._starter is not None:
            self._starter.close()
