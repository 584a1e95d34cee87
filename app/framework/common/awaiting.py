"""`maybe_await`: awaits the result of a guard, pipe, filter or hook if it is awaitable."""

from inspect import isawaitable
from typing import Any


async def maybe_await(value: Any) -> Any:
    """Await a value until it is no longer awaitable, as JavaScript flattens promises.

    An ``async def`` can return a coroutine without awaiting it. A single ``await`` would then
    return that coroutine. Because a coroutine is truthy, such a guard would admit every client.
    """
    while isawaitable(value):
        value = await value
    return value
