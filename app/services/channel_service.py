"""Creates and deletes channels, and adds and removes members, at the request of a backend."""

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
    MembershipOutcome,
    MembershipUpdate,
)
from app.domain.errors import ChannelExists, ChannelNotFound, Unavailable
from app.domain.events import ServerEvent
from app.domain.ids import ChannelId, UserId
from app.domain.rooms import channel_room, user_room
from app.domain.time_limits import DRAIN_TIMEOUT_SECONDS
from app.ports import Broadcaster, ChannelRepository, Clock, Membership, MembershipBus
from app.services.room_sync import RoomSync
from app.services.writes.keyed_queue import KeyedQueue
from app.services.writes.unconfirmed_changes import UnconfirmedChanges

MAX_UNCONFIRMED = 1_000
"""The maximum number of remembered unconfirmed changes."""

MAX_DELETIONS = 1_000
"""The maximum number of remembered deleted channels."""

DELETION_WAIT_SECONDS = 300.0
"""The maximum time a caller waits for a deletion: deleting a million messages takes a minute."""

Change: TypeAlias = tuple[ServerEvent, ChannelId, UserId]
"""Identifies a change by its event, its channel, and the affected user or the channel's creator."""

_logger = logging.getLogger(__name__)


class ChannelService:
    """Stores changes of channels, moves the sockets of their members, then publishes events.

    The changes of a channel run one after another, and their events are published in that order.
    When a call returns, the affected users' sockets on this node have joined or left the channel's
    room. Repeating a stored change is harmless and publishes nothing, unless the first call raised
    `Unconfirmed` on this node: then the repeated call publishes the event. A change that has
    started is completed even if its caller is cancelled.

    Every method raises `Unavailable` if the storage fails. Nothing was stored in this case, unless
    the error is `Unconfirmed`: then the change may be stored.
    """

    def __init__(
        self,
        channels: ChannelRepository,
        membership: MembershipBus,
        room_sync: RoomSync,
        broadcaster: Broadcaster,
        clock: Clock,
    ) -> None:
        self._channels = channels
        self._membership = membership
        self._room_sync = room_sync
        self._broadcaster = broadcaster
        self._clock = clock
        self._changes = KeyedQueue()
        self._unconfirmed = UnconfirmedChanges[Change, None](MAX_UNCONFIRMED)
        self._deletions: BoundedDict[ChannelId, None] = BoundedDict(MAX_DELETIONS)

    async def create(self, draft: ChannelDraft) -> ChannelCreation:
        """Create a channel with the creator as its owner, and notify each member.

        If the channel exists with the same name, type and creator, and the creator is still a
        member, that channel is returned unchanged.

        Raises:
            ChannelExists: The existing channel with this id does not meet these conditions.
            UserNotFound: The creator or a member does not exist; nothing was stored.
        """
        return await self._changes.run(draft.id, partial(self._create, draft))

    async def delete(self, channel_id: ChannelId) -> None:
        """Delete a channel with its messages, and notify each member.

        Returns when everything is deleted. Deleting a channel again on this node is harmless. If an
        earlier call has removed the members, the users whose sockets are still in the channel's
        room are notified.

        Raises:
            ChannelNotFound: The channel does not exist, and this node did not delete it.
            ChannelInUse: A table that does not belong to the chat refers to the channel; nothing
                was deleted.
            Unavailable: The channel may have lost its members without being deleted; the caller
                must try again. If the error is `Unconfirmed`, the deletion is still running after
                `DELETION_WAIT_SECONDS`, or its result is unknown.
        """
        delete = partial(self._delete, channel_id)
        await self._changes.run(channel_id, delete, DELETION_WAIT_SECONDS)

    async def add_member(
        self, channel_id: ChannelId, user_id: UserId, role: MemberRole | None = None
    ) -> bool:
        """Make the user a member of the channel; return whether anything changed.

        A new member gets ``role``, by default `MemberRole.MEMBER`, and the channel is notified. An
        existing member gets ``role`` if one is given, and nobody is notified.

        Raises:
            ChannelNotFound: The channel does not exist.
            UserNotFound: The user does not exist.
        """
        add = partial(self._add_member, channel_id, user_id, role)
        return await self._changes.run(channel_id, add)

    async def remove_member(self, channel_id: ChannelId, user_id: UserId) -> bool:
        """Remove the user from the channel; return False if the user was not a member.

        The user's typing ends. The channel and the user are notified. The user receives no further
        events of the channel.

        Raises:
            ChannelNotFound: The channel does not exist.
        """
        return await self._changes.run(
            channel_id, partial(self._remove_member, channel_id, user_id)
        )

    async def seed(self, membership: Membership) -> None:
        """Create missing users, channels and memberships in one transaction.

        Existing rows are left unchanged. Nobody is notified. Connected sockets join the channels'
        rooms when the members are reloaded, as after a change by another program.
        """
        await self._channels.seed(membership)

    async def on_module_destroy(self) -> None:
        """Wait until the running changes have ended."""
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
            existing, member_ids = await self._find_created(draft)
            # Another program may have created the channel, so the sockets of the members may not
            # be in the room yet.
            await self._move_sockets(MembershipEvent.JOINED, existing.id, frozenset(member_ids))
            if self._unconfirmed.forget(change):
                self._publish_created(existing, member_ids)
            return ChannelCreation(existing, is_new=False)
        self._unconfirmed.forget(change)
        await self._move_sockets(MembershipEvent.JOINED, channel.id, frozenset(roles))
        self._publish_created(channel, roles)
        return ChannelCreation(channel, is_new=True)

    async def _find_created(self, draft: ChannelDraft) -> tuple[Channel, Collection[UserId]]:
        channel = await self._channels.find(draft.id)
        member_ids = (await self._channels.members_of_all([draft.id]))[draft.id]
        if channel is None or not draft.describes(channel) or draft.created_by_id not in member_ids:
            raise ChannelExists
        return channel, sorted(member_ids)

    def _publish_created(self, channel: Channel, member_ids: Collection[UserId]) -> None:
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
        # If an earlier deletion has removed the members, but its result was unknown, publish the
        # deletion to the users whose sockets are still in the room.
        recipients = member_ids or self._room_sync.users_in_room(channel_id)
        await self._move_sockets(MembershipEvent.DELETED, channel_id, member_ids)
        deleted = DeletedChannel(channel_id)
        for user_id in recipients:
            self._broadcaster.publish(user_room(user_id), ServerEvent.CHANNEL_DELETED, deleted)
        await self._channels.delete(channel_id)
        # Other programs may have added members during the deletion, so remove the sockets again.
        await self._move_sockets(MembershipEvent.DELETED, channel_id, frozenset())

    async def _add_member(
        self, channel_id: ChannelId, user_id: UserId, role: MemberRole | None
    ) -> bool:
        now = self._clock.now()
        joining = (ServerEvent.ROOM_MEMBER_JOINED, channel_id, user_id)
        with self._unconfirmed.watch(joining, None):
            outcome = await self._channels.add_member(channel_id, user_id, role, now)
        must_publish = self._unconfirmed.forget(joining) or outcome is MembershipOutcome.JOINED
        # Move the sockets even if nothing changed: an earlier, unconfirmed call may have stored the
        # change without moving them.
        await self._move_sockets(MembershipEvent.JOINED, channel_id, frozenset({user_id}))
        if must_publish:
            change = MembershipChange(channel_id, user_id, now)
            await self._room_sync.refresh(channel_id)
            # A node with only this member may not have subscribed to the channel's room yet.
            self._broadcaster.publish(
                channel_room(channel_id),
                ServerEvent.ROOM_MEMBER_JOINED,
                change,
                also_to=user_room(user_id),
            )
        return must_publish or outcome is MembershipOutcome.ROLE_CHANGED

    async def _remove_member(self, channel_id: ChannelId, user_id: UserId) -> bool:
        leaving = (ServerEvent.ROOM_MEMBER_LEFT, channel_id, user_id)
        with self._unconfirmed.watch(leaving, None):
            was_member = await self._channels.remove_member(channel_id, user_id)
        must_publish = self._unconfirmed.forget(leaving) or was_member
        await self._move_sockets(MembershipEvent.LEFT, channel_id, frozenset({user_id}))
        if must_publish:
            change = MembershipChange(channel_id, user_id, self._clock.now())
            await self._room_sync.refresh(channel_id)
            for room in (channel_room(channel_id), user_room(user_id)):
                self._broadcaster.publish(room, ServerEvent.ROOM_MEMBER_LEFT, change)
        return must_publish

    async def _move_sockets(
        self, event: MembershipEvent, channel_id: ChannelId, user_ids: frozenset[UserId]
    ) -> None:
        """Publish a change of membership: the users' sockets join or leave the channel's room.

        With `LocalMembershipBus`, only sockets of this node do so at once. Other nodes apply the
        change when they reload the members.
        """
        try:
            await self._membership.publish(MembershipUpdate(event, channel_id, user_ids))
        except Unavailable:
            _logger.warning("a membership change was not published; other nodes will reload it")
