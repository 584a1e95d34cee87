"""Repeats a call until the circuit breaker closes again after a slow failure."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.adapters.sql.connection.limits import PROBE_SECONDS
from app.domain.errors import Unavailable
from tests.deadlines import ANSWER_SECONDS

T = TypeVar("T")


async def insist(call: Callable[[], Awaitable[T]]) -> T:
    """Repeat the call until it is not rejected, and return its result."""
    async with asyncio.timeout(ANSWER_SECONDS):
        while True:
            try:
                return await call()
            except Unavailable:
                await asyncio.sleep(PROBE_SECONDS / 10)
