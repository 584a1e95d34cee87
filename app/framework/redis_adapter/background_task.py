"""`BackgroundTask`: a task that its owner starts and stops."""

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any


class BackgroundTask:
    """A task without the context variables of its starter."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._task: asyncio.Task[None] | None = None

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Start the task."""
        self._task = asyncio.create_task(coroutine, name=self._name, context=Context())

    async def stop(self) -> None:
        """Cancel the task if it was started, and wait until it has ended."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
