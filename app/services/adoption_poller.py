"""Looking, again and again, for messages that channels were not told of."""

import asyncio
import logging

from app.domain.errors import Unavailable
from app.services.message_service import MessageService

INTERVAL_SECONDS = 2.0

_logger = logging.getLogger(__name__)


class AdoptionPoller:
    """Every ``interval_seconds``, takes in what the original backend has stored beside us.

    It also has told what was left untold because the storage went away. While that does not answer
    it goes on asking.
    """

    def __init__(
        self, messages: MessageService, interval_seconds: float = INTERVAL_SECONDS
    ) -> None:
        self._messages = messages
        self._interval_seconds = interval_seconds
        self._watcher: asyncio.Task[None] | None = None
        self._is_failing = False

    async def on_module_init(self) -> None:
        """Begin; the first look is one of the background, too."""
        self._watcher = asyncio.create_task(self._look_after(), name="message-adoption")

    async def on_module_destroy(self) -> None:
        """Stop looking; one never begun has nothing to stop."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.wait([self._watcher])

    async def _look_after(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(self._interval_seconds)

    async def _look(self) -> None:
        try:
            await self._messages.catch_up()
            await self._messages.adopt()
        except Unavailable:
            if not self._is_failing:  # said once, however long it lasts
                _logger.warning("messages of others cannot be read now")
            self._is_failing = True
        except Exception:
            _logger.exception("messages of others could not be taken in")
        else:
            self._is_failing = False
