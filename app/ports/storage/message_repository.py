"""The storage of messages."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias, runtime_checkable

from app.domain.errors import ClientMessageIdReused, MessageDeleted, NotAMember
from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import DeletedMessage, Message, MessageDraft


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A stored message.

    Attributes:
        is_new: False if an earlier call has stored it, under the same client message id.
    """

    message: Message
    is_new: bool


AddOutcome: TypeAlias = StoredMessage | NotAMember | MessageDeleted | ClientMessageIdReused
"""The outcome of a draft. A refusal is returned, not raised: the other drafts are stored."""


@runtime_checkable
class MessageRepository(Protocol):
    """Stores messages. Each method is one transaction, which includes its checks.

    Every method raises `Unavailable` when the storage fails; then nothing was changed. If the error
    is `Unconfirmed`, a commit was interrupted, so the change may be stored.
    """

    async def add_all(self, drafts: Sequence[MessageDraft], now: datetime) -> Sequence[AddOutcome]:
        """Store messages durably, with a SENT delivery for every other member of their channels.

        Returns one outcome per draft, in their order. In each channel ``seq`` counts from 1 without
        gaps, in the order of storing; in one call, in the order of the drafts. The number of a
        deleted message is not used again. ``(user_id, client_message_id)`` stays unique for ever:
        if any node has stored a message under it, that message is returned, and nothing is stored.

        A draft is refused with one of these errors, checked in this order:

        - `NotAMember`: the sender does not belong to the channel.
        - `ClientMessageIdReused`: another channel or content was first sent under the client
          message id, as `FirstSend` decides.
        - `MessageDeleted`: the message that was first sent under it has been deleted since.
        """
        ...

    async def update(
        self, message_id: MessageId, editor_id: UserId, content: str, now: datetime
    ) -> Message:
        """Replace the content, and set ``updated_at`` to ``now``.

        Raises:
            MessageNotFound: There is no such message, or the editor is no member of its channel.
            NotTheAuthor: The editor is a member, but not the author.
        """
        ...

    async def delete(self, message_id: MessageId, editor_id: UserId) -> DeletedMessage:
        """Delete the message and its deliveries, but keep its client message id.

        Raises:
            MessageNotFound: There is no such message, or the editor is no member of its channel.
            NotTheAuthor: The editor is a member, but not the author.
        """
        ...

    async def list_after(
        self, channel_id: ChannelId, reader_id: UserId, after_seq: int, limit: int
    ) -> tuple[Message, ...]:
        """Return the first ``limit`` messages of the channel with ``seq > after_seq``, by ``seq``.

        Raises:
            NotAMember: The reader does not belong to the channel.
        """
        ...

    async def stored_after(
        self, channel_id: ChannelId, after_seq: int, limit: int
    ) -> tuple[Message, ...]:
        """Return the same messages as `list_after`, without a reader to be checked."""
        ...

    async def last_seqs(self, channel_ids: Collection[ChannelId]) -> Mapping[ChannelId, int]:
        """Return the last ``seq`` of each channel; 0 if it never had a message."""
        ...

    async def find(self, message_id: MessageId) -> Message | None:
        """Return a message, without a reader to be checked; None if there is no such message."""
        ...
