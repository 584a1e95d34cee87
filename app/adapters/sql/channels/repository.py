"""Stores and reads users, channels and memberships."""

import json
from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, and_, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.sql.channels.deletion import delete_channel
from app.adapters.sql.channels.references import require_unreferenced
from app.adapters.sql.connection.database import Database
from app.adapters.sql.frequent_queries import CHANNELS_OF, IS_MEMBER, MEMBERS
from app.adapters.sql.queries import USER_COLUMNS, lock_users, to_user
from app.adapters.sql.schema.dialects import as_text, is_one_of, upsert
from app.adapters.sql.schema.tables import channel_members, channels, users
from app.domain.channel import Channel, ChannelType, MemberRole, MembershipOutcome
from app.domain.errors import ChannelExists, ChannelNotFound, UserNotFound
from app.domain.ids import ChannelId, UserId
from app.domain.message import User
from app.ports import ChannelRepository, Membership, seeded_name

_CHANNEL = select(
    channels.c.id,
    # The name is never NULL in the original tables, but may be NULL in an altered database.
    func.coalesce(channels.c.name, channels.c.id).label("name"),
    channels.c.description,
    as_text(channels.c.type).label("type"),
    channels.c.createdById,
    channels.c.createdAt,
).where(channels.c.id == bindparam("channel_id"))
# Unknown types, which the original backend may add, count as PRIVATE, the most restrictive type.
_TYPES = {kind.value: kind for kind in ChannelType}
_CHANNELS_OF_ALL = select(channel_members.c.channelId, channel_members.c.userId).where(
    is_one_of(channel_members.c.userId, "user_ids")
)


class SqlChannelRepository(ChannelRepository):
    """Reads and writes the original backend's tables.

    Before inserting rows, `create` and `add_member` lock the existing channel and users to which
    the new rows will refer, so that no other transaction can delete these. Methods lock an existing
    channel first, then users by id, then members.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def channels_of(self, user_id: UserId) -> tuple[ChannelId, ...]:
        rows = await self._database.fetch(CHANNELS_OF, user_id)
        # Sort in Python, because the order of text differs between databases.
        return tuple(sorted(channel_id for (channel_id,) in rows))

    async def channels_of_all(
        self, user_ids: Collection[UserId]
    ) -> Mapping[UserId, tuple[ChannelId, ...]]:
        found: dict[UserId, list[ChannelId]] = {user_id: [] for user_id in user_ids}
        async with self._database.asking() as connection:
            rows = (await connection.execute(_CHANNELS_OF_ALL, {"user_ids": user_ids})).all()
        for channel_id, user_id in rows:
            found[user_id].append(channel_id)
        return {user_id: tuple(sorted(each)) for user_id, each in found.items()}

    async def users(self, limit: int) -> tuple[User, ...]:
        query = select(*USER_COLUMNS).order_by(users.c.id).limit(limit)
        async with self._database.asking() as connection:
            rows = (await connection.execute(query)).mappings()
            return tuple(to_user(row) for row in rows)

    async def is_member(self, channel_id: ChannelId, user_id: UserId) -> bool:
        return bool(await self._database.fetch(IS_MEMBER, channel_id, user_id))

    async def members_of_all(
        self, channel_ids: Collection[ChannelId]
    ) -> Mapping[ChannelId, frozenset[UserId]]:
        rows = await self._database.fetch(MEMBERS, list(channel_ids))
        return {channel_id: frozenset(json.loads(user_ids)) for channel_id, user_ids in rows}

    async def find(self, channel_id: ChannelId) -> Channel | None:
        async with self._database.asking() as connection:
            row = (await connection.execute(_CHANNEL, {"channel_id": channel_id})).one_or_none()
        if row is None:
            return None
        return Channel(
            id=row.id,
            name=row.name,
            description=row.description,
            type=_TYPES.get(row.type, ChannelType.PRIVATE),
            created_by_id=row.createdById,
            created_at=row.createdAt,
        )

    async def create(self, channel: Channel, roles: Mapping[UserId, MemberRole]) -> None:
        now = channel.created_at
        members = [_member(channel.id, user_id, role, now) for user_id, role in roles.items()]
        async with self._database.transaction() as connection:
            await _require_users(connection, {channel.created_by_id, *roles})
            statement = upsert(connection, channels).on_conflict_do_nothing()
            created = statement.values(
                id=channel.id,
                name=channel.name,
                description=channel.description,
                type=channel.type,
                createdById=channel.created_by_id,
                createdAt=now,
                updatedAt=now,
            )
            if not (await connection.execute(created)).rowcount:
                raise ChannelExists
            if members:
                await connection.execute(insert(channel_members), members)

    async def add_member(
        self, channel_id: ChannelId, user_id: UserId, role: MemberRole | None, now: datetime
    ) -> MembershipOutcome:
        row = _member(channel_id, user_id, role or MemberRole.MEMBER, now)
        async with self._database.transaction() as connection:
            await _lock_channel(connection, channel_id)
            await _require_users(connection, {user_id})
            joining = upsert(connection, channel_members).on_conflict_do_nothing().values(row)
            if (await connection.execute(joining)).rowcount:
                return MembershipOutcome.JOINED
            if role is None:
                return MembershipOutcome.NOTHING
            changing = (
                update(channel_members)
                .where(_is_membership(channel_id, user_id), channel_members.c.role != role)
                .values(role=role)
            )
            changed = (await connection.execute(changing)).rowcount
            return MembershipOutcome.ROLE_CHANGED if changed else MembershipOutcome.NOTHING

    async def remove_member(self, channel_id: ChannelId, user_id: UserId) -> bool:
        membership = delete(channel_members).where(_is_membership(channel_id, user_id))
        async with self._database.transaction() as connection:
            await _lock_channel(connection, channel_id)
            return bool((await connection.execute(membership)).rowcount)

    async def remove_members(self, channel_id: ChannelId) -> frozenset[UserId]:
        memberships = (
            delete(channel_members)
            .where(channel_members.c.channelId == channel_id)
            .returning(channel_members.c.userId)
        )
        async with self._database.transaction() as connection:
            await _lock_channel(connection, channel_id)
            await require_unreferenced(connection, channel_id)
            return frozenset((await connection.scalars(memberships)).all())

    async def delete(self, channel_id: ChannelId) -> None:
        await delete_channel(self._database, channel_id)

    async def seed(self, membership: Membership) -> None:
        """Create missing users, channels and memberships.

        The creator of a new channel is the first of its users in ``membership``.
        """
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


def _member(
    channel_id: ChannelId, user_id: UserId, role: MemberRole, now: datetime
) -> dict[str, object]:
    return {
        "channelId": channel_id,
        "userId": user_id,
        "role": role,
        "createdAt": now,
        "last_read_at": now,
        "joined_at": now,
    }


def _is_membership(channel_id: ChannelId, user_id: UserId) -> ColumnElement[bool]:
    return and_(channel_members.c.channelId == channel_id, channel_members.c.userId == user_id)


async def _lock_channel(connection: AsyncConnection, channel_id: ChannelId) -> None:
    """Keep the channel from being deleted until the transaction ends."""
    query = select(channels.c.id).where(channels.c.id == channel_id)
    found = await connection.scalar(query.with_for_update(read=True, key_share=True))
    if found is None:
        raise ChannelNotFound


async def _require_users(connection: AsyncConnection, user_ids: Collection[UserId]) -> None:
    unknown = await lock_users(connection, user_ids)
    if unknown:
        raise UserNotFound(min(unknown))
