"""Who hears what a channel is told: its members, whoever has changed them."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from app.domain.channel import MembershipEvent, MembershipNews
from app.domain.errors import Unavailable
from app.domain.ids import ChannelId, UserId
from app.domain.rooms import channel_room
from app.ports import ChannelRepository, Clock, MembershipChannel, SocketRooms
from app.services.event_service import EventService

REFRESH_SECONDS = 2.0
"""For how long a channel's members are taken for what they were: others may write to the database,
and nobody tells."""

_logger = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Reading:
    """The members of a channel are being read.

    Attributes:
        changed: Of whom news came meanwhile: what is read of them may be older.
        is_void: Likewise of all: the channel is deleted.
    """

    ended: asyncio.Event = field(default_factory=asyncio.Event)
    changed: set[UserId] = field(default_factory=set)
    is_void: bool = False


class ChannelAudience:
    """Keeps this node's sockets in the rooms of the channels that their users belong to.

    `EventService` is told of every socket that is moved. A change that this node makes, or hears
    of, is applied at once; what others write to the database is noticed by `refresh`.
    """

    def __init__(
        self,
        channels: ChannelRepository,
        events: EventService,
        rooms: SocketRooms,
        membership: MembershipChannel,
        clock: Clock,
    ) -> None:
        self._channels = channels
        self._events = events
        self._rooms = rooms
        self._clock = clock
        self._on_left: Callable[[UserId, ChannelId], None] = _ignore
        self._on_ended: Callable[[ChannelId], None] = _ignore
        # By when they expire, so that what is stale is forgotten whenever something is read.
        self._fresh_until: OrderedDict[ChannelId, float] = OrderedDict()
        self._readings: dict[ChannelId, _Reading] = {}
        membership.listen(self.apply)

    def when_left(self, on_left: Callable[[UserId, ChannelId], None]) -> None:
        """Have it called with each user who has left a channel, when their sockets have.

        There is one listener; it must neither raise nor take long.
        """
        self._on_left = on_left

    def when_ended(self, on_ended: Callable[[ChannelId], None]) -> None:
        """Have it called with each channel that is deleted; otherwise as `when_left`."""
        self._on_ended = on_ended

    async def refresh(self, channel_id: ChannelId) -> None:
        """To be awaited before a channel is told anything: who is no member must not hear it.

        Reads the members if that was last done more than `REFRESH_SECONDS` ago, and then moves
        sockets in and out of the channel's room. Calls for one channel share a reading. While
        storage does not answer, rooms stay as they are. Does not suspend unless something is read.
        """
        now = self._clock.monotonic()
        if self._fresh_until.get(channel_id, now) > now:
            return
        reading = self._readings.get(channel_id)
        if reading is None:
            await self._read(channel_id, now)
        else:
            await reading.ended.wait()

    def apply(self, news: MembershipNews) -> None:
        """Move the sockets of those to whom it happened. Repeating it changes nothing."""
        channel_id, user_ids = news.channel_id, news.user_ids
        joined = news.event is MembershipEvent.JOINED
        ended = news.event is MembershipEvent.ENDED
        self._events.changed(channel_id, user_ids, belong=joined)
        reading = self._readings.get(channel_id)
        if reading is not None:
            reading.changed |= user_ids
            reading.is_void |= ended
        if joined:
            self._join(channel_id, user_ids)
        elif ended:
            self._leave(channel_id, user_ids | self._rooms.users_in(channel_room(channel_id)))
            self._on_ended(channel_id)
        else:
            self._leave(channel_id, user_ids)

    async def _read(self, channel_id: ChannelId, now: float) -> None:
        reading = self._readings[channel_id] = _Reading()
        try:
            members = await self._channels.members_of(channel_id)
        except Unavailable:
            _logger.warning("the members of a channel cannot be read; its room stays as it is")
        else:
            if not reading.is_void:
                self._follow(channel_id, members, reading.changed)
            self._keep_fresh(channel_id, now + REFRESH_SECONDS)
        finally:
            del self._readings[channel_id]
            reading.ended.set()

    def _follow(
        self, channel_id: ChannelId, members: frozenset[UserId], untouched: set[UserId]
    ) -> None:
        present = self._rooms.users_in(channel_room(channel_id))
        self._leave(channel_id, present - members - untouched)
        self._join(channel_id, members - untouched)

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

    def _keep_fresh(self, channel_id: ChannelId, until: float) -> None:
        self._fresh_until[channel_id] = until
        self._fresh_until.move_to_end(channel_id)
        now = self._clock.monotonic()
        while self._fresh_until and next(iter(self._fresh_until.values())) <= now:
            self._fresh_until.popitem(last=False)


def _ignore(*_: object) -> None:
    """Nobody listens yet."""
