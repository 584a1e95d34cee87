"""Await values that may or may not be awaitable: guards, pipes, filters and hooks give both."""

from inspect import isawaitable
from typing import Any


async def maybe_await(value: Any) -> Any:
    """Await a value until it is no longer awaitable, as JavaScript flattens promises.

    An ``async def`` can return a coroutine that it did not await. After a single ``await`` that
    coroutine would be left, and it is truthy: a guard would let everybody pass.
    """
    while isawaitable(value):
        value = await value
    return value
