"""Stores messages."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias, runtime_checkable

from app.domain.errors import ClientMessageIdReused, MessageDeleted, NotAMember, Unavailable
from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import DeletedMessage, Message, MessageDraft


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A stored message.

    Attributes:
        is_new: False if an earlier call has stored a message with the same client message id.
    """

    message: Message
    is_new: bool


AddOutcome: TypeAlias = (
    StoredMessage | NotAMember | MessageDeleted | ClientMessageIdReused | Unavailable
)
"""The outcome of a draft. Errors are returned, because other drafts of a call may succeed."""


@runtime_checkable
class MessageRepository(Protocol):
    """Stores messages. Each method runs its checks and changes in one transaction.

    Every method raises `Unavailable` if the storage fails. Nothing was changed in this case, unless
    the error is `Unconfirmed`: then a commit was interrupted, and the change may be stored.
    """

    async def add_all(self, drafts: Sequence[MessageDraft], now: datetime) -> Sequence[AddOutcome]:
        """Store messages durably, with a SENT delivery for every other member of their channels.

        Returns one outcome per draft, in the order of the drafts. In each channel, ``seq`` counts
        from 1 without gaps, in the order in which messages are stored; a call stores its drafts in
        their order. The ``seq`` of a deleted message is not used again. A user can use a client
        message id only once: if any node has stored a message with this id, that message is
        returned, and the draft is not stored.

        A draft is refused with one of these errors, checked in this order:

        - `NotAMember`: the sender is not a member of the channel.
        - `ClientMessageIdReused`: the first send with the client message id had another channel or
          content (see `FirstSend`).
        - `MessageDeleted`: the message with the client message id was deleted.

        The outcome is `Unavailable` if another program holds a lock on the sender or the channel
        for too long.
        """
        ...

    async def update(
        self, message_id: MessageId, editor_id: UserId, content: str, now: datetime
    ) -> Message:
        """Replace the content, and set ``updated_at`` to ``now``.

        Raises:
            MessageNotFound: The message does not exist, or the editor is not a member of the
                channel.
            NotTheAuthor: The editor is a member, but not the author.
        """
        ...

    async def delete(self, message_id: MessageId, editor_id: UserId) -> DeletedMessage:
        """Delete the message and its deliveries, but keep its client message id.

        Raises:
            MessageNotFound: The message does not exist, or the editor is not a member of the
                channel.
            NotTheAuthor: The editor is a member, but not the author.
        """
        ...

    async def list_after(
        self, channel_id: ChannelId, reader_id: UserId, after_seq: int, limit: int
    ) -> tuple[Message, ...]:
        """Return the first ``limit`` messages of the channel with ``seq > after_seq``.

        The messages are sorted by ``seq``.

        Raises:
            NotAMember: The reader is not a member of the channel.
        """
        ...

    async def stored_after(
        self, channel_id: ChannelId, after_seq: int, limit: int
    ) -> tuple[Message, ...]:
        """Return the same messages as `list_after`, but check no reader's membership."""
        ...

    async def last_seqs(self, channel_ids: Collection[ChannelId]) -> Mapping[ChannelId, int]:
        """Return the last ``seq`` of each channel; 0 for a channel that never had a message."""
        ...

    async def find(self, message_id: MessageId) -> Message | None:
        """Return a message, or None if it does not exist. No reader's membership is checked."""
        ...
