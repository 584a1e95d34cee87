"""Tracks which sockets of this node are subscribed to which channel."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from app.domain.ids import ChannelId, SocketId, UserId
from app.ports import ChannelRepository


@dataclass(eq=False, slots=True)
class _Query:
    belongs: dict[ChannelId, bool] = field(default_factory=dict)


class EventService:
    """Keeps the subscriptions of this node's sockets in memory.

    The subscriptions are grouped by user, because all sockets of a user usually follow the same
    channels. Empty entries are removed, so memory use depends only on the connected sockets.
    """

    def __init__(self, channels: ChannelRepository) -> None:
        self._channels = channels
        self._sockets: dict[UserId, dict[ChannelId, tuple[SocketId, ...]]] = {}
        self._queries: dict[UserId, set[_Query]] = {}

    async def get_user_channels(self, user_id: UserId) -> tuple[ChannelId, ...]:
        """Return the channels of which the user is a member, sorted by id.

        Membership changes that `changed` receives during the query are applied to the result.
        Therefore a caller misses no change if it subscribes to these channels before it awaits
        anything else.

        Raises:
            Unavailable: The storage does not answer.
        """
        query = _Query()
        queries = self._queries.setdefault(user_id, set())
        queries.add(query)
        try:
            stored = await self._channels.channels_of(user_id)
        finally:
            queries.remove(query)
            if not queries:
                del self._queries[user_id]
        if not query.belongs:
            return stored
        belongs = dict.fromkeys(stored, True) | query.belongs
        return tuple(sorted(channel_id for channel_id in belongs if belongs[channel_id]))

    def changed(self, channel_id: ChannelId, user_ids: Iterable[UserId], *, belong: bool) -> None:
        """Apply a membership change of these users to the results of their running queries."""
        for user_id in user_ids:
            for query in self._queries.get(user_id, ()):
                query.belongs[channel_id] = belong

    def subscribe(self, channel_id: ChannelId, socket_id: SocketId, user_id: UserId) -> None:
        """Subscribe a socket of the user to the channel; repeating it changes nothing."""
        channels = self._sockets.setdefault(user_id, {})
        sockets = channels.get(channel_id, ())
        if socket_id not in sockets:
            channels[channel_id] = (*sockets, socket_id)

    def unsubscribe(self, channel_id: ChannelId, socket_id: SocketId, user_id: UserId) -> None:
        """Unsubscribe a socket of the user, if it is subscribed."""
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
        """Return the ids of the socket's channels, sorted; empty for an unknown socket."""
        channels = self._sockets.get(user_id, {})
        return tuple(sorted(each for each, sockets in channels.items() if socket_id in sockets))

    def channels_of_user(self, user_id: UserId) -> tuple[ChannelId, ...]:
        """Return the ids of the channels to which sockets of the user on this node subscribe."""
        return tuple(self._sockets.get(user_id, ()))

    def is_listening(self, channel_id: ChannelId, user_id: UserId) -> bool:
        """Return whether any socket of the user is subscribed to the channel."""
        return channel_id in self._sockets.get(user_id, ())
