"""Publishes each message of a channel once on this node, in the order of ``seq``."""

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf

from app.concurrency.bounded_dict import BoundedDict
from app.domain.errors import Unavailable
from app.domain.events import ServerEvent
from app.domain.ids import ChannelId
from app.domain.message import Message
from app.domain.rooms import channel_room
from app.ports import Broadcaster, Clock, MessageRepository, StoredMessage
from app.services.room_sync import RoomSync
from app.services.typing_service import TypingService
from app.services.writes.keyed_queue import KeyedQueue

MAX_CHANNELS = 100_000
"""The maximum number of remembered channels; the least recently used is forgotten first."""

MAX_GAP = 1_000
"""The maximum number of missed messages that are published before a new message.

Older missed messages are skipped.
"""

_PAGE = 100

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Channel:
    """A channel that this node publishes to.

    Attributes:
        published: The ``seq`` of the last message that this node published.
        prepared_until: The monotonic time until which the members are fresh.
    """

    id: ChannelId
    room: str
    published: int
    prepared_until: float = -inf


class MessagePublisher:
    """Remembers, for each channel, the ``seq`` of the last message that this node published.

    Before it publishes a message, the publisher publishes the earlier messages that this node has
    missed: their commit was not confirmed, or another node or the original backend has stored them.
    Messages that were stored before the channel was prepared count as published.

    Attributes:
        turns: A queue of jobs per channel. The caller of `publish` must hold the channel's turn
            (see `KeyedQueue`) from before the commit until `publish` returns. `publish_change` and
            `catch_up` take the turn themselves.
    """

    def __init__(
        self,
        messages: MessageRepository,
        room_sync: RoomSync,
        typing: TypingService,
        broadcaster: Broadcaster,
        clock: Clock,
    ) -> None:
        self.turns = KeyedQueue()
        self._messages = messages
        self._room_sync = room_sync
        self._typing = typing
        self._broadcaster = broadcaster
        self._clock = clock
        self._channels: BoundedDict[ChannelId, _Channel] = BoundedDict(MAX_CHANNELS)
        # For each channel that may have unpublished messages: the monotonic time until which an
        # unconfirmed commit may still add a message.
        self._behind: dict[ChannelId, float] = {}
        room_sync.when_deleted(self.forget)

    def is_prepared(self, channel_id: ChannelId) -> bool:
        """Return whether the channel is prepared, and its members are still fresh."""
        channel = self._channels.get(channel_id)
        return channel is not None and channel.prepared_until > self._clock.monotonic()

    async def prepare(self, channel_ids: Collection[ChannelId]) -> None:
        """Prepare to publish the messages that are stored in these channels from now on.

        Raises:
            Unavailable: The storage did not return the last sequence numbers or the members.
        """
        unknown = [channel_id for channel_id in channel_ids if channel_id not in self._channels]
        if unknown:
            last_seqs = await self._messages.last_seqs(unknown)
            for channel_id in unknown:
                # During the query, another call may have prepared the channel and published new
                # messages: keep its entry.
                if channel_id not in self._channels:
                    self._add(channel_id, published=last_seqs[channel_id])
        await self._room_sync.refresh_all(channel_ids)
        for channel_id in channel_ids:
            self._set_prepared(channel_id)

    async def reload_members(self, channel_id: ChannelId) -> None:
        """Reload the members now, ignoring the cache.

        Call this if the cached members are out of date. If the storage does not answer, the
        channel is no longer prepared.
        """
        try:
            await self._room_sync.reload(channel_id)
        finally:
            self._set_prepared(channel_id)

    async def publish(self, channel_id: ChannelId, stored: Sequence[StoredMessage]) -> None:
        """Publish stored messages of a prepared channel, except those already published.

        The typing of a sender is ended before the sender's message is published.

        Raises:
            Unavailable: Earlier messages cannot be read now, so no later message was published.
        """
        channel = self._channels.get(channel_id)
        if channel is None:  # the channel was forgotten after `prepare`
            channel = self._add(channel_id, published=0)
        else:
            self._channels.move_to_end(channel_id)
        published = channel.published
        if len(stored) == 1 and stored[0].message.seq == published + 1:  # the usual case
            self._publish_all(channel, published, (stored[0].message,))
            return
        new = [each.message for each in stored if each.message.seq > published]
        if len(new) < len(stored):
            # If a new message has a ``seq`` that was published before, the channel was deleted and
            # created again: publish the message.
            again = [
                each.message for each in stored if each.is_new and each.message.seq <= published
            ]
            if again:
                published, new = again[0].seq - 1, again + new
        if not new:
            return
        if len(new) > 1:
            new.sort(key=_seq)
        first = new[0].seq
        published = max(published, first - 1 - MAX_GAP)
        while published + 1 < first:
            published = await self._publish_page(channel, published, before=first)
        self._publish_all(channel, published, new)

    async def publish_change(
        self, channel_id: ChannelId, event: ServerEvent, payload: object
    ) -> None:
        """Publish an event of a channel after the messages that are being stored now."""
        await self.turns.run(
            channel_id, partial(self._publish_change, channel_id, event, payload), None
        )

    def fall_behind(self, channel_ids: Iterable[ChannelId], seconds: float) -> None:
        """Mark channels in which `catch_up` must look for unpublished messages.

        Args:
            seconds: How long an unconfirmed commit may still add messages to these channels.
        """
        until = self._clock.monotonic() + seconds
        for channel_id in channel_ids:
            self._behind[channel_id] = max(until, self._behind.get(channel_id, until))

    async def catch_up(self) -> None:
        """Publish the unpublished messages of every channel marked by `fall_behind`.

        Raises:
            Unavailable: The messages of a channel cannot be read now; the next call tries again.
        """
        failure: Unavailable | None = None
        for channel_id, until in list(self._behind.items()):
            began = self._clock.monotonic()
            try:
                await self.turns.run(channel_id, partial(self._catch_up, channel_id), None)
            except Unavailable as error:  # other channels must still be published
                failure = error
                continue
            except Exception as error:  # noqa: BLE001 - other channels must still be published
                log_unpublished(error)
                continue
            if began >= until and self._behind.get(channel_id) == until:
                del self._behind[channel_id]
        if failure is not None:
            raise failure

    def forget(self, channel_id: ChannelId) -> None:
        """Forget a deleted channel; a new channel with the same id starts again at ``seq`` 1."""
        self._channels.pop(channel_id, None)

    def _add(self, channel_id: ChannelId, *, published: int) -> _Channel:
        channel = _Channel(channel_id, channel_room(channel_id), published)
        self._channels[channel_id] = channel
        return channel

    def _set_prepared(self, channel_id: ChannelId) -> None:
        channel = self._channels.get(channel_id)
        if channel is not None:  # None if the channel was deleted meanwhile
            channel.prepared_until = self._room_sync.fresh_until(channel_id)

    async def _publish_change(
        self, channel_id: ChannelId, event: ServerEvent, payload: object
    ) -> None:
        await self._room_sync.refresh(channel_id)
        self._broadcaster.publish(channel_room(channel_id), event, payload)

    async def _catch_up(self, channel_id: ChannelId) -> None:
        channel = self._channels.get(channel_id)
        if channel is None:
            return
        published = channel.published
        await self._room_sync.refresh_all((channel_id,))
        while (reached := await self._publish_page(channel, published)) > published:
            published = reached

    async def _publish_page(
        self, channel: _Channel, published: int, before: int | None = None
    ) -> int:
        page = await self._messages.stored_after(channel.id, published, _PAGE)
        self._publish_all(
            channel, published, [each for each in page if before is None or each.seq < before]
        )
        if before is not None and (len(page) < _PAGE or page[-1].seq >= before):
            return before - 1
        return page[-1].seq if page else published

    def _publish_all(self, channel: _Channel, published: int, messages: Sequence[Message]) -> None:
        for message in messages:
            if message.seq <= published:
                continue
            if channel.id in self._typing.typists:
                self._typing.end(message.user_id, channel.id)
            self._broadcaster.publish(channel.room, ServerEvent.MESSAGE_CREATED, message)
            published = message.seq
        channel.published = published


def log_unpublished(error: Exception) -> None:
    """Log only the type of the error that prevented a publication: its text may quote a message."""
    _logger.error("stored messages could not be published: %s", type(error).__name__)


def _seq(message: Message) -> int:
    return message.seq
