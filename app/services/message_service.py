"""Sends, changes and deletes messages. Each change is stored, then published to the channel."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from app.domain.errors import MessageNotFound, Unavailable, Unconfirmed
from app.domain.events import ServerEvent
from app.domain.ids import ChannelId, ClientMessageId, MessageId, SocketId, UserId, new_message_id
from app.domain.message import DeletedMessage, DeletionReceipt, FailedMessage, Message, MessageDraft
from app.domain.rooms import user_room
from app.domain.text import checked_content
from app.domain.time_limits import DRAIN_TIMEOUT_SECONDS, UNCONFIRMED_SECONDS
from app.ports import (
    AddOutcome,
    Broadcaster,
    Clock,
    MessageRepository,
    StoredMessage,
    WriteAdmission,
)
from app.services.event_service import EventService
from app.services.message_publisher import MessagePublisher, log_unpublished
from app.services.room_sync import RoomSync
from app.services.writes.group_commit import MAX_ITEMS, GroupCommit
from app.services.writes.keyed_queue import KeyedQueue
from app.services.writes.unconfirmed_changes import UnconfirmedChanges

MAX_UNCONFIRMED = 10_000
"""The maximum number of remembered unconfirmed changes."""


@dataclass(frozen=True, slots=True)
class _Change:
    """An unconfirmed change of a message.

    Attributes:
        content: The new content; None for a deletion.
        until: The monotonic time by which the commit has either succeeded or failed.
    """

    channel_id: ChannelId
    content: str | None
    until: float


class MessageService:
    """Sends, changes and deletes the messages of users.

    A message is published after its commit and before its sender receives the ack. Messages that
    arrive at the same time share a transaction. Every member receives the messages of a channel in
    the order in which they were stored. A write that has started is completed and published even if
    its caller is cancelled.

    Every method raises `Unavailable` if the storage fails. Nothing was stored in this case, unless
    the error is `Unconfirmed`: then the write may be stored. `catch_up` publishes every unconfirmed
    write that was stored.
    """

    def __init__(
        self,
        messages: MessageRepository,
        publisher: MessagePublisher,
        events: EventService,
        room_sync: RoomSync,
        broadcaster: Broadcaster,
        clock: Clock,
        admission: WriteAdmission,
        max_content_chars: int,
        max_batch: int = MAX_ITEMS,
    ) -> None:
        self._messages = messages
        self._publisher = publisher
        self._events = events
        self._room_sync = room_sync
        self._broadcaster = broadcaster
        self._clock = clock
        self._max_content_chars = max_content_chars
        self._drafts = GroupCommit(
            self._store_and_publish,
            publisher.turns,
            clock,
            admission,
            max_items=max_batch,
        )
        self._changes = KeyedQueue()
        self._unconfirmed = UnconfirmedChanges[MessageId, _Change](MAX_UNCONFIRMED)

    async def send(
        self,
        user_id: UserId,
        channel_id: ChannelId,
        content: str,
        client_message_id: ClientMessageId | None,
        socket_id: SocketId | None = None,
    ) -> Message:
        """Store a message durably, end the sender's typing, and publish the message to the channel.

        If the user has already sent this message with the same ``client_message_id``, the message
        that was stored first is returned; it is stored and published only once. If the storage
        fails, the sender's other sockets receive ``message:failed``.

        Args:
            content: The text of the message; surrounding white space is removed.

        Raises:
            InvalidPayload: The content is empty, too long or not text.
            NotAMember: The sender is not a member of the channel.
            ClientMessageIdReused: This ``client_message_id`` was first used with a different
                content or channel.
            MessageDeleted: The message was stored before and has been deleted since.
        """
        draft = MessageDraft(
            id=new_message_id(),
            channel_id=channel_id,
            user_id=user_id,
            content=checked_content(content, self._max_content_chars),
            client_message_id=client_message_id,
        )
        began = self._clock.monotonic()
        try:
            if not self._events.is_listening(channel_id, user_id):
                await self._room_sync.require_member(channel_id, user_id)
            # `commit` calls `_store_and_publish` with this draft and others that arrive at the same
            # time.
            outcome = await self._drafts.commit(channel_id, draft, waiting_since=began)
            if isinstance(outcome, Unavailable):
                raise outcome
        except Unavailable as error:
            failed = FailedMessage(
                channel_id, client_message_id, str(error), error.code, error.temporary
            )
            self._broadcaster.publish(
                user_room(user_id), ServerEvent.MESSAGE_FAILED, failed, except_socket=socket_id
            )
            raise
        if isinstance(outcome, StoredMessage):
            return outcome.message
        raise outcome

    async def update(self, user_id: UserId, message_id: MessageId, content: str) -> Message:
        """Replace the content of the user's own message, and publish the change to the channel.

        Raises:
            InvalidPayload: The content is empty, too long or not text.
            MessageNotFound: The message does not exist, or the user is not a member of its channel.
            NotTheAuthor: Another user wrote the message.
        """
        checked = checked_content(content, self._max_content_chars)
        return await self._changes.run(
            message_id, partial(self._update, message_id, user_id, checked)
        )

    async def delete(self, user_id: UserId, message_id: MessageId) -> DeletionReceipt:
        """Delete the user's own message, and publish the deletion to the channel.

        Raises:
            MessageNotFound: The message does not exist, or the user is not a member of its channel.
            NotTheAuthor: Another user wrote the message.
        """
        return await self._changes.run(message_id, partial(self._delete, message_id, user_id))

    async def catch_up(self) -> None:
        """Publish every message and change that was stored but not published."""
        await self._publisher.catch_up()
        for message_id, change in self._unconfirmed.items():
            await self._publish_if_stored(message_id, change)

    async def on_application_shutdown(self, _signal: str | None) -> None:
        """Wait for the running writes. No new writes start, because the servers are closed."""
        await self._changes.drain(DRAIN_TIMEOUT_SECONDS)
        await self._drafts.drain(DRAIN_TIMEOUT_SECONDS)

    async def _store_and_publish(self, drafts: Sequence[MessageDraft]) -> Sequence[AddOutcome]:
        for draft in drafts:
            if not self._publisher.is_prepared(draft.channel_id):
                await self._publisher.prepare({draft.channel_id for draft in drafts})
                break
        try:
            outcomes = await self._messages.add_all(drafts, self._clock.now())
        except Unconfirmed:
            channel_ids = {draft.channel_id for draft in drafts}
            self._publisher.fall_behind(channel_ids, UNCONFIRMED_SECONDS)
            raise
        stored: dict[ChannelId, list[StoredMessage]] = {}
        for draft, outcome in zip(drafts, outcomes, strict=True):
            if isinstance(outcome, StoredMessage):
                stored.setdefault(outcome.message.channel_id, []).append(outcome)
            elif isinstance(outcome, Unconfirmed):
                self._publisher.fall_behind((draft.channel_id,), UNCONFIRMED_SECONDS)
        for channel_id, messages in stored.items():
            await self._publish_stored(channel_id, messages)
        return outcomes

    async def _publish_stored(
        self, channel_id: ChannelId, messages: Sequence[StoredMessage]
    ) -> None:
        try:
            for each in messages:
                sender_id = each.message.user_id
                is_listening = self._events.is_listening(channel_id, sender_id)
                if not is_listening and self._room_sync.is_connected(sender_id):
                    await self._publisher.reload_members(channel_id)
                    break
            await self._publisher.publish(channel_id, messages)
        except Exception as error:  # noqa: BLE001 - committed, so the acks must still succeed
            self._publisher.fall_behind((channel_id,), 0)
            if not isinstance(error, Unavailable):
                log_unpublished(error)

    async def _update(self, message_id: MessageId, user_id: UserId, content: str) -> Message:
        channel_id = await self._channel_of(message_id)
        with self._unconfirmed.watch(message_id, self._change(channel_id, content)):
            message = await self._messages.update(message_id, user_id, content, self._clock.now())
        self._unconfirmed.forget(message_id)
        await self._publisher.publish_change(channel_id, ServerEvent.MESSAGE_UPDATED, message)
        return message

    async def _delete(self, message_id: MessageId, user_id: UserId) -> DeletionReceipt:
        channel_id = await self._channel_of(message_id)
        with self._unconfirmed.watch(message_id, self._change(channel_id, None)):
            deleted = await self._messages.delete(message_id, user_id)
        self._unconfirmed.forget(message_id)
        await self._publisher.publish_change(channel_id, ServerEvent.MESSAGE_DELETED, deleted)
        return DeletionReceipt(message_id=deleted.message_id)

    async def _channel_of(self, message_id: MessageId) -> ChannelId:
        message = await self._messages.find(message_id)
        if message is None:
            raise MessageNotFound
        return message.channel_id

    def _change(self, channel_id: ChannelId, content: str | None) -> _Change:
        return _Change(channel_id, content, self._clock.monotonic() + UNCONFIRMED_SECONDS)

    async def _publish_if_stored(self, message_id: MessageId, change: _Change) -> None:
        began = self._clock.monotonic()
        message = await self._messages.find(message_id)
        if self._unconfirmed.get(message_id) is not change:
            return  # a later change was published, or is unconfirmed itself
        is_stored = message is None or message.content == change.content
        if not is_stored and began < change.until:
            return  # the commit may still succeed
        # Forget this change before publishing it: during the publication, another change of the
        # message may become unconfirmed, and must not be forgotten.
        self._unconfirmed.forget(message_id)
        if message is None:
            deleted = DeletedMessage(message_id=message_id, channel_id=change.channel_id)
            await self._publisher.publish_change(
                change.channel_id, ServerEvent.MESSAGE_DELETED, deleted
            )
        elif is_stored:
            await self._publisher.publish_change(
                change.channel_id, ServerEvent.MESSAGE_UPDATED, message
            )
