"""`CanActivate`: what stands before a handler."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future
from typing import Any, Protocol, runtime_checkable

from app.framework.common.awaiting import settled
from app.framework.common.context import ExecutionContext

Check = Callable[[ExecutionContext], bool | Awaitable[bool]]
"""The ``can_activate`` of a guard."""


@runtime_checkable
class CanActivate(Protocol):
    """A guard. It runs before interceptors and pipes, and when a socket connects."""

    def can_activate(self, context: ExecutionContext) -> bool | Awaitable[bool]:
        """Whether to go on. False answers ``Forbidden resource``; a raised error answers itself."""


_NO_VERDICTS = (Iterator, AsyncIterator, BaseException, Future)
"""Values that are true whatever the guard has decided; so is anything that can be called."""


async def verdict_of(check: Check, given: Any) -> bool:
    """Await what a guard gave, and test it for truth, as Nest does.

    Raises:
        TypeError: Its truth says nothing: a generator, a returned exception, a method not called.
    """
    verdict = await settled(given)
    if isinstance(verdict, bool):
        return verdict
    if isinstance(verdict, _NO_VERDICTS) or callable(verdict):
        name = getattr(check, "__qualname__", repr(check))
        raise TypeError(
            f"{name} returned an instance of {type(verdict).__name__}, which is no verdict; "
            "return True or False"
        )
    return bool(verdict)
