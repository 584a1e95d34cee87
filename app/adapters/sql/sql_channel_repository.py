"""Users, channels and memberships in the database."""

from sqlalchemy import func, select

from app.adapters.sql.database import Database
from app.adapters.sql.membership import belongs
from app.adapters.sql.message_rows import USER_COLUMNS, to_user
from app.adapters.sql.tables import channel_members, channels, users
from app.adapters.sql.upsert import upsert
from app.domain.ids import ChannelId, UserId
from app.domain.user import User
from app.ports import ChannelRepository, Membership
from app.ports.channel_repository import seeded_name


class SqlChannelRepository(ChannelRepository):
    """Reads and seeds the original backend's own tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def channels_of(self, user_id: UserId) -> tuple[ChannelId, ...]:
        """The user's channels, sorted by id."""
        query = select(channel_members.c.channelId).where(channel_members.c.userId == user_id)
        async with self._database.reading() as connection:
            found = (await connection.scalars(query)).all()
        # Sorted here: databases differ in what they hold for the order of text.
        return tuple(sorted(found))

    async def users(self, limit: int) -> tuple[User, ...]:
        """The first users, sorted by id."""
        query = select(*USER_COLUMNS).order_by(users.c.id).limit(limit)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).mappings()
            return tuple(to_user(row) for row in rows)

    async def is_member(self, channel_id: ChannelId, user_id: UserId) -> bool:
        """Whether the user belongs to the channel."""
        async with self._database.reading() as connection:
            return bool(await connection.scalar(select(belongs(channel_id, user_id))))

    async def seed(self, membership: Membership) -> None:
        """Create what is missing. A created channel's creator is the first user who names it."""
        creators: dict[ChannelId, UserId] = {}
        for user_id, channel_ids in membership.items():
            for channel_id in channel_ids:
                creators.setdefault(channel_id, user_id)
        new_users = [{"id": user_id, "name": seeded_name(user_id)} for user_id in membership]
        new_channels = [
            {"id": channel_id, "name": channel_id, "createdById": user_id}
            for channel_id, user_id in creators.items()
        ]
        new_members = [
            {"channelId": channel_id, "userId": user_id}
            for user_id, channel_ids in membership.items()
            for channel_id in channel_ids
        ]
        now = func.current_timestamp()
        async with self._database.transaction() as connection:
            for table, fixed, rows in (
                (users, {"updatedAt": now}, new_users),
                (channels, {"updatedAt": now}, new_channels),
                (channel_members, {}, new_members),
            ):
                if rows:
                    statement = upsert(connection, table).values(fixed).on_conflict_do_nothing()
                    await connection.execute(statement, rows)
