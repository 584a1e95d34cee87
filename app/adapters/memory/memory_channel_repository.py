"""Users, channels and memberships in memory."""

from app.adapters.memory.memory_store import MemoryStore
from app.domain.ids import ChannelId, UserId
from app.domain.user import User
from app.ports import ChannelRepository, Membership
from app.ports.channel_repository import seeded_name


class MemoryChannelRepository(ChannelRepository):
    """Memberships by user and by channel."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def channels_of(self, user_id: UserId) -> tuple[ChannelId, ...]:
        """The user's channels, sorted by id."""
        return tuple(sorted(self._store.channels_of_user.get(user_id, ())))

    async def users(self, limit: int) -> tuple[User, ...]:
        """The first users, sorted by id."""
        return tuple(self._store.users[user_id] for user_id in sorted(self._store.users)[:limit])

    async def is_member(self, channel_id: ChannelId, user_id: UserId) -> bool:
        """Whether the user belongs to the channel."""
        return channel_id in self._store.channels_of_user.get(user_id, ())

    async def seed(self, membership: Membership) -> None:
        """Create what is missing."""
        store = self._store
        for user_id, channel_ids in membership.items():
            store.users.setdefault(user_id, User(id=user_id, name=seeded_name(user_id)))
            for channel_id in channel_ids:
                store.join(channel_id, user_id)
