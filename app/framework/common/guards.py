"""`CanActivate`: decides whether a handler may run."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Future
from inspect import iscoroutine
from typing import Any, Protocol, runtime_checkable

from app.framework.common.awaiting import maybe_await
from app.framework.common.context import ExecutionContext
from app.framework.common.exceptions import WsForbidden

Check = Callable[[ExecutionContext], bool | Awaitable[bool]]
"""The ``can_activate`` method of a guard, such as the chat's `WsGuard`."""


@runtime_checkable
class CanActivate(Protocol):
    """A guard: runs when a socket connects, and before the interceptors of an event or request."""

    def can_activate(self, context: ExecutionContext) -> bool | Awaitable[bool]:
        """Return whether to continue. If False, the client receives ``Forbidden resource``.

        If a guard raises, the client receives that error.
        """


_NOT_VERDICTS = (Iterator, AsyncIterator, BaseException, Future)
"""Types that a guard must not return, because their instances are always truthy.

Callables are rejected too.
"""


async def try_activate(checks: Iterable[Check], context: ExecutionContext) -> None:
    """Run guards in turn.

    Raises:
        WsForbidden: A guard refuses.
        TypeError: A guard returned an invalid result; see `verdict_of`.
    """
    for check in checks:
        verdict: Any = check(context)
        if iscoroutine(verdict):  # for async guards, this is faster than `verdict_of`
            verdict = await verdict
        if verdict is not True and not await verdict_of(check, verdict):
            raise WsForbidden


async def verdict_of(check: Check, result: Any) -> bool:
    """Await the result of a guard and test it for truth, as Nest does.

    Raises:
        TypeError: The result is truthy only by mistake, such as a generator, a returned exception
            or a method that was not called.
    """
    verdict = await maybe_await(result)
    if isinstance(verdict, bool):
        return verdict
    if isinstance(verdict, _NOT_VERDICTS) or callable(verdict):
        name = getattr(check, "__qualname__", repr(check))
        raise TypeError(
            f"{name} returned an instance of {type(verdict).__name__}, which is not a verdict; "
            "return True or False"
        )
    return bool(verdict)
