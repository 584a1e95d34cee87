"""Who listens where: which sockets of which user follow which channel on this node."""

from app.domain.ids import ChannelId, SocketId, UserId
from app.ports import ChannelRepository


class EventService:
    """Keeps the subscriptions of this node's sockets, in memory.

    Two maps, each the mirror of the other; what becomes empty is removed, so that both are no
    larger than the connected sockets make them.
    """

    def __init__(self, channels: ChannelRepository) -> None:
        self._channels = channels
        self._sockets: dict[tuple[ChannelId, UserId], set[SocketId]] = {}
        self._seats: dict[SocketId, set[tuple[ChannelId, UserId]]] = {}

    async def get_user_channels(self, user_id: UserId) -> tuple[ChannelId, ...]:
        """The channels the user belongs to, sorted by id.

        Raises:
            Unavailable: It cannot be known now.
        """
        return await self._channels.channels_of(user_id)

    def subscribe(self, channel_id: ChannelId, socket_id: SocketId, user_id: UserId) -> None:
        """The user's socket follows the channel; repeating it changes nothing."""
        seat = (channel_id, user_id)
        self._sockets.setdefault(seat, set()).add(socket_id)
        self._seats.setdefault(socket_id, set()).add(seat)

    def unsubscribe(self, channel_id: ChannelId, socket_id: SocketId, user_id: UserId) -> None:
        """The user's socket no longer follows the channel; harmless when it never did."""
        seat = (channel_id, user_id)
        sockets = self._sockets.get(seat, set())
        if socket_id not in sockets:
            return
        sockets.remove(socket_id)
        if not sockets:
            del self._sockets[seat]
        seats = self._seats[socket_id]
        seats.remove(seat)
        if not seats:
            del self._seats[socket_id]

    def channels_of_socket(self, socket_id: SocketId) -> tuple[ChannelId, ...]:
        """The channels the socket follows, sorted by id; none for an unknown socket."""
        return tuple(sorted({channel_id for channel_id, _ in self._seats.get(socket_id, ())}))

    def is_listening(self, channel_id: ChannelId, user_id: UserId) -> bool:
        """Whether any socket of the user follows the channel."""
        return (channel_id, user_id) in self._sockets
