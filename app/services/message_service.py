"""Sending, changing and deleting messages: store, then tell the channel, in one order for all."""

from functools import partial

from app.domain.errors import FieldFault, InvalidPayload, MessageNotFound
from app.domain.events import ServerEvent
from app.domain.ids import ChannelId, ClientMessageId, MessageId, UserId, new_id
from app.domain.message import DeletionReceipt, Message, MessageDraft
from app.domain.rooms import channel_room
from app.ports import Broadcaster, Clock, EagerStarter, MessageRepository
from app.services.ordered_work import DRAIN_TIMEOUT_SECONDS, OrderedWork
from app.services.typing_service import TypingService

_WHITESPACE = "\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""What JavaScript's ``trim`` takes off: server and frontend must agree on what is empty."""


class MessageService:
    """What members do with messages.

    The channel is told after the commit and before the caller is answered. Per channel, storing
    and telling are one step: every member hears of its messages in the order of storing. Once a
    write has begun it is told, even if its caller is cancelled meanwhile.
    """

    def __init__(
        self,
        messages: MessageRepository,
        typing: TypingService,
        broadcaster: Broadcaster,
        clock: Clock,
        max_content_chars: int,
        starter: EagerStarter,
    ) -> None:
        self._messages = messages
        self._typing = typing
        self._broadcaster = broadcaster
        self._clock = clock
        self._max_content_chars = max_content_chars
        self._writes = OrderedWork(starter)

    async def send(
        self,
        user_id: UserId,
        channel_id: ChannelId,
        content: str,
        client_message_id: ClientMessageId | None,
    ) -> Message:
        """Store a message durably; the sender's typing ends, then the channel hears of it.

        Sent again with the same ``client_message_id``, it stores and tells nothing and returns
        the message stored first.

        Raises:
            InvalidPayload: The content is empty, too long or not text.
            NotAMember: The sender does not belong to the channel.
            MessageDeleted: It was stored before and has since been deleted.
            Unavailable: Nothing was stored.
        """
        draft = MessageDraft(
            id=MessageId(new_id()),
            channel_id=channel_id,
            user_id=user_id,
            content=self._checked(content),
            client_message_id=client_message_id,
        )
        return await self._writes.run(channel_id, partial(self._add, draft))

    async def update(self, user_id: UserId, message_id: MessageId, content: str) -> Message:
        """Replace the content of the user's own message; the channel hears of it.

        Raises:
            InvalidPayload: The content is empty, too long or not text.
            MessageNotFound: Missing, or in a channel that is not the user's.
            NotTheAuthor: It is somebody else's.
            Unavailable: Nothing was changed.
        """
        checked = self._checked(content)
        channel_id = await self._channel_of(message_id)
        return await self._writes.run(
            channel_id, partial(self._update, message_id, user_id, checked)
        )

    async def delete(self, user_id: UserId, message_id: MessageId) -> DeletionReceipt:
        """Delete the user's own message; the channel hears of it.

        Raises:
            MessageNotFound: Missing, or in a channel that is not the user's.
            NotTheAuthor: It is somebody else's.
            Unavailable: Nothing was deleted.
        """
        channel_id = await self._channel_of(message_id)
        return await self._writes.run(channel_id, partial(self._delete, message_id, user_id))

    async def on_application_shutdown(self, _signal: str | None) -> None:
        """Let what was begun reach the store; the servers are closed by now, so nothing begins."""
        await self._writes.drain(DRAIN_TIMEOUT_SECONDS)

    async def _add(self, draft: MessageDraft) -> Message:
        stored = await self._messages.add(draft, self._clock.now())
        self._typing.end(draft.user_id, draft.channel_id)
        if stored.is_new:
            self._tell(draft.channel_id, ServerEvent.MESSAGE_CREATED, stored.message)
        return stored.message

    async def _update(self, message_id: MessageId, user_id: UserId, content: str) -> Message:
        message = await self._messages.update(message_id, user_id, content, self._clock.now())
        self._tell(message.channel_id, ServerEvent.MESSAGE_UPDATED, message)
        return message

    async def _delete(self, message_id: MessageId, user_id: UserId) -> DeletionReceipt:
        deleted = await self._messages.delete(message_id, user_id)
        self._tell(deleted.channel_id, ServerEvent.MESSAGE_DELETED, deleted)
        return DeletionReceipt(message_id=deleted.message_id)

    async def _channel_of(self, message_id: MessageId) -> ChannelId:
        channel_id = await self._messages.channel_of(message_id)
        if channel_id is None:
            raise MessageNotFound
        return channel_id

    def _checked(self, content: str) -> str:
        trimmed = content.strip(_WHITESPACE)
        fault = self._fault_in(trimmed)
        if fault is not None:
            raise InvalidPayload(FieldFault("content", fault))
        return trimmed

    def _fault_in(self, content: str) -> str | None:
        if not content:
            return "must not be empty"
        if len(content) > self._max_content_chars:
            return f"must be at most {self._max_content_chars} characters"
        if not _is_text(content):
            return "must not hold NUL characters or lone surrogates"
        return None

    def _tell(self, channel_id: ChannelId, event: ServerEvent, payload: object) -> None:
        self._broadcaster.publish(channel_room(channel_id), event, payload)


def _is_text(content: str) -> bool:
    # Databases refuse NUL; a lone surrogate cannot be written as UTF-8, and would fail later, in
    # the writer of every recipient.
    try:
        content.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in content
