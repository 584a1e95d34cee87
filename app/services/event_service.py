"""Who listens where: which sockets of which user follow which channel on this node."""

from app.domain.ids import ChannelId, SocketId, UserId
from app.ports import ChannelRepository


class EventService:
    """Keeps the subscriptions of this node's sockets, in memory.

    One map, by user: all sockets of a user follow much the same channels. What becomes empty is
    removed, so that it is no larger than the connected sockets make it.
    """

    def __init__(self, channels: ChannelRepository) -> None:
        self._channels = channels
        self._sockets: dict[UserId, dict[ChannelId, tuple[SocketId, ...]]] = {}

    async def get_user_channels(self, user_id: UserId) -> tuple[ChannelId, ...]:
        """The channels the user belongs to, sorted by id.

        Raises:
            Unavailable: It cannot be known now.
        """
        return await self._channels.channels_of(user_id)

    def subscribe(self, channel_id: ChannelId, socket_id: SocketId, user_id: UserId) -> None:
        """The user's socket follows the channel; repeating it changes nothing."""
        channels = self._sockets.setdefault(user_id, {})
        sockets = channels.get(channel_id, ())
        if socket_id not in sockets:
            channels[channel_id] = (*sockets, socket_id)

    def unsubscribe(self, channel_id: ChannelId, socket_id: SocketId, user_id: UserId) -> None:
        """The user's socket no longer follows the channel; harmless when it never did."""
        channels = self._sockets.get(user_id, {})
        sockets = channels.get(channel_id, ())
        if socket_id not in sockets:
            return
        if len(sockets) > 1:
            channels[channel_id] = tuple(each for each in sockets if each != socket_id)
            return
        del channels[channel_id]
        if not channels:
            del self._sockets[user_id]

    def channels_of_socket(self, socket_id: SocketId, user_id: UserId) -> tuple[ChannelId, ...]:
        """The channels the user's socket follows, sorted by id; none for an unknown socket."""
        channels = self._sockets.get(user_id, {})
        return tuple(sorted(each for each, sockets in channels.items() if socket_id in sockets))

    def is_listening(self, channel_id: ChannelId, user_id: UserId) -> bool:
        """Whether any socket of the user follows the channel."""
        return channel_id in self._sockets.get(user_id, ())
