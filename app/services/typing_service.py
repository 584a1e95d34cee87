"""Typing indicators: which members of a channel are typing."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice

from app.concurrency.eager import EagerTasks
from app.domain.errors import Unavailable
from app.domain.events import ServerEvent
from app.domain.ids import ChannelId, SocketId, UserId
from app.domain.rooms import channel_room
from app.domain.time_limits import WAIT_SECONDS
from app.domain.typing_indicator import TypingIndicator
from app.ports import Broadcaster, ChannelEvent, Clock, Timer
from app.services.event_service import EventService
from app.services.room_sync import RoomSync

OTHER_NODES_MARGIN_SECONDS = 0.5
"""The time that is added to ``expiry_seconds`` for typing on another node.

So the other node can publish the end first.
"""

MAX_LISTED = 100
"""The maximum number of members that `TypingService.list` returns."""

_OTHER_NODES = SocketId("")
"""Stands for all of a user's sockets on other nodes."""


@dataclass(frozen=True, slots=True)
class _Typist:
    """A user who is typing in a channel.

    Attributes:
        until: For each socket, the monotonic time at which its typing expires.
    """

    indicator: TypingIndicator
    expiry: Timer
    until: dict[SocketId, float]


class TypingService:
    """Keeps the typing members of each channel in memory, and publishes changes to the channel.

    A user is typing until typing has ended or expired on each of the user's sockets. Sending a
    message ends typing on all of the user's sockets. Typing on a socket expires ``expiry_seconds``
    after the last `start`; the end is published after the channel's members have been loaded.

    Other nodes receive each change, and apply it with `receive`. If a node dies, the typing of its
    users expires on the other nodes, `OTHER_NODES_MARGIN_SECONDS` later than usual.

    A user with a socket in the channel's room counts as a member while the channel's members are
    fresh (see `RoomSync.is_fresh`). In all other cases the service queries the storage, and waits
    at most ``wait_seconds``. If the storage does not answer, `start`, `stop` and `list` raise
    `Unavailable` without changing or publishing anything.

    Attributes:
        typists: A read-only map that contains a channel only while a member is typing there.
    """

    def __init__(
        self,
        events: EventService,
        room_sync: RoomSync,
        broadcaster: Broadcaster,
        clock: Clock,
        expiry_seconds: float,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self._events = events
        self._room_sync = room_sync
        self._broadcaster = broadcaster
        self._clock = clock
        self._tasks = EagerTasks()
        self._expiry_seconds = expiry_seconds
        self._wait_seconds = wait_seconds
        self._typists: dict[ChannelId, dict[UserId, _Typist]] = {}
        self.typists: Mapping[ChannelId, object] = self._typists
        # Tasks that publish the end of a user's typing after the channel's members have been
        # loaded.
        self._endings: set[asyncio.Future[None]] = set()
        room_sync.when_left(self._end_for_members)

    async def start(
        self, user_id: UserId, channel_id: ChannelId, socket_id: SocketId
    ) -> TypingIndicator:
        """Start or extend the user's typing; publish it to the channel, except to this socket.

        Raises:
            NotAMember: The user is not a member of the channel; nothing was published.
        """
        was_listening = self._events.is_listening(channel_id, user_id)
        await self._require_member(user_id, channel_id)
        indicator = self._indicator(user_id, channel_id, is_typing=True)
        if was_listening and not self._events.is_listening(channel_id, user_id):
            # The user's last socket left the room during the query, and `leave` has already been
            # called. An entry added now would show the user as typing until it expires.
            return indicator
        until = self._typing_elsewhere(user_id, channel_id, socket_id)
        until[socket_id] = self._clock.monotonic() + self._expiry_seconds
        self._remove(user_id, channel_id)
        self._keep(indicator, until)
        self._publish_indicator(indicator, except_socket=socket_id)
        return indicator

    async def stop(
        self, user_id: UserId, channel_id: ChannelId, socket_id: SocketId
    ) -> TypingIndicator:
        """End the user's typing on this socket.

        Publishes the end to the channel, except to this socket, unless the user is still typing on
        another socket.

        Raises:
            NotAMember: The user is not a member of the channel; nothing was changed.
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
                self._publish_indicator(indicator, except_socket=socket_id)
        return indicator

    async def list(self, user_id: UserId, channel_id: ChannelId) -> tuple[TypingIndicator, ...]:
        """Return the typing members of the channel, including the user, sorted by user id.

        If more than `MAX_LISTED` members are typing, those with the latest `start` or `stop` are
        returned.

        Raises:
            NotAMember: The user is not a member of the channel.
        """
        await self._require_member(user_id, channel_id)
        typists = self._typists.get(channel_id)
        if typists is None:
            return ()
        # A member's entry moves to the end of the map each time it changes.
        latest = islice(reversed(typists), MAX_LISTED)
        return tuple(typists[typist_id].indicator for typist_id in sorted(latest))

    def end(self, user_id: UserId, channel_id: ChannelId, *, local: bool = False) -> None:
        """End the user's typing on all sockets; publish the end if the user was typing.

        The caller must have refreshed the channel's members, as before every publication.

        Args:
            local: Whether to publish the end only to the clients of this node.
        """
        if self._remove(user_id, channel_id):
            indicator = self._indicator(user_id, channel_id, is_typing=False)
            self._publish_indicator(indicator, local=local)

    def receive(self, event: ChannelEvent) -> None:
        """Apply and publish a change of typing that another node has published.

        The end is not published if the user is still typing on a socket of this node.
        """
        user_id, channel_id = UserId(str(event.payload.get("userId"))), event.channel_id
        typist = self._typist(user_id, channel_id)
        until = self._typing_elsewhere(user_id, channel_id, _OTHER_NODES)
        if event.payload.get("isTyping"):
            lasting = self._expiry_seconds + OTHER_NODES_MARGIN_SECONDS
            until[_OTHER_NODES] = self._clock.monotonic() + lasting
            self._remove(user_id, channel_id)
            self._keep(self._indicator(user_id, channel_id, is_typing=True), until)
            event.send()
        elif typist is not None:
            self._remove(user_id, channel_id)
            if until:
                self._keep(typist.indicator, until)
            else:
                event.send()

    def leave(self, user_id: UserId, channel_id: ChannelId, socket_id: SocketId) -> None:
        """End the user's typing if the socket that has left was the user's last one in the room.

        The end is published after the channel's members have been loaded. If the user has other
        sockets in the channel, only this socket's entry is removed: the user's typing ends when
        `stop` is called for another socket (the same device may have reconnected), or when the
        typing expires.
        """
        if not self._events.is_listening(channel_id, user_id):
            self._end_for_members(user_id, channel_id)
        elif (typist := self._typist(user_id, channel_id)) is not None:
            typist.until.pop(socket_id, None)

    async def on_module_destroy(self) -> None:
        """Forget all typing and cancel every timer, without publishing anything."""
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
        """Call `end` after the channel's members are loaded; immediately if they are fresh."""
        typist = self._typist(user_id, channel_id)
        if typist is None:
            return
        ending = self._tasks.start(self._end_after_refresh(typist))
        if not ending.done():
            self._endings.add(ending)
            ending.add_done_callback(self._endings.discard)

    async def _end_after_refresh(self, typist: _Typist) -> None:
        user_id, channel_id = typist.indicator.user_id, typist.indicator.channel_id
        await self._room_sync.refresh(channel_id)
        if self._typist(user_id, channel_id) is typist:  # typing has neither ended nor restarted
            # Each node ends the typing of sockets on other nodes itself.
            self.end(user_id, channel_id, local=typist.until.keys() == {_OTHER_NODES})

    async def _require_member(self, user_id: UserId, channel_id: ChannelId) -> None:
        room_sync = self._room_sync
        if room_sync.is_fresh(channel_id) and room_sync.is_in_room(user_id, channel_id):
            return
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._room_sync.require_member(channel_id, user_id)
                await self._room_sync.refresh(channel_id)
        except TimeoutError:
            raise Unavailable from None

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
        typist = self._typist(user_id, channel_id)
        if typist is None:
            return {}
        now = self._clock.monotonic()
        return {
            each: until for each, until in typist.until.items() if each != socket_id and until > now
        }

    def _keep(self, indicator: TypingIndicator, until: dict[SocketId, float]) -> None:
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

    def _publish_indicator(
        self,
        indicator: TypingIndicator,
        *,
        except_socket: SocketId | None = None,
        local: bool = False,
    ) -> None:
        room = channel_room(indicator.channel_id)
        self._broadcaster.publish(
            room, ServerEvent.TYPING, indicator, except_socket=except_socket, local=local
        )
