"""Typing indicators: who is typing where, until they stop, send, leave or fall silent."""

import asyncio
from dataclasses import dataclass
from functools import partial
from itertools import islice

from app.concurrency.eager import EagerTasks
from app.domain.errors import NotAMember, Unavailable
from app.domain.events import ServerEvent
from app.domain.ids import ChannelId, SocketId, UserId
from app.domain.rooms import channel_room
from app.domain.time_limits import WAIT_SECONDS
from app.domain.typing_indicator import TypingIndicator
from app.ports import Broadcaster, ChannelRepository, Clock, Timer
from app.services.event_service import EventService
from app.services.room_sync import RoomSync

MAX_LISTED = 100
"""How many typing members `TypingService.list` gives: an answer is not to grow with a channel."""


@dataclass(frozen=True, slots=True)
class _Typist:
    """A user who types in a channel.

    Attributes:
        indicator: What the channel was told last.
        expiry: Ends the entry.
        until: When each connected socket's typing expires, by the monotonic clock.
    """

    indicator: TypingIndicator
    expiry: Timer
    until: dict[SocketId, float]


class TypingService:
    """Holds one entry per member typing in a channel, in memory, and tells the channel of changes.

    A user types until the last of their sockets has stopped or expired; a send ends all of it.
    Every entry ends ``expiry_seconds`` after the last `start` at the latest, or when the members
    have been read then. Whoever is in the
    channel's room is a member, if its members were just read; only otherwise storage is asked, for
    ``wait_seconds`` at most.
    """

    def __init__(
        self,
        channels: ChannelRepository,
        events: EventService,
        room_sync: RoomSync,
        broadcaster: Broadcaster,
        clock: Clock,
        expiry_seconds: float,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self._channels = channels
        self._events = events
        self._room_sync = room_sync
        self._broadcaster = broadcaster
        self._clock = clock
        self._tasks = EagerTasks()
        self._expiry_seconds = expiry_seconds
        self._wait_seconds = wait_seconds
        self._typists: dict[ChannelId, dict[UserId, _Typist]] = {}
        # What waits for members to be read, of those who typed when that began.
        self._endings: set[asyncio.Future[None]] = set()
        room_sync.when_left(self._end_for_members)

    async def start(
        self, user_id: UserId, channel_id: ChannelId, socket_id: SocketId
    ) -> TypingIndicator:
        """The user types; the channel but this socket is told, each time. Restarts the expiry.

        Raises:
            NotAMember: Nothing was told.
            Unavailable: Likewise.
        """
        was_listening = self._events.is_listening(channel_id, user_id)
        await self._require_member(user_id, channel_id)
        indicator = self._indicator(user_id, channel_id, is_typing=True)
        if was_listening and not self._events.is_listening(channel_id, user_id):
            # The user's last socket went while storage was asked, or was taken out of the room, and
            # `leave` has run already: an entry made now would be a ghost until it expires.
            return indicator
        until = self._typing_elsewhere(user_id, channel_id, socket_id)
        until[socket_id] = self._clock.monotonic() + self._expiry_seconds
        self._remove(user_id, channel_id)
        self._keep(indicator, until)
        self._tell(indicator, except_socket=socket_id)
        return indicator

    async def stop(
        self, user_id: UserId, channel_id: ChannelId, socket_id: SocketId
    ) -> TypingIndicator:
        """The user no longer types on this socket.

        Publishes to the channel except this socket, unless another socket of the user still types.

        Raises:
            NotAMember: Nothing was changed.
            Unavailable: Likewise.
        """
        await self._require_member(user_id, channel_id)
        indicator = self._indicator(user_id, channel_id, is_typing=False)
        typist = self._typist(user_id, channel_id)
        if typist is not None:
            elsewhere = self._typing_elsewhere(user_id, channel_id, socket_id)
            self._remove(user_id, channel_id)
            if elsewhere:
                self._keep(typist.indicator, elsewhere)
            else:
                self._tell(indicator, except_socket=socket_id)
        return indicator

    async def list(self, user_id: UserId, channel_id: ChannelId) -> tuple[TypingIndicator, ...]:
        """Who is typing in the channel, the asker included, sorted by user.

        Of more than `MAX_LISTED`, those who typed last.

        Raises:
            NotAMember: The asker does not belong to the channel.
            Unavailable: It cannot be known now.
        """
        await self._require_member(user_id, channel_id)
        typists = self._typists.get(channel_id)
        if typists is None:
            return ()
        # A member's entry moves to the end of the map each time it changes.
        latest = islice(reversed(typists), MAX_LISTED)
        return tuple(typists[typist_id].indicator for typist_id in sorted(latest))

    def end(self, user_id: UserId, channel_id: ChannelId) -> None:
        """The user no longer types, on any socket; the whole channel is told, if they did.

        Only for whoever has just had the channel's members read, as before a message is told.
        """
        if self._remove(user_id, channel_id):
            self._tell(self._indicator(user_id, channel_id, is_typing=False))

    def leave(self, user_id: UserId, channel_id: ChannelId, socket_id: SocketId) -> None:
        """A socket of the user left the channel: they no longer type if that was their last there.

        The channel is told when its members are read. Otherwise what they typed on it expires, or
        ends with a `stop` on another socket: the same device may have come back as that.
        """
        if not self._events.is_listening(channel_id, user_id):
            self._end_for_members(user_id, channel_id)
        elif (typist := self._typist(user_id, channel_id)) is not None:
            typist.until.pop(socket_id, None)

    async def on_module_destroy(self) -> None:
        """Forget everybody and cancel every expiry; nobody is told."""
        for typists in self._typists.values():
            for typist in typists.values():
                typist.expiry.cancel()
        self._typists.clear()
        endings = tuple(self._endings)
        for ending in endings:
            ending.cancel()
        if endings:
            await asyncio.wait(endings)
        self._tasks.close()

    def _end_for_members(self, user_id: UserId, channel_id: ChannelId) -> None:
        """`end`, once the channel's room holds members alone: at once if they were just read."""
        typist = self._typist(user_id, channel_id)
        if typist is None:
            return
        ending = self._tasks.start(self._end_after_reading(typist))
        if not ending.done():
            self._endings.add(ending)
            ending.add_done_callback(self._endings.discard)

    async def _end_after_reading(self, typist: _Typist) -> None:
        user_id, channel_id = typist.indicator.user_id, typist.indicator.channel_id
        await self._room_sync.refresh(channel_id)
        if self._typist(user_id, channel_id) is typist:  # else it ended, or they type again
            self.end(user_id, channel_id)

    async def _require_member(self, user_id: UserId, channel_id: ChannelId) -> None:
        """Also has the channel's room hold members alone, so that it may be told."""
        if self._room_sync.is_fresh(channel_id) and self._events.is_listening(channel_id, user_id):
            return
        try:
            async with asyncio.timeout(self._wait_seconds):
                is_member = await self._channels.is_member(channel_id, user_id)
                if is_member:
                    await self._room_sync.refresh(channel_id)
        except TimeoutError:
            raise Unavailable from None
        if not is_member:
            raise NotAMember

    def _indicator(
        self, user_id: UserId, channel_id: ChannelId, *, is_typing: bool
    ) -> TypingIndicator:
        return TypingIndicator(
            user_id=user_id,
            channel_id=channel_id,
            is_typing=is_typing,
            timestamp=self._clock.now(),
        )

    def _typist(self, user_id: UserId, channel_id: ChannelId) -> _Typist | None:
        return self._typists.get(channel_id, {}).get(user_id)

    def _typing_elsewhere(
        self, user_id: UserId, channel_id: ChannelId, socket_id: SocketId
    ) -> dict[SocketId, float]:
        """The user's other sockets on which they type now, each with its expiry."""
        typist = self._typist(user_id, channel_id)
        if typist is None:
            return {}
        now = self._clock.monotonic()
        return {
            each: until for each, until in typist.until.items() if each != socket_id and until > now
        }

    def _keep(self, indicator: TypingIndicator, until: dict[SocketId, float]) -> None:
        """Make an entry that ends with the last of these expiries."""
        user_id, channel_id = indicator.user_id, indicator.channel_id
        expiry = self._clock.call_later(
            max(until.values()) - self._clock.monotonic(),
            partial(self._end_for_members, user_id, channel_id),
        )
        self._typists.setdefault(channel_id, {})[user_id] = _Typist(indicator, expiry, until)

    def _remove(self, user_id: UserId, channel_id: ChannelId) -> bool:
        typists = self._typists.get(channel_id, {})
        typist = typists.pop(user_id, None)
        if typist is None:
            return False
        typist.expiry.cancel()
        if not typists:
            del self._typists[channel_id]
        return True

    def _tell(self, indicator: TypingIndicator, except_socket: SocketId | None = None) -> None:
        room = channel_room(indicator.channel_id)
        self._broadcaster.publish(room, ServerEvent.TYPING, indicator, except_socket=except_socket)
