"""Who hears what a channel is told: its members, whoever has changed them."""

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress

from app.domain.channel import MembershipEvent, MembershipNews
from app.domain.errors import NotAMember, Unavailable
from app.domain.ids import ChannelId, UserId
from app.domain.rooms import channel_room, user_room
from app.ports import ChannelRepository, Clock, MembershipBus, SocketRooms
from app.services.channels.member_cache import MemberCache
from app.services.event_service import EventService


class RoomSync:
    """Keeps this node's sockets in the rooms of the channels that their users belong to.

    `EventService` is told of every socket that is moved. A change that this node makes, or hears
    of, is applied at once; what others write to the database is noticed by `refresh`.
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
        self._readings = MemberCache(channels, clock, self._follow)
        self._on_left: Callable[[UserId, ChannelId], None] = _ignore
        self._on_ended: list[Callable[[ChannelId], None]] = []
        membership.listen(self.apply)

    def when_left(self, on_left: Callable[[UserId, ChannelId], None]) -> None:
        """Have it called with each user who has left a channel, when their sockets have.

        There is one listener; it must neither raise nor take long.
        """
        self._on_left = on_left

    def when_ended(self, on_ended: Callable[[ChannelId], None]) -> None:
        """Have it called, too, with each channel that is deleted; it must not raise either."""
        self._on_ended.append(on_ended)

    async def refresh(self, channel_id: ChannelId) -> None:
        """To be awaited before a channel is told anything: who is no member must not hear it.

        Reads the members unless they were just read, and then moves sockets in and out of the
        channel's room. Calls for one channel share a reading. While storage does not answer, rooms
        stay as they are. Does not suspend unless something is read.
        """
        if not self._readings.is_fresh(channel_id):
            with suppress(Unavailable):
                await self._readings.read((channel_id,))

    async def refresh_all(self, channel_ids: Collection[ChannelId]) -> None:
        """As `refresh`, for several channels by one question, before anything is begun.

        Raises:
            Unavailable: Storage does not answer: it would not take a message, either.
        """
        await self._readings.read(channel_ids)

    async def refresh_anew(self, channel_id: ChannelId) -> None:
        """As `refresh`, when somebody turned out to be a member who was none when it was read."""
        self._readings.forget(channel_id)
        await self.refresh(channel_id)

    async def require_member(self, channel_id: ChannelId, user_id: UserId) -> None:
        """Refuse a user who is not a member, before anything about the channel is read or kept.

        Channel ids come from clients, who may make up as many as they like. Users with a socket in
        the channel's room pass at once, even if they have just been removed; the storage is asked
        about others.

        Raises:
            NotAMember: The user does not belong to the channel.
            Unavailable: It cannot be known now.
        """
        if self._events.is_listening(channel_id, user_id):
            return
        if not await self._channels.is_member(channel_id, user_id):
            raise NotAMember

    def is_missing(self, channel_id: ChannelId, user_ids: Iterable[UserId]) -> bool:
        """Whether any of these has sockets here, and none of them in the channel's room."""
        return any(
            not self._events.is_listening(channel_id, user_id)
            and self._rooms.users_in(user_room(user_id))
            for user_id in user_ids
        )

    def is_fresh(self, channel_id: ChannelId) -> bool:
        """Whether `refresh` would find nothing to do: who has a socket in the room is a member."""
        return self._readings.is_fresh(channel_id)

    def size(self, channel_id: ChannelId) -> int:
        """How many members the last reading found; 1 if that was none, or is not known."""
        return self._readings.size(channel_id)

    def present(self, channel_id: ChannelId) -> frozenset[UserId]:
        """Who has a socket in the channel's room."""
        return self._rooms.users_in(channel_room(channel_id))

    def apply(self, news: MembershipNews) -> None:
        """Move the sockets of those to whom it happened. Repeating it changes nothing."""
        channel_id, user_ids = news.channel_id, news.user_ids
        joined = news.event is MembershipEvent.JOINED
        self._events.changed(channel_id, user_ids, belong=joined)
        self._readings.hear(news)
        if joined:
            self._join(channel_id, user_ids)
        elif news.event is MembershipEvent.LEFT:
            self._leave(channel_id, user_ids)
        else:
            self._leave(channel_id, user_ids | self.present(channel_id))
            for on_ended in self._on_ended:
                on_ended(channel_id)

    async def on_application_shutdown(self, _signal: str | None) -> None:
        """Cancel what is being read; whoever tells channels anything has drained by now."""
        await self._readings.close()

    def _follow(self, channel_id: ChannelId, members: frozenset[UserId]) -> None:
        self._leave(channel_id, self.present(channel_id) - members)
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
    """Nobody listens yet."""
