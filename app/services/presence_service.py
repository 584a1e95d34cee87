"""Presence: which members of a channel are online."""

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextvars import Context
from functools import partial
from itertools import islice

from app.concurrency.bounded_dict import BoundedDict
from app.domain.errors import Unavailable
from app.domain.events import ServerEvent
from app.domain.ids import ChannelId, UserId
from app.domain.presence import MemberPresence, PresenceChange
from app.domain.rooms import channel_room
from app.domain.socket_response import PresenceCounts, PresenceResponse
from app.domain.time_limits import WAIT_SECONDS
from app.ports import Broadcaster, ChannelRepository, Clock, OnlineUsers, Timer
from app.services.event_service import EventService
from app.services.room_checks import RoomChecks
from app.services.room_sync import RoomSync
from app.services.writes.single_flight import SingleFlight

OFFLINE_DELAY_SECONDS = 3.0
"""The time from a user's last disconnect until the user counts as offline.

Reloading a page takes less time, so it publishes nothing.
"""
SWEEP_SECONDS = 10.0
"""The interval at which a node looks for users of stopped nodes."""
RETRY_SECONDS = 1.0
"""The time until a failed call is repeated."""
USERS_AT_ONCE = 256
"""The maximum number of users per call of `OnlineUsers.settle`."""
USERS_PER_QUERY = 16
"""The maximum number of users whose channels are read by one query.

Some users may have thousands of channels. The answer to a larger query would block the event loop
for too long, and the storage might cancel the query.
"""
EVENTS_AT_ONCE = 50
"""The maximum number of events that are published without a pause.

Each client receives its part of these events in one write, which takes longer than publishing.
"""
REST_FACTOR = 1.0
"""The length of a pause, relative to the time of publishing and writing before the pause.

So publishing presence takes at most half of the time of a node's event loop.
"""
MAX_LISTED = 1_000
"""The maximum number of members that `PresenceService.members` returns."""
MAX_WAITING = 100_000
"""The maximum number of users that wait for a call of `OnlineUsers.settle`.

More users can wait only during an outage of Redis. Users who are dropped then are settled after the
outage: the node registers again, which triggers a sweep of all users.
"""
RECENT_SECONDS = 60.0
"""The maximum age of a change that is published again because other nodes may have missed it."""
MAX_RECENT = 10_000
"""The maximum number of users whose changes may be published again."""

_logger = logging.getLogger(__name__)


class PresenceService:
    """Publishes when a user's first socket connects or the last one disconnects, on any node.

    `connected` and the listeners of `OnlineUsers` only remember the user. One background task
    decides and publishes, in batches, so connecting never waits for presence.

    A user goes offline `OFFLINE_DELAY_SECONDS` after the last disconnect. Users of a node that has
    stopped or crashed go offline when another node settles them in a sweep.

    While the storage or Redis does not answer, nothing is published. The task repeats its calls
    until they succeed, and then publishes the present state.
    """

    def __init__(
        self,
        online_users: OnlineUsers,
        channels: ChannelRepository,
        events: EventService,
        room_sync: RoomSync,
        room_checks: RoomChecks,
        broadcaster: Broadcaster,
        clock: Clock,
    ) -> None:
        self._online_users = online_users
        self._channels = channels
        self._events = events
        self._room_sync = room_sync
        self._room_checks = room_checks
        self._broadcaster = broadcaster
        self._clock = clock
        self._lists = SingleFlight(self._list)
        self._leaving: dict[UserId, Timer] = {}
        """The timers of `OFFLINE_DELAY_SECONDS`, by user."""
        self._due: BoundedDict[UserId, None] = BoundedDict(MAX_WAITING)
        self._again: BoundedDict[UserId, None] = BoundedDict(MAX_WAITING)
        """The users to settle whose presence is published even if it has not changed."""
        self._recent: BoundedDict[UserId, float] = BoundedDict(MAX_RECENT)
        """The monotonic time at which a user's presence was last published, by user."""
        self._unpublished: dict[UserId, bool] = {}
        self._is_sweep_due = False
        self._is_failing = False
        self._wake_up = asyncio.Event()
        self._timers: dict[str, Timer] = {}
        self._task: asyncio.Task[None] | None = None
        online_users.listen(self._left, self._settle_again)

    def connected(self, user_id: UserId) -> None:
        """Publish soon that the user is online, unless this was published before."""
        leaving = self._leaving.pop(user_id, None)
        if leaving is not None:
            leaving.cancel()
        self._settle_soon((user_id,))

    def publish_again(self) -> None:
        """Publish the presence of the last minute's users again; other nodes may have missed it."""
        published_after = self._clock.monotonic() - RECENT_SECONDS
        for user_id, published_at in self._recent.items():
            if published_at >= published_after:
                self._again[user_id] = None
        self._recent.clear()
        self._wake_up.set()

    async def members(self, user_id: UserId, channel_id: ChannelId) -> PresenceResponse:
        """Return the presence of the channel's members: online members first, sorted by id.

        Returns at most `MAX_LISTED` members; if there are more, the response has ``counts``.
        Concurrent calls for the same channel share one query.

        Raises:
            NotAMember: The user is not a member of the channel.
            Unavailable: The storage or Redis does not answer.
        """
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                is_fresh = self._room_sync.is_fresh(channel_id)
                if not (is_fresh and self._events.is_listening(channel_id, user_id)):
                    await self._room_sync.require_member(channel_id, user_id)
                return await self._lists.get(channel_id)
        except TimeoutError:
            raise Unavailable from None

    async def on_module_init(self) -> None:
        """Start publishing."""
        self._task = asyncio.create_task(
            self._keep_publishing(), name="presence", context=Context()
        )
        self._schedule_sweep()

    async def on_module_destroy(self) -> None:
        """Stop publishing, before the sockets of this node are closed.

        Another node publishes that the users are offline, unless they reconnect soon.
        """
        for timer in (*self._leaving.values(), *self._timers.values()):
            timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._lists.close()

    async def _list(self, channel_id: ChannelId) -> PresenceResponse:
        members = (await self._channels.members_of_all((channel_id,)))[channel_id]
        online = await self._online_users.among(members)
        ordered = [*sorted(online), *sorted(members - online)]
        listed = tuple(MemberPresence(each, each in online) for each in ordered[:MAX_LISTED])
        response = PresenceResponse(data=listed)
        if len(ordered) > MAX_LISTED:
            response["counts"] = PresenceCounts(members=len(members), online=len(online))
        return response

    def _left(self, user_id: UserId) -> None:
        """Settle the user after `OFFLINE_DELAY_SECONDS`."""
        leaving = self._leaving.pop(user_id, None)
        if leaving is not None:
            leaving.cancel()
        self._leaving[user_id] = self._clock.call_later(
            OFFLINE_DELAY_SECONDS, partial(self._leave, user_id)
        )

    def _leave(self, user_id: UserId) -> None:
        del self._leaving[user_id]
        self._settle_soon((user_id,))

    def _settle_again(self, connected: Collection[UserId]) -> None:
        """Settle all users of this node, and all users who have just left it."""
        # Redis may have forgotten that the users who left were online, so publish in any case.
        for user_id in {*self._leaving, *self._due}.difference(connected):
            self._again[user_id] = None
        self.publish_again()
        self._settle_soon(connected)

    def _settle_soon(self, user_ids: Iterable[UserId]) -> None:
        for user_id in user_ids:
            self._due[user_id] = None
        self._wake_up.set()

    def _schedule_sweep(self) -> None:
        self._timers["sweep"] = self._clock.call_later(SWEEP_SECONDS, self._request_sweep)

    def _request_sweep(self) -> None:
        self._schedule_sweep()
        self._is_sweep_due = True
        self._wake_up.set()

    async def _keep_publishing(self) -> None:
        while True:
            await self._wake_up.wait()
            self._wake_up.clear()
            try:
                await self._settle_waiting()
                if self._is_sweep_due:
                    self._is_sweep_due = False
                    async for user_ids in self._online_users.abandoned():
                        self._settle_soon(user_ids)
                        await self._settle_waiting()
            except Unavailable:
                if not self._is_failing:  # log once per outage
                    _logger.warning("presence cannot be published now")
                self._retry()
            except Exception:
                _logger.exception("presence could not be published")
                self._retry()
            else:
                self._is_failing = False

    def _retry(self) -> None:
        self._is_failing = True
        self._timers["retry"] = self._clock.call_later(RETRY_SECONDS, self._wake_up.set)

    async def _settle_waiting(self) -> None:
        """Settle the waiting users, and publish the changes, until nothing is left to do."""
        while self._unpublished or self._again or self._due:
            if not self._unpublished:
                self._unpublished = await self._settle_batch()
            await self._publish()

    async def _settle_batch(self) -> dict[UserId, bool]:
        again = bool(self._again)
        waiting = self._again if again else self._due
        batch = tuple(islice(waiting, USERS_AT_ONCE))
        for user_id in batch:
            del waiting[user_id]
        try:
            return dict(await self._online_users.settle(batch, again=again))
        except BaseException:
            # The decision may be stored, and no other node would publish it: decide again.
            for user_id in batch:
                self._again[user_id] = None
            raise

    async def _publish(self) -> None:
        """Publish the changes, and settle their users again, as `OnlineUsers.settle` requires."""
        channels = await self._channels_of(self._unpublished)
        changes = (
            PresenceChange(channel_id, user_id, online)
            for user_id, online in self._unpublished.items()
            for channel_id in channels[user_id]
        )
        while batch := tuple(islice(changes, EVENTS_AT_ONCE)):
            await self._publish_batch(batch)
        self._settle_soon(self._unpublished)
        self._unpublished = {}

    async def _channels_of(
        self, user_ids: Collection[UserId]
    ) -> Mapping[UserId, Sequence[ChannelId]]:
        channels = {each: self._events.channels_of_user(each) for each in user_ids}
        unknown = [user_id for user_id, channel_ids in channels.items() if not channel_ids]
        for start in range(0, len(unknown), USERS_PER_QUERY):
            batch = unknown[start : start + USERS_PER_QUERY]
            channels |= await self._channels.channels_of_all(batch)
        return channels

    async def _publish_batch(self, changes: Sequence[PresenceChange]) -> None:
        await self._room_checks.refresh(dict.fromkeys(change.channel_id for change in changes))
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        for change in changes:
            self._recent[change.user_id] = self._clock.monotonic()
            self._broadcaster.publish(
                channel_room(change.channel_id),
                ServerEvent.PRESENCE,
                change,
                except_user=change.user_id,
            )
        # The server writes the events to the clients at the end of the tick.
        await asyncio.sleep(0)
        await asyncio.sleep((loop.time() - began_at) * REST_FACTOR)
