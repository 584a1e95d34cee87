"""Refusing at once what would only wait, while the database does not answer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from app.domain.errors import Unavailable

SLOW_SECONDS = 0.25
"""A failure that took longer is one that the next operation had better not wait for."""

RETRY_SECONDS = 0.5
"""Between two looks at a database that does not answer."""

_logger = logging.getLogger(__name__)


class Gate:
    """Closed by a slow failure, and opened by the next answer; everybody is refused meanwhile.

    A client's events are handled one after the other. Without this, each would wait its whole time
    for a database that is frozen or locked, and the last one's answer would come after all of them.
    So no operation is the one that finds out: while it is closed, the gate itself looks.

    Args:
        look: Asks the database anything, and tells the gate how that went, as every operation does.
    """

    def __init__(self, look: Callable[[], Awaitable[None]]) -> None:
        self._look = look
        self._is_closed = False
        self._looking: asyncio.Task[None] | None = None

    def enter(self) -> None:
        """Begin an operation.

        Raises:
            Unavailable: The database has kept somebody waiting, and has not answered since.
        """
        if self._is_closed:
            raise Unavailable

    def succeeded(self) -> None:
        """The database has answered."""
        if self._is_closed:
            self._is_closed = False
            _logger.info("the database answers again")

    def failed(self, seconds: float) -> None:
        """The database has not; so long it took."""
        if seconds <= SLOW_SECONDS or self._is_closed:
            return
        self._is_closed = True
        _logger.warning("the database does not answer: everything is refused until it does")
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_until_it_answers())

    async def end(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    async def _look_until_it_answers(self) -> None:
        try:
            while self._is_closed:
                with suppress(Unavailable):
                    await self._look()
                if self._is_closed:
                    await asyncio.sleep(RETRY_SECONDS)
        finally:
            self._looking = None
