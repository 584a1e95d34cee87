"""Updates the sockets in each channel's room, so that only members receive the events."""

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress

from app.domain.channel import MembershipEvent, MembershipUpdate
from app.domain.errors import NotAMember, Unavailable
from app.domain.ids import ChannelId, UserId
from app.domain.rooms import channel_room, user_room
from app.ports import ChannelRepository, Clock, MembershipBus, SocketRooms
from app.services.channels.member_cache import MemberCache
from app.services.event_service import EventService


class RoomSync:
    """Moves this node's sockets into and out of the rooms of their users' channels.

    Updates `EventService` for every socket that it moves. Updates from the `MembershipBus` are
    applied immediately. `refresh` applies changes that other programs write to the database.
    """

    def __init__(
        self,
        channels: ChannelRepository,
        events: EventService,
        rooms: SocketRooms,
        membership: MembershipBus,
        clock: Clock,
    ) -> None:
        self._channels = channels
        self._events = events
        self._rooms = rooms
        self._members = MemberCache(channels, clock, self._set_members)
        self._on_left: Callable[[UserId, ChannelId], None] = _ignore
        self._on_deleted: list[Callable[[ChannelId], None]] = []
        membership.listen(self.apply)

    def when_left(self, on_left: Callable[[UserId, ChannelId], None]) -> None:
        """Set the only listener, which is called for each user who has left a channel.

        At the time of the call, the user's sockets have left the channel's room. The listener must
        return quickly and must not raise.
        """
        self._on_left = on_left

    def when_deleted(self, on_deleted: Callable[[ChannelId], None]) -> None:
        """Add a listener for deleted channels. It must return quickly and must not raise."""
        self._on_deleted.append(on_deleted)

    def is_fresh(self, channel_id: ChannelId) -> bool:
        """Return whether the channel's members are fresh: see `MemberCache.is_fresh`."""
        return self._members.is_fresh(channel_id)

    def fresh_until(self, channel_id: ChannelId) -> float:
        """Return the monotonic time until which the members are fresh; -inf if never loaded."""
        return self._members.fresh_until(channel_id)

    def announce_members(self, announce: Callable[[ChannelId, int], None]) -> None:
        """Announce changes of members by other programs to the other nodes: see `MemberCache`."""
        self._members.announce = announce

    def is_current(self, channel_id: ChannelId) -> bool:
        """Return whether an event of another node needs no load: see `MemberCache.is_current`."""
        return self._members.is_current(channel_id)

    def compare_members(self, channel_id: ChannelId, digest: int) -> None:
        """Compare a digest that another node has announced: see `MemberCache.compare`."""
        self._members.compare(channel_id, digest)

    def invalidate_all(self) -> None:
        """Load the members of each channel before its next event."""
        self._members.invalidate_all()

    async def refresh(self, channel_id: ChannelId) -> None:
        """Update the channel's room to its current members; call this before each publication.

        Does nothing if the members are fresh in the cache. Concurrent calls share one load. While
        the storage does not answer, the rooms stay as they are. The call suspends only if it loads
        the members.
        """
        if not self.is_fresh(channel_id):
            with suppress(Unavailable):
                await self._members.load((channel_id,))

    async def refresh_all(self, channel_ids: Collection[ChannelId]) -> None:
        """Refresh several channels with one query; raise `Unavailable` if the storage fails."""
        await self._members.load(channel_ids)

    async def reload(self, channel_id: ChannelId) -> None:
        """Reload the members now, ignoring the cache.

        Call this if the cached members are out of date. If the storage does not answer, the
        room stays as it is, and the next `refresh` tries again.
        """
        self._members.invalidate(channel_id)
        await self.refresh(channel_id)

    async def require_member(self, channel_id: ChannelId, user_id: UserId) -> None:
        """Raise unless the user is a member. Call this before any access to the channel's data.

        Queries the storage, so channel ids that a client made up are rejected too. A user with a
        socket in the channel's room counts as a member: `MessageService` does not call this for
        such a user, and `TypingService` calls this only if the channel's members are not fresh.

        Raises:
            NotAMember: The user is not a member of the channel.
            Unavailable: The storage does not answer.
        """
        if not await self._channels.is_member(channel_id, user_id):
            raise NotAMember

    def join(self, user_id: UserId, channel_ids: Iterable[ChannelId]) -> None:
        """Add every socket of the user on this node to the rooms of these channels."""
        for channel_id in channel_ids:
            self._join(channel_id, (user_id,))

    def is_connected(self, user_id: UserId) -> bool:
        """Return whether the user has a socket on this node."""
        return not self._rooms.is_empty(user_room(user_id))

    def is_in_room(self, user_id: UserId, channel_id: ChannelId) -> bool:
        """Return whether the user has a socket in the channel's room on this node."""
        if not self._events.is_listening(channel_id, user_id):
            return False
        # Only in a cluster, look at the room itself, which takes longer: `EventService` does not
        # notice that a node in Node.js has removed a socket from a room.
        is_clustered = self._members.announce is not None
        return not is_clustered or self._rooms.has_user(user_id, channel_room(channel_id))

    def users_in_room(self, channel_id: ChannelId) -> frozenset[UserId]:
        """Return the users who have a socket in the channel's room on this node."""
        return self._rooms.users_in(channel_room(channel_id))

    def apply(self, update: MembershipUpdate) -> None:
        """Move the sockets of users whose membership changed. Repeating this changes nothing."""
        channel_id, user_ids = update.channel_id, update.user_ids
        joined = update.event is MembershipEvent.JOINED
        self._events.changed(channel_id, user_ids, belong=joined)
        self._members.apply(update)
        if joined:
            self._join(channel_id, user_ids)
        elif update.event is MembershipEvent.LEFT:
            self._leave(channel_id, user_ids)
        else:
            self._leave(channel_id, user_ids | self.users_in_room(channel_id))
            for on_deleted in self._on_deleted:
                on_deleted(channel_id)

    async def on_application_shutdown(self, _signal: str | None) -> None:
        """Cancel the running loads: all writes were published, so nothing needs the members."""
        await self._members.close()

    def _set_members(self, channel_id: ChannelId, members: frozenset[UserId]) -> None:
        self._leave(channel_id, self.users_in_room(channel_id) - members)
        self._join(channel_id, members)

    def _join(self, channel_id: ChannelId, user_ids: Collection[UserId]) -> None:
        joined = self._rooms.join(user_ids, channel_room(channel_id))
        for socket_id, user_id in joined.items():
            self._events.subscribe(channel_id, socket_id, user_id)

    def _leave(self, channel_id: ChannelId, user_ids: Collection[UserId]) -> None:
        left = self._rooms.leave(user_ids, channel_room(channel_id))
        for socket_id, user_id in left.items():
            self._events.unsubscribe(channel_id, socket_id, user_id)
        for user_id in user_ids:
            self._on_left(user_id, channel_id)


def _ignore(*_: object) -> None:
    pass
