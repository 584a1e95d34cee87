"""One in-memory database: the tables that the memory repositories share."""

from app.adapters.memory.rows import ChannelRow, MessageRow
from app.domain.channel import Channel
from app.domain.errors import MessageNotFound
from app.domain.ids import ChannelId, ClientMessageId, MessageId, UserId
from app.domain.message import FirstSend
from app.domain.user import User
from app.ports import WriteAdmission


class MemoryStore(WriteAdmission):
    """Rows and the indexes over them. Ends with the process; nothing but a deletion shrinks it.

    A repository's method is a transaction because it awaits nothing between its first read and its
    last write.
    """

    def __init__(self) -> None:
        self.writers = 1
        self.users: dict[UserId, User] = {}
        self.channels: dict[ChannelId, ChannelRow] = {}
        self.descriptions: dict[ChannelId, Channel] = {}
        self.channels_of_user: dict[UserId, dict[ChannelId, ChannelRow]] = {}
        self.messages: dict[MessageId, MessageRow] = {}
        self.client_messages: dict[tuple[UserId, ClientMessageId], FirstSend] = {}
        self.last_position = 0

    async def admit_writer(self) -> None:
        """Return at once: memory always answers."""

    def join(self, channel_id: ChannelId, user_id: UserId) -> None:
        """The user belongs to the channel from now on; both are created if they are missing."""
        channel = self.channels.setdefault(channel_id, ChannelRow())
        channel.join(user_id)
        self.channels_of_user.setdefault(user_id, {})[channel_id] = channel

    def leave(self, channel_id: ChannelId, user_id: UserId) -> None:
        """The member belongs to the channel no more."""
        self.channels_of_user[user_id].pop(channel_id).leave(user_id)

    def channel_for(self, channel_id: ChannelId, user_id: UserId) -> ChannelRow | None:
        """A channel as its member may see it; None when the user belongs to no such channel."""
        return self.channels_of_user.get(user_id, {}).get(channel_id)

    def message_for(self, message_id: MessageId, user_id: UserId) -> tuple[MessageRow, ChannelRow]:
        """A message as a member of its channel may see it, and the channel.

        Raises:
            MessageNotFound: Missing, or the user is not a member of its channel.
        """
        row = self.messages.get(message_id)
        channel = None if row is None else self.channel_for(row.message.channel_id, user_id)
        if row is None or channel is None:
            raise MessageNotFound
        return row, channel
