"""Polls the storage for unpublished messages and for new messages of the original backend."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

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

MAX_ANNOUNCED = 10_000
"""The maximum number of waiting announced messages. Polls find all other messages."""

MAX_SET_ASIDE = 1_000
"""The maximum number of messages that polls skip because the storage has rejected them."""

MAX_LEFT_OUT = 1_000
"""A call of `adopt` ends when this many channels could not be adopted.

Each further query of the call excludes these channels, with one parameter per channel.
"""

_logger = logging.getLogger(__name__)


class AdoptionPoller:
    """Publishes unpublished changes and adopts new messages, every ``interval_seconds``.

    To adopt a message of the original backend means to assign a ``seq`` to it.

    A stored change is unpublished if its commit was not confirmed, or if the storage failed before
    the publication. After a failure of the storage, the poller tries again at the next poll.

    A message that a node of the original backend publishes is adopted at once, without a search:
    such a node may publish many messages per second.
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
        # For each channel whose adoption has failed: the maximum number of messages in the next
        # transaction.
        self._limits: BoundedDict[ChannelId, int] = BoundedDict(MAX_LEFT_OUT)
        self._set_aside: BoundedDict[MessageId, None] = BoundedDict(MAX_SET_ASIDE)
        self._polling: asyncio.Task[None] | None = None
        self._announced: dict[MessageId, ChannelId] = {}
        self._is_announced = asyncio.Event()
        self._is_failing = False

    async def on_module_init(self) -> None:
        """Start polling in the background."""
        self._polling = asyncio.create_task(self._poll_forever(), name="adoption-poller")

    async def on_module_destroy(self) -> None:
        """Stop polling."""
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.wait([self._polling])

    def announce(self, message_id: MessageId, channel_id: ChannelId) -> None:
        """Adopt a message as soon as possible: the original backend has just published it.

        If the message cannot be adopted now, or too many messages wait, a poll finds it.
        """
        if len(self._announced) < MAX_ANNOUNCED:
            self._announced[message_id] = channel_id
            self._is_announced.set()

    async def adopt(self) -> None:
        """Publish unpublished changes; adopt and publish messages of the original backend.

        Channels are independent: a channel that cannot be adopted now is left out for the rest of
        the call, and does not delay the others.

        Raises:
            Unavailable: The storage failed for at least one channel. The next call publishes the
                adopted messages that this call could not publish. For the failed channels, the next
                call adopts fewer messages per transaction.
        """
        left_out: set[ChannelId] = set()
        failure: Unavailable | None = None
        while len(left_out) < MAX_LEFT_OUT:
            try:
                await self._messages.catch_up()
            except Unavailable as error:  # other channels must still be adopted
                failure = error
            found = await self._adoption.find_unsequenced(
                MAX_ADOPTED,
                self._clock.now(),
                except_messages=list(self._set_aside),
                except_channels=list(left_out),
            )
            if not found:
                break
            for channel_id, message_ids in found.items():
                try:
                    may_continue = await self._adopt_some(channel_id, message_ids)
                except Unavailable as error:
                    failure = error
                    may_continue = False
                if not may_continue:
                    left_out.add(channel_id)
        if failure is not None:
            raise failure

    async def _adopt_some(self, channel_id: ChannelId, message_ids: Sequence[MessageId]) -> bool:
        """Adopt the first messages of a channel; return whether more can be adopted now."""
        limit = self._limits.pop(channel_id, MAX_ADOPTED)
        message_ids = message_ids[:limit]
        try:
            await self._publisher.prepare((channel_id,))
            adopted = await self._adopt(channel_id, message_ids)
        except Unavailable:
            self._limits[channel_id] = max(1, len(message_ids) // 2)
            raise
        if 2 * limit < MAX_ADOPTED:
            self._limits[channel_id] = 2 * limit
        # If acceptable messages were not adopted, another program has locked them, or another node
        # has just adopted them: leave the channel out for the rest of the call.
        acceptable = sum(message_id not in self._set_aside for message_id in message_ids)
        return 0 < adopted == acceptable

    async def _adopt(self, channel_id: ChannelId, message_ids: Sequence[MessageId]) -> int:
        """Adopt messages of a channel; from now on, skip the messages that the storage rejects."""
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

    async def _adopt_announced(self) -> None:
        announced: dict[ChannelId, list[MessageId]] = {}
        for message_id, channel_id in self._announced.items():
            if message_id not in self._set_aside:
                announced.setdefault(channel_id, []).append(message_id)
        self._announced.clear()
        failure: Unavailable | None = None
        for channel_id, message_ids in announced.items():
            try:
                await self._adopt_some(channel_id, message_ids)
            except Unavailable as error:  # other channels must still be adopted
                failure = error
        await self._messages.catch_up()
        if failure is not None:
            raise failure

    async def _poll_forever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._attempt(self.adopt)
            poll_at = loop.time() + self._interval_seconds
            while loop.time() < poll_at:
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(poll_at):
                        await self._is_announced.wait()
                self._is_announced.clear()
                if self._announced:
                    await self._attempt(self._adopt_announced)

    async def _attempt(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Unavailable:
            if not self._is_failing:  # log once per outage
                _logger.warning("cannot read the messages of the original backend now")
            self._is_failing = True
        except Exception:
            _logger.exception("cannot adopt the messages of the original backend")
        else:
            self._is_failing = False
