"""For what works again after a slow failure: the gate lets nobody try for a moment."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.adapters.sql.connection.circuit_breaker import RETRY_SECONDS
from app.domain.errors import Unavailable
from tests.deadlines import ANSWER_SECONDS

T = TypeVar("T")


async def insist(call: Callable[[], Awaitable[T]]) -> T:
    """What the call gives once it is let in: the gate opens soon after its next look."""
    async with asyncio.timeout(ANSWER_SECONDS):
        while True:
            try:
                return await call()
            except Unavailable:
                await asyncio.sleep(RETRY_SECONDS / 10)
