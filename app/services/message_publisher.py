"""Publishes each message of a channel once to this node's clients, in the order of ``seq``."""

import asyncio
import logging
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import inf

from app.concurrency.bounded_dict import BoundedDict
from app.domain.errors import Unavailable
from app.domain.events import ServerEvent
from app.domain.ids import ChannelId, UserId
from app.domain.message import Message, MissedMessages
from app.domain.rooms import channel_room
from app.ports import Broadcaster, ChannelEvent, Clock, MessageRepository, Nodes, StoredMessage
from app.services.room_sync import RoomSync
from app.services.typing_service import TypingService
from app.services.writes.keyed_queue import KeyedQueue

MAX_CHANNELS = 100_000
"""The maximum number of remembered channels; the least recently used is forgotten first."""

MAX_GAP = 1_000
"""The maximum number of missed messages that are published before a new message.

Older missed messages are skipped, and the clients receive ``sync:required``.
"""

ARRIVAL_SECONDS = 0.02
"""The maximum time that a message waits for earlier ones, which may be arriving from other nodes.

When two nodes store messages of a channel at the same time, this saves a query for each of them.
"""
MAX_ARRIVING = 20
"""If more messages are missing, they are read from the storage at once."""

_PAGE = 100

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Channel:
    """A channel that this node publishes to.

    Attributes:
        published: The ``seq`` of the last message that this node published.
        published_before: The value of ``published`` at some time before the current batch was
            stored. A new message of the batch has a larger ``seq``, unless the channel was deleted
            and created again.
        prepared_until: The monotonic time until which the members are fresh.
        awaited: Completes when the messages up to ``awaited_seq`` have arrived from other nodes.
    """

    id: ChannelId
    room: str
    published: int
    published_before: int = 0
    prepared_until: float = -inf
    awaited: asyncio.Future[None] | None = None
    awaited_seq: int = 0


class MessagePublisher:
    """Remembers, for each channel, the ``seq`` of the last message that this node published.

    Before it publishes a message, the publisher publishes the earlier messages that this node has
    missed: their commit was not confirmed, or another node or the original backend has stored them.
    Messages that were stored before the channel was prepared count as published.

    A message that this node stores is sent to all nodes, and each node publishes it to its clients.
    Missed messages are published to the clients of this node only.

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
        nodes: Nodes,
        clock: Clock,
    ) -> None:
        self.turns = KeyedQueue()
        self._messages = messages
        self._room_sync = room_sync
        self._typing = typing
        self._broadcaster = broadcaster
        self._nodes = nodes
        self._clock = clock
        self._channels: BoundedDict[ChannelId, _Channel] = BoundedDict(MAX_CHANNELS)
        # For each channel that may have unpublished messages: the monotonic time until which an
        # unconfirmed commit may still add a message.
        self._behind: dict[ChannelId, float] = {}
        room_sync.when_deleted(self.forget)

    def is_prepared(self, channel_id: ChannelId) -> bool:
        """Return whether the channel is prepared, and its members are still fresh.

        Call this before a batch is stored.
        """
        channel = self._channels.get(channel_id)
        if channel is None:
            return False
        channel.published_before = channel.published
        return channel.prepared_until > self._clock.monotonic()

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
                # messages: `start` keeps its entry.
                self.start(channel_id, last_seqs[channel_id])
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
        if channel_id not in self._channels:  # the channel was forgotten after `prepare`
            self.start(channel_id, min(each.message.seq for each in stored) - 1)
        channel = self._channels[channel_id]
        self._channels.move_to_end(channel_id)
        first = stored[0]
        if len(stored) == 1 and first.is_new and first.message.seq == channel.published + 1:
            self._publish_all(channel, (first.message,), local=False)  # the usual case
            return
        new = sorted((each.message for each in stored if each.is_new), key=_seq)
        if new and new[0].seq <= channel.published_before:
            channel.published = new[0].seq - 1  # the channel was deleted and created again
        # If the channel was forgotten meanwhile, these messages count as published: the clients on
        # this node have connected since then.
        must_announce = bool(new) and new[0].seq <= channel.published
        for message in new:
            # Another node may have stored messages between two transactions of the batch.
            await self._await_arrivals(channel, message.seq - 1)
            await self._publish_missed(channel, before=message.seq)
            self._publish_all(channel, (message,), local=False)
        repeated = max((each.message.seq for each in stored if not each.is_new), default=0)
        if repeated > channel.published:
            # The node that has stored the message may be publishing it to all nodes now.
            await self._publish_missed(channel, before=repeated + 1)
            must_announce = True
        if must_announce:
            self._nodes.announce_messages(channel_id)

    def start(self, channel_id: ChannelId, last_seq: int) -> None:
        """Count the messages up to the last ``seq`` as published, unless the channel is known."""
        if channel_id not in self._channels:
            self._channels[channel_id] = _Channel(channel_id, channel_room(channel_id), last_seq)

    def published(self) -> dict[ChannelId, int]:
        """Return the ``seq`` of the last published message of each known channel."""
        return {channel.id: channel.published for channel in self._channels.values()}

    def is_behind(self, channel_id: ChannelId, last_seq: int, *, published_before: int = 0) -> bool:
        """Return whether the channel is known, and a message up to ``last_seq`` is unpublished.

        Args:
            published_before: The last published ``seq`` before ``last_seq`` was read. If it is
                larger, the channel was deleted and created again: its messages are unpublished.
        """
        channel = self._channels.get(channel_id)
        if channel is None:
            return False
        if last_seq < published_before <= channel.published:
            channel.published = 0
        return channel.published < last_seq

    def publish_received(self, event: ChannelEvent, seq: int) -> bool:
        """Publish a message that another node has stored, unless it was published before.

        Returns False, and publishes nothing, if an earlier message is missing. In an unknown
        channel, no message counts as missing.
        """
        self.start(event.channel_id, seq - 1)
        channel = self._channels[event.channel_id]
        self._channels.move_to_end(channel.id)
        if seq > channel.published + 1:
            return False
        if seq > channel.published:
            if channel.id in self._typing.typists:
                self._typing.end(UserId(str(event.payload.get("userId"))), channel.id, local=True)
            channel.published = seq
            event.send()
            if channel.awaited is not None and seq == channel.awaited_seq:
                channel.awaited.set_result(None)
        return True

    async def publish_before(self, channel_id: ChannelId, seq: int) -> None:
        """Publish the messages that this node has missed before ``seq``. The caller has the turn.

        If they cannot be read now, skip them: the clients receive ``sync:required``.
        """
        channel = self._channels.get(channel_id)
        if channel is not None:
            await self._await_arrivals(channel, seq - 1)
            try:
                await self._publish_missed(channel, before=seq)
            except Unavailable:
                self._skip(channel, seq - 1)

    async def publish_missed(self, channel_id: ChannelId) -> None:
        """Publish all messages of a channel that this node has missed. The caller has the turn.

        Raises:
            Unavailable: The messages or the members cannot be read now.
        """
        channel = self._channels.get(channel_id)
        if channel is None:
            return
        await self._room_sync.refresh_all((channel_id,))
        last_seqs = await self._messages.last_seqs((channel_id,))
        await self._publish_missed(channel, before=last_seqs[channel_id] + 1)

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
                await self.turns.run(channel_id, partial(self.publish_missed, channel_id), None)
            except Unavailable as error:  # other channels must still be published
                failure = error
                continue
            except Exception as error:  # noqa: BLE001 - other channels must still be published
                log_unpublished(error)
                continue
            self._nodes.announce_messages(channel_id)
            if began >= until and self._behind.get(channel_id) == until:
                del self._behind[channel_id]
        if failure is not None:
            raise failure

    def forget(self, channel_id: ChannelId) -> None:
        """Forget a channel that was deleted, or that has no clients on this node.

        Without clients, this node may miss messages of the channel. A new channel with the same id
        starts at ``seq`` 1.
        """
        self._channels.pop(channel_id, None)

    def _set_prepared(self, channel_id: ChannelId) -> None:
        channel = self._channels.get(channel_id)
        if channel is not None:  # None if the channel was deleted meanwhile
            channel.published_before = channel.published
            channel.prepared_until = self._room_sync.fresh_until(channel_id)

    async def _publish_change(
        self, channel_id: ChannelId, event: ServerEvent, payload: object
    ) -> None:
        await self._room_sync.refresh(channel_id)
        self._broadcaster.publish(channel_room(channel_id), event, payload)

    async def _await_arrivals(self, channel: _Channel, last_seq: int) -> None:
        """Wait `ARRIVAL_SECONDS` at most for the messages up to ``last_seq`` from other nodes."""
        if not self._nodes.is_clustered or not 0 < last_seq - channel.published <= MAX_ARRIVING:
            return
        channel.awaited, channel.awaited_seq = asyncio.get_running_loop().create_future(), last_seq
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(ARRIVAL_SECONDS):
                    await channel.awaited
        finally:
            channel.awaited = None

    async def _publish_missed(self, channel: _Channel, before: int) -> None:
        if channel.published < before - 1 - MAX_GAP:
            self._skip(channel, before - 1 - MAX_GAP)
        while channel.published < before - 1:
            await self._publish_page(channel, before)

    async def _publish_page(self, channel: _Channel, before: int) -> None:
        """Publish the next messages before a ``seq``.

        After the last page, all earlier messages count as published, even if some are missing.
        """
        page = await self._messages.stored_after(channel.id, channel.published, _PAGE)
        missed = [each for each in page if each.seq < before]
        self._publish_all(channel, missed, local=True)
        if len(missed) < _PAGE:
            channel.published = max(channel.published, before - 1)

    def _skip(self, channel: _Channel, last_seq: int) -> None:
        missed = MissedMessages(channel.id, after_seq=channel.published)
        channel.published = last_seq
        self._broadcaster.publish(channel.room, ServerEvent.SYNC_REQUIRED, missed, local=True)

    def _publish_all(self, channel: _Channel, messages: Sequence[Message], *, local: bool) -> None:
        for message in messages:
            # While this node read missed messages, another node may have published some of them.
            if message.seq <= channel.published:
                continue
            if channel.id in self._typing.typists:
                self._typing.end(message.user_id, channel.id, local=local)
            self._broadcaster.publish(
                channel.room, ServerEvent.MESSAGE_CREATED, message, local=local
            )
            channel.published = message.seq


def log_unpublished(error: Exception) -> None:
    """Log only the type of the error that prevented a publication: its text may quote a message."""
    _logger.error("stored messages could not be published: %s", type(error).__name__)


def _seq(message: Message) -> int:
    return message.seq
