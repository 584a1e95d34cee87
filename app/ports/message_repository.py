"""Messages: each method is one transaction, checks included."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import DeletedMessage, Message, MessageDraft


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message, and whether this call stored it or an earlier one with the same client id."""

    message: Message
    is_new: bool


@runtime_checkable
class MessageRepository(Protocol):
    """Every method raises `Unavailable` when the storage fails; then nothing has happened."""

    async def add(self, draft: MessageDraft, now: datetime) -> StoredMessage:
        """Store a message and a SENT delivery for every other member of its channel.

        Durable when it returns. ``seq`` counts from 1 in each channel, without gaps, in the order
        of storing; a deletion frees no number. ``(user_id, client_message_id)`` is unique for good.

        Raises:
            NotAMember: The sender does not belong to the channel (checked before anything else).
            MessageDeleted: This client message id was stored and the message has been deleted.
        """
        ...

    async def update(
        self, message_id: MessageId, editor_id: UserId, content: str, now: datetime
    ) -> Message:
        """Replace the content; ``updated_at`` becomes ``now``.

        Raises:
            MessageNotFound: Missing, or the editor is not a member of its channel.
            NotTheAuthor: A member, but not the author.
        """
        ...

    async def delete(self, message_id: MessageId, editor_id: UserId) -> DeletedMessage:
        """Delete the message and its deliveries. Its client message id stays taken.

        Raises:
            MessageNotFound: Missing, or the editor is not a member of its channel.
            NotTheAuthor: A member, but not the author.
        """
        ...

    async def channel_of(self, message_id: MessageId) -> ChannelId | None:
        """The channel of a message, None when there is no such message."""
        ...

    async def list_after(
        self, channel_id: ChannelId, reader_id: UserId, after_seq: int, limit: int
    ) -> tuple[Message, ...]:
        """The first ``limit`` messages of the channel with ``seq > after_seq``, by ``seq``.

        Raises:
            NotAMember: The reader does not belong to the channel.
        """
        ...
