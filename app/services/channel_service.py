"""Changing channels and their members: store, then move sockets, then tell."""

import logging
from collections.abc import Collection
from functools import partial
from typing import TypeAlias

from app.concurrency.bounded_dict import BoundedDict
from app.domain.channel import (
    Channel,
    ChannelCreation,
    ChannelDraft,
    DeletedChannel,
    MemberRole,
    MembershipChange,
    MembershipEvent,
    MembershipNews,
    MembershipOutcome,
)
from app.domain.errors import ChannelExists, ChannelNotFound, Unavailable
from app.domain.events import ServerEvent
from app.domain.ids import ChannelId, UserId
from app.domain.rooms import channel_room, user_room
from app.domain.time_limits import DRAIN_TIMEOUT_SECONDS
from app.ports import (
    Broadcaster,
    ChannelRepository,
    Clock,
    Membership,
    MembershipBus,
)
from app.services.room_sync import RoomSync
from app.services.writes.keyed_queue import KeyedQueue
from app.services.writes.unconfirmed_changes import UnconfirmedChanges

MAX_UNCONFIRMED = 1_000
"""Of how many changes it is remembered that they may stand without anybody having been told."""

MAX_DELETIONS = 1_000
"""Of how many channels it is remembered that they were deleted here."""

DELETION_WAIT_SECONDS = 300.0
"""How long a caller waits for that: a million messages take a minute."""

Change: TypeAlias = tuple[ServerEvent, ChannelId, UserId]
"""What a channel hears of a change, and of whom: of its creation, the creator."""

_logger = logging.getLogger(__name__)


class ChannelService:
    """What backends do with channels.

    Per channel one change is made at a time, and its members hear of them in the order of storing.
    When a change is answered, the sockets of those whom it concerns are in the channel's room, or
    out of it. Repeating one that stands is harmless and tells nobody, unless it was `Unconfirmed`
    on this node: then it is told now. What has begun is ended even if its caller goes.
    """

    def __init__(
        self,
        channels: ChannelRepository,
        membership: MembershipBus,
        audience: RoomSync,
        broadcaster: Broadcaster,
        clock: Clock,
    ) -> None:
        self._channels = channels
        self._membership = membership
        self._audience = audience
        self._broadcaster = broadcaster
        self._clock = clock
        self._changes = KeyedQueue()
        self._unconfirmed = UnconfirmedChanges[Change, None](MAX_UNCONFIRMED)
        self._deletions: BoundedDict[ChannelId, None] = BoundedDict(MAX_DELETIONS)

    async def create(self, draft: ChannelDraft) -> ChannelCreation:
        """Store a channel, its creator being the owner; each member hears of it.

        One that stands with this id is left as it is, with its members, and is the answer if it has
        the name, the type and the creator that are asked for, who must be a member still.

        Raises:
            ChannelExists: There is another one with this id.
            UserNotFound: The creator or a member is not known; nothing was stored.
            Unavailable: Nothing was stored; when it is `Unconfirmed`, perhaps it was.
        """
        return await self._changes.run(draft.id, partial(self._create, draft))

    async def delete(self, channel_id: ChannelId) -> None:
        """Delete a channel with its messages; each member hears of it, and nobody of it any more.

        It waits until all is gone, for `DELETION_WAIT_SECONDS` at most. Asked again meanwhile or
        afterwards, it is done when that is. Asked again after it was `Unconfirmed`, those hear of
        it who are in the channel's room.

        Raises:
            ChannelNotFound: There is no such channel, and none was deleted by this node.
            ChannelInUse: Something that is none of the chat's keeps it; nothing was changed.
            Unavailable: It may have no members any more, and not be gone: to be asked again. It is
                `Unconfirmed`, too, when it takes longer than that; then it goes on.
        """
        delete = partial(self._delete, channel_id)
        await self._changes.run(channel_id, delete, DELETION_WAIT_SECONDS)

    async def add_member(
        self, channel_id: ChannelId, user_id: UserId, role: MemberRole | None = None
    ) -> bool:
        """Have the user belong to the channel; False if nothing had to be changed for that.

        The channel hears of a newcomer, who is a `MemberRole.MEMBER` without a role. Who belongs
        to it already is given the role, if there is one; nobody hears of that.

        Raises:
            ChannelNotFound: There is no such channel.
            UserNotFound: There is no such user.
            Unavailable: Nothing was stored; when it is `Unconfirmed`, perhaps it was.
        """
        add = partial(self._add_member, channel_id, user_id, role)
        return await self._changes.run(channel_id, add)

    async def remove_member(self, channel_id: ChannelId, user_id: UserId) -> bool:
        """Have the user belong to the channel no more; False if they do not.

        Their typing ends. The channel hears of it, and they do themselves, but nothing more of it.

        Raises:
            ChannelNotFound: There is no such channel.
            Unavailable: Nothing was stored; when it is `Unconfirmed`, perhaps it was.
        """
        return await self._changes.run(
            channel_id, partial(self._remove_member, channel_id, user_id)
        )

    async def seed(self, membership: Membership) -> None:
        """Create what is missing, in one transaction; what exists is left as it is.

        Nobody is told, and sockets follow within seconds, as with whatever others have stored.

        Raises:
            Unavailable: Nothing was created.
        """
        await self._channels.seed(membership)

    async def on_module_destroy(self) -> None:
        """Let the changes that are being made come to their end."""
        await self._changes.drain(DRAIN_TIMEOUT_SECONDS)

    async def _create(self, draft: ChannelDraft) -> ChannelCreation:
        change = (ServerEvent.CHANNEL_CREATED, draft.id, draft.created_by_id)
        channel = Channel(
            id=draft.id,
            name=draft.name,
            description=draft.description,
            type=draft.type,
            created_by_id=draft.created_by_id,
            created_at=self._clock.now(),
        )
        roles = dict.fromkeys(draft.member_ids, MemberRole.MEMBER)
        roles[draft.created_by_id] = MemberRole.OWNER
        try:
            with self._unconfirmed.watch(change, None):
                await self._channels.create(channel, roles)
        except ChannelExists:
            standing, member_ids = await self._standing(draft)
            # Their sockets may not have followed yet, whoever stored it.
            await self._announce(MembershipEvent.JOINED, standing.id, frozenset(member_ids))
            if self._unconfirmed.forget(change):
                self._tell_created(standing, member_ids)
            return ChannelCreation(standing, is_new=False)
        self._unconfirmed.forget(change)
        await self._announce(MembershipEvent.JOINED, channel.id, frozenset(roles))
        self._tell_created(channel, roles)
        return ChannelCreation(channel, is_new=True)

    async def _standing(self, draft: ChannelDraft) -> tuple[Channel, Collection[UserId]]:
        """The channel that was asked for before, and who its members are now."""
        channel = await self._channels.find(draft.id)
        member_ids = (await self._channels.members_of_all([draft.id]))[draft.id]
        if channel is None or not draft.describes(channel) or draft.created_by_id not in member_ids:
            raise ChannelExists
        return channel, sorted(member_ids)

    def _tell_created(self, channel: Channel, member_ids: Collection[UserId]) -> None:
        for member_id in member_ids:
            self._broadcaster.publish(user_room(member_id), ServerEvent.CHANNEL_CREATED, channel)

    async def _delete(self, channel_id: ChannelId) -> None:
        try:
            member_ids = await self._channels.remove_members(channel_id)
        except ChannelNotFound:
            if channel_id not in self._deletions:
                raise
            return
        self._deletions[channel_id] = None
        # There are none if an earlier call has removed them and never knew.
        concerned = member_ids or self._audience.present(channel_id)
        await self._announce(MembershipEvent.ENDED, channel_id, member_ids)
        deleted = DeletedChannel(channel_id)
        for user_id in concerned:
            self._broadcaster.publish(user_room(user_id), ServerEvent.CHANNEL_DELETED, deleted)
        await self._channels.delete(channel_id)
        # That may have taken long, and others may have written meanwhile.
        await self._announce(MembershipEvent.ENDED, channel_id, frozenset())

    async def _add_member(
        self, channel_id: ChannelId, user_id: UserId, role: MemberRole | None
    ) -> bool:
        now = self._clock.now()
        joining = (ServerEvent.ROOM_MEMBER_JOINED, channel_id, user_id)
        with self._unconfirmed.watch(joining, None):
            addition = await self._channels.add_member(channel_id, user_id, role, now)
        is_news = self._unconfirmed.forget(joining) or addition is MembershipOutcome.JOINED
        # Also when it stood already: what was stored without an answer was not applied.
        await self._announce(MembershipEvent.JOINED, channel_id, frozenset({user_id}))
        if is_news:
            change = MembershipChange(channel_id, user_id, now)
            await self._audience.refresh(channel_id)
            room = channel_room(channel_id)
            self._broadcaster.publish(room, ServerEvent.ROOM_MEMBER_JOINED, change)
        return is_news or addition is MembershipOutcome.ROLE_CHANGED

    async def _remove_member(self, channel_id: ChannelId, user_id: UserId) -> bool:
        leaving = (ServerEvent.ROOM_MEMBER_LEFT, channel_id, user_id)
        with self._unconfirmed.watch(leaving, None):
            was_member = await self._channels.remove_member(channel_id, user_id)
        is_news = self._unconfirmed.forget(leaving) or was_member
        await self._announce(MembershipEvent.LEFT, channel_id, frozenset({user_id}))
        if is_news:
            change = MembershipChange(channel_id, user_id, self._clock.now())
            await self._audience.refresh(channel_id)
            for room in (channel_room(channel_id), user_room(user_id)):
                self._broadcaster.publish(room, ServerEvent.ROOM_MEMBER_LEFT, change)
        return is_news

    async def _announce(
        self, event: MembershipEvent, channel_id: ChannelId, user_ids: frozenset[UserId]
    ) -> None:
        """Have every node move its sockets, this one before it returns."""
        try:
            await self._membership.publish(MembershipNews(event, channel_id, user_ids))
        except Unavailable:
            _logger.warning("other nodes were not told of a change of members; they will find it")
