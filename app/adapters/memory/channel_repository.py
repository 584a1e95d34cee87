"""Stores users, channels and memberships in memory."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from app.adapters.memory.rows import ChannelRow
from app.adapters.memory.store import MemoryStore
from app.domain.channel import Channel, ChannelType, MemberRole, MembershipOutcome
from app.domain.errors import ChannelExists, ChannelNotFound, UserNotFound
from app.domain.ids import ChannelId, UserId
from app.domain.message import User
from app.ports import ChannelRepository, Membership, seeded_name


class MemoryChannelRepository(ChannelRepository):
    """Reads and changes the users, channels and memberships of a `MemoryStore`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def channels_of(self, user_id: UserId) -> tuple[ChannelId, ...]:
        return tuple(sorted(self._store.channels_of_user.get(user_id, ())))

    async def channels_of_all(
        self, user_ids: Collection[UserId]
    ) -> Mapping[UserId, tuple[ChannelId, ...]]:
        channels = self._store.channels_of_user
        return {user_id: tuple(sorted(channels.get(user_id, ()))) for user_id in user_ids}

    async def users(self, limit: int) -> tuple[User, ...]:
        return tuple(self._store.users[user_id] for user_id in sorted(self._store.users)[:limit])

    async def is_member(self, channel_id: ChannelId, user_id: UserId) -> bool:
        return channel_id in self._store.channels_of_user.get(user_id, ())

    async def members_of_all(
        self, channel_ids: Collection[ChannelId]
    ) -> Mapping[ChannelId, frozenset[UserId]]:
        channels = self._store.channels
        return {
            each: channels[each].members() if each in channels else frozenset()
            for each in channel_ids
        }

    async def find(self, channel_id: ChannelId) -> Channel | None:
        return self._store.descriptions.get(channel_id)

    async def create(self, channel: Channel, roles: Mapping[UserId, MemberRole]) -> None:
        store = self._store
        for user_id in (channel.created_by_id, *roles):
            self._require_user(user_id)
        if channel.id in store.channels:
            raise ChannelExists
        store.channels[channel.id] = ChannelRow()
        store.descriptions[channel.id] = channel
        for user_id, role in roles.items():
            self._join(channel.id, user_id, role)

    async def add_member(
        self, channel_id: ChannelId, user_id: UserId, role: MemberRole | None, now: datetime
    ) -> MembershipOutcome:
        del now
        channel = self._channel(channel_id)
        self._require_user(user_id)
        if self._store.channel_for(channel_id, user_id) is None:
            self._join(channel_id, user_id, role or MemberRole.MEMBER)
            return MembershipOutcome.JOINED
        membership = channel.memberships[user_id]
        if role is None or role is membership.role:
            return MembershipOutcome.NOTHING
        membership.role = role
        return MembershipOutcome.ROLE_CHANGED

    async def remove_member(self, channel_id: ChannelId, user_id: UserId) -> bool:
        self._channel(channel_id)
        if self._store.channel_for(channel_id, user_id) is None:
            return False
        self._store.leave(channel_id, user_id)
        return True

    async def remove_members(self, channel_id: ChannelId) -> frozenset[UserId]:
        members = self._channel(channel_id).members()
        for user_id in members:
            self._store.leave(channel_id, user_id)
        return members

    async def delete(self, channel_id: ChannelId) -> None:
        if channel_id not in self._store.channels:
            return
        await self.remove_members(channel_id)
        self._store.descriptions.pop(channel_id, None)
        channel = self._store.channels.pop(channel_id)
        for row in channel.messages:
            del self._store.messages[row.message.id]

    async def seed(self, membership: Membership) -> None:
        store = self._store
        for user_id, channel_ids in membership.items():
            store.users.setdefault(user_id, User(id=user_id, name=seeded_name(user_id)))
            for channel_id in channel_ids:
                store.descriptions.setdefault(channel_id, _seeded(channel_id, user_id))
                store.join(channel_id, user_id)

    def _join(self, channel_id: ChannelId, user_id: UserId, role: MemberRole) -> None:
        self._store.join(channel_id, user_id)
        self._store.channels[channel_id].memberships[user_id].role = role

    def _channel(self, channel_id: ChannelId) -> ChannelRow:
        channel = self._store.channels.get(channel_id)
        if channel is None:
            raise ChannelNotFound
        return channel

    def _require_user(self, user_id: UserId) -> None:
        if user_id not in self._store.users:
            raise UserNotFound(user_id)


def _seeded(channel_id: ChannelId, creator_id: UserId) -> Channel:
    # Use the system clock, not a `Clock`: SQL databases also set this column by their own clock.
    now = datetime.now(UTC)
    return Channel(channel_id, channel_id, None, ChannelType.PUBLIC, creator_id, created_at=now)
