"""Waiting for what happens elsewhere."""

import asyncio
from collections.abc import Callable

BOUND_SECONDS = 15.0
_LOOK_SECONDS = 0.01


async def until(condition: Callable[[], bool]) -> None:
    """Return as soon as the condition holds.

    Raises:
        TimeoutError: It did not within `BOUND_SECONDS`.
    """
    async with asyncio.timeout(BOUND_SECONDS):
        while not condition():  # noqa: ASYNC110 - what happens in a server tells no event
            await asyncio.sleep(_LOOK_SECONDS)
