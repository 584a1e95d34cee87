"""Sending, changing and deleting messages: store, then tell the channel, in one order for all."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from app.domain.errors import (
    ChatError,
    MessageNotFound,
    StorageRejected,
    Unavailable,
    Unconfirmed,
)
from app.domain.events import ServerEvent
from app.domain.ids import ChannelId, ClientMessageId, MessageId, SocketId, UserId, new_message_id
from app.domain.message import (
    DeletedMessage,
    DeletionReceipt,
    FailedMessage,
    Message,
    MessageDraft,
)
from app.domain.rooms import channel_room, user_room
from app.ports import (
    Broadcaster,
    Clock,
    MessageRepository,
    StorageWriters,
    StoredMessage,
)
from app.services.message_publisher import MessagePublisher
from app.services.messages.content import checked_content
from app.services.room_sync import RoomSync
from app.services.writes.doubts import SETTLED_SECONDS, Doubt, Doubts
from app.services.writes.group_commit import MAX_ITEMS, GroupCommit
from app.services.writes.keyed_queue import KeyedQueue
from app.services.writes.limits import DRAIN_TIMEOUT_SECONDS

ADOPTED_AT_ONCE = 500

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Send:
    """A message to be stored and told of; then it has its ``message``, or a ``refusal``."""

    draft: MessageDraft
    message: Message = field(init=False)
    refusal: ChatError | None = None


@dataclass(slots=True)
class _Tell:
    """What a channel is to be told besides new messages, after those stored before it."""

    channel_id: ChannelId
    event: ServerEvent
    payload: object
    refusal: None = None


@dataclass(slots=True)
class _CatchUp:
    """A channel that may not have been told of everything."""

    channel_id: ChannelId
    refusal: Exception | None = None


class MessageService:
    """What members do with messages.

    The channel is told after the commit and before the caller is answered. Messages that come
    together are stored together; every member hears of a channel's messages in the order of
    storing. Once a write has begun it is told, even if its caller is cancelled meanwhile.

    Args:
        messages: The storage.
        feed: Tells channels of new messages.
        audience: Keeps rooms true to who belongs to a channel.
        broadcaster: Reaches connected clients.
        clock: The time that messages bear.
        max_content_chars: How long a message may be.
        writers: How many transactions the storage takes at once, and whether it answers.
        max_batch: How many messages one transaction stores at most.
    """

    def __init__(
        self,
        messages: MessageRepository,
        feed: MessagePublisher,
        audience: RoomSync,
        broadcaster: Broadcaster,
        clock: Clock,
        max_content_chars: int,
        writers: StorageWriters,
        max_batch: int = MAX_ITEMS,
    ) -> None:
        self._messages = messages
        self._feed = feed
        self._audience = audience
        self._broadcaster = broadcaster
        self._clock = clock
        self._max_content_chars = max_content_chars
        self._writes = GroupCommit(
            self._commit,
            clock,
            writers=writers,
            weigh=self._weigh,
            max_items=max_batch,
        )
        self._changes = KeyedQueue()
        # Channels that may not have been told of everything, and until when more may turn up.
        self._behind: dict[ChannelId, float] = {}
        self._doubts = Doubts(clock)
        self._adopted_at_once = ADOPTED_AT_ONCE

    async def send(
        self,
        user_id: UserId,
        channel_id: ChannelId,
        content: str,
        client_message_id: ClientMessageId | None,
        socket_id: SocketId | None = None,
    ) -> Message:
        """Store a message durably; the sender's typing ends, then the channel hears of it.

        Sent again with the same ``client_message_id``, it stores and tells nothing and returns
        the message stored first. If it cannot be stored, the sender's sockets but ``socket_id``
        hear of that.

        Raises:
            InvalidPayload: The content is empty, too long or not text.
            NotAMember: The sender does not belong to the channel.
            ClientMessageIdReused: Another content or channel was first sent under this id.
            MessageDeleted: It was stored before and has since been deleted.
            Unavailable: Nothing was stored, or that is `Unconfirmed`.
        """
        draft = MessageDraft(
            id=new_message_id(),
            channel_id=channel_id,
            user_id=user_id,
            content=checked_content(content, self._max_content_chars),
            client_message_id=client_message_id,
        )
        send = _Send(draft)
        began = self._clock.monotonic()
        try:
            await self._audience.require_member(channel_id, user_id)
            waited_seconds = self._clock.monotonic() - began
            await self._writes.run(channel_id, send, waited_seconds=waited_seconds)
        except Unavailable as error:
            failed = FailedMessage(
                channel_id, client_message_id, str(error), error.code, error.temporary
            )
            self._broadcaster.publish(
                user_room(user_id), ServerEvent.MESSAGE_FAILED, failed, except_socket=socket_id
            )
            raise
        return send.message

    async def update(self, user_id: UserId, message_id: MessageId, content: str) -> Message:
        """Replace the content of the user's own message; the channel hears of it.

        Raises:
            InvalidPayload: The content is empty, too long or not text.
            MessageNotFound: Missing, or in a channel that is not the user's.
            NotTheAuthor: It is somebody else's.
            Unavailable: Nothing was changed, or that is `Unconfirmed`.
        """
        checked = checked_content(content, self._max_content_chars)
        return await self._changes.run(
            message_id, partial(self._update, message_id, user_id, checked)
        )

    async def delete(self, user_id: UserId, message_id: MessageId) -> DeletionReceipt:
        """Delete the user's own message; the channel hears of it.

        Raises:
            MessageNotFound: Missing, or in a channel that is not the user's.
            NotTheAuthor: It is somebody else's.
            Unavailable: Nothing was deleted, or that is `Unconfirmed`.
        """
        return await self._changes.run(message_id, partial(self._delete, message_id, user_id))

    async def adopt(self) -> None:
        """Take in what the original backend has stored beside us, and tell of it.

        Raises:
            Unavailable: What was taken in by then is told by `catch_up`. The next call tries with
                fewer at once.
        """
        while found := await self._messages.find_unsequenced(
            self._adopted_at_once, self._clock.now()
        ):
            await self._feed.look_at(found)
            message_ids = [message_id for ids in found.values() for message_id in ids]
            try:
                await self._messages.adopt(message_ids, self._clock.now())
            except Unavailable as error:
                self._adopted_at_once = max(1, self._adopted_at_once // 2)
                if isinstance(error, Unconfirmed):
                    self._fall_behind(found, SETTLED_SECONDS)
                raise
            self._adopted_at_once = min(2 * self._adopted_at_once, ADOPTED_AT_ONCE)
            self._fall_behind(found, 0)
            await self.catch_up()

    async def catch_up(self) -> None:
        """Tell channels of what was stored without their hearing of it, where there is any.

        Raises:
            Unavailable: It cannot be known now; another call will tell.
        """
        for channel_id, until in list(self._behind.items()):
            began = self._clock.monotonic()
            try:
                await self._writes.run(channel_id, _CatchUp(channel_id), patient=True)
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 - the other channels have their turn
                _log_untold(error)
                continue
            if began >= until and self._behind.get(channel_id) == until:
                del self._behind[channel_id]
        for message_id, doubt in self._doubts.all():
            await self._settle(message_id, doubt)

    async def on_application_shutdown(self, _signal: str | None) -> None:
        """Let what was begun reach the store; the servers are closed by now, so nothing begins."""
        await self._changes.drain(DRAIN_TIMEOUT_SECONDS)
        await self._writes.drain(DRAIN_TIMEOUT_SECONDS)

    async def _commit(self, works: Sequence[_Send | _Tell | _CatchUp]) -> list[Exception | None]:
        sends = [work for work in works if isinstance(work, _Send)]
        if sends:
            try:
                await self._store(sends)
            except StorageRejected:  # nothing was told yet: each is tried alone
                raise
            except Unavailable as error:  # the others of the batch are stored already
                for send in sends:
                    send.refusal = type(error)()
        if len(sends) < len(works):
            await self._tell_besides(works)
        return [work.refusal for work in works]

    async def _store(self, sends: Sequence[_Send]) -> None:
        drafts = [send.draft for send in sends]
        channel_ids = {draft.channel_id for draft in drafts}
        if not all(map(self._feed.is_ready, channel_ids)):
            await self._feed.look_at(channel_ids)
        try:
            outcomes = await self._messages.add_all(drafts, self._clock.now())
        except Unconfirmed:
            self._fall_behind(channel_ids, SETTLED_SECONDS)
            raise
        stored: dict[ChannelId, list[StoredMessage]] = {}
        for send, outcome in zip(sends, outcomes, strict=True):
            if isinstance(outcome, StoredMessage):
                send.message = outcome.message
                stored.setdefault(outcome.message.channel_id, []).append(outcome)
            else:
                send.refusal = outcome
        for channel_id, messages in stored.items():
            authors = (each.message.user_id for each in messages)
            if self._audience.is_missing(channel_id, authors):
                await self._audience.reload(channel_id)
            try:
                await self._feed.tell(channel_id, messages)
            except Exception as error:  # noqa: BLE001 - they are stored, and so is every ack's word
                self._fall_behind((channel_id,), 0)
                if not isinstance(error, Unavailable):
                    _log_untold(error)

    async def _tell_besides(self, works: Sequence[_Send | _Tell | _CatchUp]) -> None:
        for work in works:
            if isinstance(work, _Tell):
                await self._audience.refresh(work.channel_id)
                room = channel_room(work.channel_id)
                self._broadcaster.publish(room, work.event, work.payload)
            elif isinstance(work, _CatchUp):
                try:
                    await self._feed.catch_up(work.channel_id)
                except Exception as error:  # noqa: BLE001 - of no concern to who shares the batch
                    work.refusal = error

    async def _update(self, message_id: MessageId, user_id: UserId, content: str) -> Message:
        channel_id = await self._channel_of(message_id)
        with self._doubts.about(message_id, channel_id, content):
            message = await self._messages.update(message_id, user_id, content, self._clock.now())
        await self._tell(channel_id, ServerEvent.MESSAGE_UPDATED, message)
        return message

    async def _delete(self, message_id: MessageId, user_id: UserId) -> DeletionReceipt:
        channel_id = await self._channel_of(message_id)
        with self._doubts.about(message_id, channel_id, None):
            deleted = await self._messages.delete(message_id, user_id)
        await self._tell(channel_id, ServerEvent.MESSAGE_DELETED, deleted)
        return DeletionReceipt(message_id=deleted.message_id)

    async def _channel_of(self, message_id: MessageId) -> ChannelId:
        message = await self._messages.find(message_id)
        if message is None:
            raise MessageNotFound
        return message.channel_id

    async def _settle(self, message_id: MessageId, doubt: Doubt) -> None:
        """Tell of a change whose outcome was unknown, if it was stored."""
        began = self._clock.monotonic()
        message = await self._messages.find(message_id)
        if not self._doubts.stands(message_id, doubt):
            return  # a later change has told
        if message is None:
            deleted = DeletedMessage(message_id=message_id, channel_id=doubt.channel_id)
            await self._tell(doubt.channel_id, ServerEvent.MESSAGE_DELETED, deleted)
        elif message.content == doubt.content:
            await self._tell(doubt.channel_id, ServerEvent.MESSAGE_UPDATED, message)
        elif began < doubt.until:
            return
        self._doubts.end(message_id)

    async def _tell(self, channel_id: ChannelId, event: ServerEvent, payload: object) -> None:
        await self._writes.run(channel_id, _Tell(channel_id, event, payload), patient=True)

    def _fall_behind(self, channel_ids: Iterable[ChannelId], seconds: float) -> None:
        until = self._clock.monotonic() + seconds
        for channel_id in channel_ids:
            self._behind[channel_id] = max(until, self._behind.get(channel_id, until))

    def _weigh(self, work: _Send | _Tell | _CatchUp) -> int:
        """A message is a row for each who is to get it."""
        return self._audience.size(work.draft.channel_id) if isinstance(work, _Send) else 1


def _log_untold(error: Exception) -> None:
    """Only by name: its text may hold a message."""
    _logger.error("a channel could not be told of what is stored: %s", type(error).__name__)
