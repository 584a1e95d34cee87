"""`CanActivate`: what stands before a handler."""

from collections.abc import Awaitable
from typing import Protocol, runtime_checkable

from app.framework.context import ExecutionContext


@runtime_checkable
class CanActivate(Protocol):
    """A guard. It runs before interceptors and pipes, and when a socket connects."""

    def can_activate(self, context: ExecutionContext) -> bool | Awaitable[bool]:
        """Whether to go on. False answers ``Forbidden resource``; a raised error answers itself."""
