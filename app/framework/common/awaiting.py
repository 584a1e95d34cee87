"""Values that may be awaitable: what guards, pipes, filters and hooks of either kind give."""

from inspect import isawaitable
from typing import Any


async def settled(value: Any) -> Any:
    """Await a value for as long as it is awaitable, as JavaScript flattens promises.

    An ``async def`` that returns a coroutine without awaiting it would otherwise give that
    coroutine, which is true: a guard would let everybody pass.
    """
    while isawaitable(value):
        value = await value
    return value
