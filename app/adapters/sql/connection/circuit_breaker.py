"""Refusing at once what would only wait, while the database does not answer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import Context

from app.domain.errors import Unavailable

SLOW_SECONDS = 0.25
"""A failure that took longer is one that the next operation had better not wait for."""

HALF_OPEN_WAIT_SECONDS = 0.05
"""How long an operation waits to hear whether the failure was only somebody's own."""

RETRY_SECONDS = 0.5
"""Between two looks at a database that does not answer."""

_logger = logging.getLogger(__name__)


class CircuitBreaker:
    """Closed by a slow failure, and opened by the next answer; everybody is refused meanwhile.

    A client's events are handled one after the other. Without this, each would wait its whole time
    for a database that is frozen or locked, and the last one's answer would come after all of them.
    So no operation is the one that finds out: once it is closed, the gate itself looks.

    Args:
        look: Does what operations need, and tells the gate how that went, as they do.

    Attributes:
        companion: Another gate, which a silence closes as well.
    """

    def __init__(self, look: Callable[[], Awaitable[None]]) -> None:
        self._look = look
        self._open = asyncio.Event()
        self._open.set()
        self._in_doubt_until = 0.0
        self._looking: asyncio.Task[None] | None = None
        self.linked: CircuitBreaker | None = None

    async def enter(self) -> None:
        """Begin an operation.

        Raises:
            Unavailable: The database has kept somebody waiting, and has not answered since.
        """
        if self._open.is_set():
            return
        if asyncio.get_running_loop().time() > self._in_doubt_until:
            raise Unavailable
        try:
            async with asyncio.timeout_at(self._in_doubt_until):
                await self._open.wait()
        except TimeoutError:
            raise Unavailable from None

    def succeeded(self) -> None:
        """The database has answered."""
        self._open.set()

    def failed(self, seconds: float, *, is_silence: bool) -> None:
        """The database has not done it, and so long that took.

        It is a ``silence`` when the database has not even said so.
        """
        if seconds <= SLOW_SECONDS:
            return
        self.close()
        if is_silence and self.linked is not None:
            self.linked.close()

    def close(self) -> None:
        """Refuse everybody until a look is answered."""
        if not self._open.is_set():
            return
        self._open.clear()
        self._in_doubt_until = asyncio.get_running_loop().time() + HALF_OPEN_WAIT_SECONDS
        if self._looking is None:
            # In a context of its own: what it logs is not about the event that failed.
            self._looking = asyncio.create_task(
                self._look_until_answered(), name="database-gate", context=Context()
            )

    async def end(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    async def _look_until_answered(self) -> None:
        try:
            while not self._open.is_set():
                try:
                    await self._look()
                except Unavailable:
                    pass
                except Exception:
                    _logger.exception("looking at the database failed")
                with suppress(TimeoutError):  # somebody who was let in before may open it, too
                    async with asyncio.timeout(RETRY_SECONDS):
                        await self._open.wait()
        finally:
            self._looking = None
