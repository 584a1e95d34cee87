"""Waits for conditions on a server."""

import asyncio
from collections.abc import Callable

from tests.deadlines import ANSWER_SECONDS

_LOOK_SECONDS = 0.01


async def until(condition: Callable[[], bool]) -> None:
    """Return as soon as the condition is true.

    Raises:
        TimeoutError: The condition stayed false for `ANSWER_SECONDS`.
    """
    async with asyncio.timeout(ANSWER_SECONDS):
        while not condition():  # noqa: ASYNC110 - a server cannot set an `Event`
            await asyncio.sleep(_LOOK_SECONDS)
