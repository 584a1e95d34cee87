"""Polls the storage for unpublished messages and for new messages of the original backend."""

import asyncio
import logging

from app.domain.errors import Unavailable, Unconfirmed
from app.domain.time_limits import UNCONFIRMED_SECONDS
from app.ports import AdoptionRepository, Clock
from app.services.message_publisher import MessagePublisher
from app.services.message_service import MessageService

INTERVAL_SECONDS = 2.0

MAX_ADOPTED = 500
"""The maximum number of messages that one transaction adopts."""

_logger = logging.getLogger(__name__)


class AdoptionPoller:
    """Every ``interval_seconds``, publishes unpublished changes and adopts new messages.

    A stored change is unpublished if its commit was not confirmed, or if the storage failed before
    the publication. While the storage fails, the poller keeps retrying.
    """

    def __init__(
        self,
        adoption: AdoptionRepository,
        publisher: MessagePublisher,
        messages: MessageService,
        clock: Clock,
        interval_seconds: float = INTERVAL_SECONDS,
    ) -> None:
        self._adoption = adoption
        self._publisher = publisher
        self._messages = messages
        self._clock = clock
        self._interval_seconds = interval_seconds
        self._max_adopted = MAX_ADOPTED
        self._polling: asyncio.Task[None] | None = None
        self._is_failing = False

    async def on_module_init(self) -> None:
        """Start polling in the background."""
        self._polling = asyncio.create_task(self._poll_forever(), name="adoption-poller")

    async def on_module_destroy(self) -> None:
        """Stop polling."""
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.wait([self._polling])

    async def adopt(self) -> None:
        """Adopt the messages that the original backend has stored, and publish them.

        Raises:
            Unavailable: The storage failed. `MessageService.catch_up` publishes the messages that
                are already adopted. The next call adopts fewer messages per transaction.
        """
        while found := await self._adoption.find_unsequenced(self._max_adopted, self._clock.now()):
            await self._publisher.prepare(found)
            message_ids = [message_id for ids in found.values() for message_id in ids]
            try:
                await self._adoption.adopt(message_ids, self._clock.now())
            except Unavailable as error:
                self._max_adopted = max(1, self._max_adopted // 2)
                if isinstance(error, Unconfirmed):
                    self._publisher.fall_behind(found, UNCONFIRMED_SECONDS)
                raise
            self._max_adopted = min(2 * self._max_adopted, MAX_ADOPTED)
            self._publisher.fall_behind(found, 0)
            await self._messages.catch_up()

    async def _poll_forever(self) -> None:
        while True:
            await self._poll()
            await asyncio.sleep(self._interval_seconds)

    async def _poll(self) -> None:
        try:
            await self._messages.catch_up()
            await self.adopt()
        except Unavailable:
            if not self._is_failing:  # log once per outage
                _logger.warning("cannot read the messages of the original backend now")
            self._is_failing = True
        except Exception:
            _logger.exception("cannot adopt the messages of the original backend")
        else:
            self._is_failing = False
