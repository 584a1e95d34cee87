"""Waiting for what happens elsewhere."""

import asyncio
from collections.abc import Callable

from tests.deadlines import ANSWER_SECONDS

_LOOK_SECONDS = 0.01


async def until(condition: Callable[[], bool]) -> None:
    """Return as soon as the condition holds.

    Raises:
        TimeoutError: It did not within `ANSWER_SECONDS`.
    """
    async with asyncio.timeout(ANSWER_SECONDS):
        while not condition():  # noqa: ASYNC110 - what happens in a server tells no event
            await asyncio.sleep(_LOOK_SECONDS)
