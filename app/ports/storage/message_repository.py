"""Messages: each method is one transaction, checks included."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias, runtime_checkable

from app.domain.errors import ClientMessageIdReused, MessageDeleted, NotAMember
from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import DeletedMessage, Message, MessageDraft


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message, and whether this call stored it or an earlier one with the same client id."""

    message: Message
    is_new: bool


AddOutcome: TypeAlias = StoredMessage | NotAMember | MessageDeleted | ClientMessageIdReused
"""What became of a draft; a refusal is a value here, since its neighbours are stored."""


@runtime_checkable
class MessageRepository(Protocol):
    """Every method raises `Unavailable` when the storage fails; then nothing has happened.

    Only when it is `Unconfirmed` is that not known: a commit was under way.
    """

    async def add_all(self, drafts: Sequence[MessageDraft], now: datetime) -> Sequence[AddOutcome]:
        """Store messages together, with a SENT delivery for every other member of their channels.

        Durable when it returns; one outcome per draft, in their order. ``seq`` counts from 1 in
        each channel, without gaps, in the order of storing, and here in that of the drafts; a
        deletion frees no number. ``(user_id, client_message_id)`` is unique for good: what was
        stored under it, in this call or by any node ever, is given back and not stored again.

        A refusal is one of these, checked in this order:

        - `NotAMember`: the sender does not belong to the channel.
        - `ClientMessageIdReused`: the client message id was stored with another channel or content,
          compared by `FirstSend` with what was first sent.
        - `MessageDeleted`: it was stored with these, and the message has since been deleted.
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

    async def list_after(
        self, channel_id: ChannelId, reader_id: UserId, after_seq: int, limit: int
    ) -> tuple[Message, ...]:
        """The first ``limit`` messages of the channel with ``seq > after_seq``, by ``seq``.

        Raises:
            NotAMember: The reader does not belong to the channel.
        """
        ...

    async def stored_after(
        self, channel_id: ChannelId, after_seq: int, limit: int
    ) -> tuple[Message, ...]:
        """As `list_after`, for the server itself: nobody's membership is asked."""
        ...

    async def last_seqs(self, channel_ids: Collection[ChannelId]) -> Mapping[ChannelId, int]:
        """The number that each channel's newest message has or had; 0 before the first."""
        ...

    async def find(self, message_id: MessageId) -> Message | None:
        """A message, for the server itself; None when there is no such message."""
        ...
