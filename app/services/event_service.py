"""Who listens where: which sockets of which user follow which channel on this node."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from app.domain.ids import ChannelId, SocketId, UserId
from app.ports import ChannelRepository


@dataclass(eq=False, slots=True)
class _Inquiry:
    """A question that is on its way, and where the user has come or gone since it was asked."""

    belongs: dict[ChannelId, bool] = field(default_factory=dict)


class EventService:
    """Keeps the subscriptions of this node's sockets, in memory.

    One map, by user: all sockets of a user follow much the same channels. What becomes empty is
    removed, so that it is no larger than the connected sockets make it.
    """

    def __init__(self, channels: ChannelRepository) -> None:
        self._channels = channels
        self._sockets: dict[UserId, dict[ChannelId, tuple[SocketId, ...]]] = {}
        self._inquiries: dict[UserId, set[_Inquiry]] = {}

    async def get_user_channels(self, user_id: UserId) -> tuple[ChannelId, ...]:
        """The channels the user belongs to, sorted by id.

        A change that came by `changed` while storage was asked counts, whatever storage says: a
        caller that subscribes without waiting in between misses none.

        Raises:
            Unavailable: It cannot be known now.
        """
        inquiry = _Inquiry()
        inquiries = self._inquiries.setdefault(user_id, set())
        inquiries.add(inquiry)
        try:
            stored = await self._channels.channels_of(user_id)
        finally:
            inquiries.remove(inquiry)
            if not inquiries:
                del self._inquiries[user_id]
        if not inquiry.belongs:
            return stored
        belongs = dict.fromkeys(stored, True) | inquiry.belongs
        return tuple(sorted(channel_id for channel_id in belongs if belongs[channel_id]))

    def changed(self, channel_id: ChannelId, user_ids: Iterable[UserId], *, belong: bool) -> None:
        """These users belong to the channel from now on, or do so no more."""
        for user_id in user_ids:
            for inquiry in self._inquiries.get(user_id, ()):
                inquiry.belongs[channel_id] = belong

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
