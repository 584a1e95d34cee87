"""The database that the repositories in memory share."""

from app.adapters.memory.rows import ChannelRow, MessageRow
from app.domain.channel import Channel
from app.domain.errors import MessageNotFound
from app.domain.ids import ChannelId, ClientMessageId, MessageId, UserId
from app.domain.message import FirstSend, User
from app.ports import WriteAdmission


class MemoryStore(WriteAdmission):
    """Holds the rows and their indexes until the process ends.

    Each repository method is atomic, because it does not await between its first read and its last
    write.
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
        """Return at once, as memory always accepts writes."""

    def join(self, channel_id: ChannelId, user_id: UserId) -> None:
        """Add the user to the channel, and create the channel if it is missing."""
        channel = self.channels.setdefault(channel_id, ChannelRow())
        channel.join(user_id)
        self.channels_of_user.setdefault(user_id, {})[channel_id] = channel

    def leave(self, channel_id: ChannelId, user_id: UserId) -> None:
        """Remove the member from the channel."""
        self.channels_of_user[user_id].pop(channel_id).leave(user_id)

    def channel_for(self, channel_id: ChannelId, user_id: UserId) -> ChannelRow | None:
        """Return the channel, or None if the user is not a member of it."""
        return self.channels_of_user.get(user_id, {}).get(channel_id)

    def message_for(self, message_id: MessageId, user_id: UserId) -> tuple[MessageRow, ChannelRow]:
        """Return a message and its channel, for a member of the channel.

        Raises:
            MessageNotFound: The message is missing, or the user is not a member of its channel.
        """
        row = self.messages.get(message_id)
        channel = None if row is None else self.channel_for(row.message.channel_id, user_id)
        if row is None or channel is None:
            raise MessageNotFound
        return row, channel
