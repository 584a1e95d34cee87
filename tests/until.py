"""Waits for conditions that no event reports."""

import asyncio
from collections.abc import Callable

from tests.deadlines import ANSWER_SECONDS

_LOOK_SECONDS = 0.01


async def until(condition: Callable[[], bool], seconds: float = ANSWER_SECONDS) -> None:
    """Return as soon as the condition is true.

    Raises:
        TimeoutError: The condition stayed false for this number of seconds.
    """
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(_LOOK_SECONDS)
