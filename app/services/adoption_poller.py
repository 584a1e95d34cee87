"""Polls the storage for unpublished messages and for new messages of the original backend."""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from app.concurrency.bounded_dict import BoundedDict
from app.domain.errors import StorageRejected, Unavailable, Unconfirmed
from app.domain.ids import ChannelId, MessageId
from app.domain.time_limits import UNCONFIRMED_SECONDS
from app.ports import AdoptionRepository, Clock
from app.services.message_publisher import MessagePublisher
from app.services.message_service import MessageService

INTERVAL_SECONDS = 2.0

MAX_ADOPTED = 500
"""The maximum number of messages that one transaction adopts."""

MAX_SET_ASIDE = 1_000
"""The maximum number of messages that are not tried again until the server restarts."""

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
        self._set_aside: BoundedDict[MessageId, None] = BoundedDict(MAX_SET_ASIDE)
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

        Channels are independent: a channel that cannot be adopted now does not delay the others.

        Raises:
            Unavailable: The storage failed for at least one channel. `MessageService.catch_up`
                publishes the messages that are already adopted. The next call adopts fewer messages
                per transaction.
        """
        while found := await self._find_unsequenced():
            adopted = 0
            failure: Unavailable | None = None
            for channel_id, message_ids in found.items():
                try:
                    await self._publisher.prepare((channel_id,))
                    adopted += await self._adopt(channel_id, message_ids)
                except Unavailable as error:
                    failure = error
            await self._messages.catch_up()
            if failure is not None:
                self._max_adopted = max(1, self._max_adopted // 2)
                raise failure
            self._max_adopted = min(2 * self._max_adopted, MAX_ADOPTED)
            if not adopted:  # locked by others, or just adopted by another node
                return

    async def _find_unsequenced(self) -> Mapping[ChannelId, Sequence[MessageId]]:
        limit = self._max_adopted + len(self._set_aside)
        found = await self._adoption.find_unsequenced(limit, self._clock.now())
        left = {
            channel_id: [each for each in message_ids if each not in self._set_aside]
            for channel_id, message_ids in found.items()
        }
        return {channel_id: message_ids for channel_id, message_ids in left.items() if message_ids}

    async def _adopt(self, channel_id: ChannelId, message_ids: Sequence[MessageId]) -> int:
        """Adopt messages of a channel; set aside the messages that the storage rejects."""
        try:
            adopted = await self._adoption.adopt(message_ids)
        except Unconfirmed:
            self._publisher.fall_behind((channel_id,), UNCONFIRMED_SECONDS)
            raise
        except StorageRejected:
            if len(message_ids) == 1:
                self._set_aside[message_ids[0]] = None
                _logger.warning("cannot adopt the message %s of the original backend", *message_ids)
                return 0
            middle = len(message_ids) // 2
            halves = (message_ids[:middle], message_ids[middle:])
            return sum([await self._adopt(channel_id, half) for half in halves])
        self._publisher.fall_behind((channel_id,), 0)
        return adopted

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
