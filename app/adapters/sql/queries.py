"""Queries and row conversions that several repositories share."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, RowMapping, Select, exists, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.sql.schema.dialects import as_text
from app.adapters.sql.schema.tables import channel_members, message_sequences, messages, users
from app.domain.delivery import DeliveryState
from app.domain.errors import MessageNotFound
from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import Message, User

_STATES: dict[str | None, DeliveryState] = {state.value: state for state in DeliveryState}

USER_COLUMNS = (
    users.c.id.label("user_id"),
    # The name is NULL for a user who signed up with only an e-mail address.
    func.coalesce(users.c.name, users.c.id).label("user_name"),
    users.c.imageUrl.label("user_image_url"),
)
"""The columns that `to_user` reads, in the order of the fields of `User`."""


def belongs(channel_id: ChannelId | ColumnElement[str], user_id: UserId) -> ColumnElement[bool]:
    """Build the condition that a user is a member of a channel. The channel id may be a column."""
    return exists().where(
        channel_members.c.channelId == channel_id, channel_members.c.userId == user_id
    )


def select_messages() -> Select[*tuple[Any, ...]]:
    """Select the columns of messages that `to_message` reads.

    In an altered database, more columns may be NULL than in the original tables. NULL in
    ``content`` is read as empty text, and NULL in ``updatedAt`` as the value of ``createdAt``.
    """
    return (
        select(
            messages.c.id,
            func.coalesce(messages.c.content, "").label("content"),
            messages.c.channelId.label("channel_id"),
            messages.c.createdAt.label("created_at"),
            func.coalesce(messages.c.updatedAt, messages.c.createdAt).label("updated_at"),
            as_text(messages.c.deliveryStatus).label("delivery_status"),
            message_sequences.c.seq,
            *USER_COLUMNS,
        )
        .join(message_sequences, message_sequences.c.message_id == messages.c.id)
        .join(users, users.c.id == messages.c.userId)
    )


def to_message(row: RowMapping) -> Message:
    """Convert a row of `select_messages`."""
    return Message(
        id=row["id"],
        content=row["content"],
        channel_id=row["channel_id"],
        user_id=row["user_id"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        delivery_status=to_state(row["delivery_status"]),
        user=to_user(row),
        seq=row["seq"],
    )


def to_user(row: RowMapping) -> User:
    """Convert the `USER_COLUMNS` of a row."""
    return User(id=row["user_id"], name=row["user_name"], image_url=row["user_image_url"])


def to_state(text: str | None) -> DeliveryState:
    """Convert ``messages.deliveryStatus``, which the original backend also writes.

    NULL and unknown values count as SENT, because the message is stored.
    """
    return _STATES.get(text, DeliveryState.SENT)


async def read_page(
    connection: AsyncConnection, channel_id: ChannelId, after_seq: int, limit: int
) -> tuple[Message, ...]:
    """Read the first ``limit`` messages of a channel with ``seq > after_seq``, by ``seq``."""
    query = (
        select_messages()
        .where(message_sequences.c.channel_id == channel_id)
        # Pass ``after_seq`` as BIGINT: the client chooses this number, which may exceed the range
        # of the column's type.
        .where(message_sequences.c.seq > literal(after_seq, BigInteger))
        .order_by(message_sequences.c.seq)
        .limit(limit)
    )
    rows = (await connection.execute(query)).mappings()
    return tuple(map(to_message, rows))


async def lock_users(
    connection: AsyncConnection, user_ids: Collection[UserId]
) -> frozenset[UserId]:
    """Keep users from being deleted until the transaction ends; return the ids of missing users.

    Call this before `lock_message` if a new row will refer to both a message and a user. A
    transaction that deletes a user locks rows in the same order, so the two cannot deadlock.
    """
    query = select(users.c.id).where(users.c.id.in_(user_ids)).order_by(users.c.id)
    found = await connection.scalars(query.with_for_update(read=True, key_share=True))
    return frozenset(user_ids).difference(found)


async def lock_message(
    connection: AsyncConnection, message_id: MessageId, user_id: UserId
) -> Message:
    """Read a message that a user may see, and lock it against changes until the transaction ends.

    Other transactions may insert rows that refer to the message, such as receipts. On SQLite, the
    query has no FOR NO KEY UPDATE, because the transaction has locked the whole database.

    Raises:
        MessageNotFound: There is no such message, or the user is not a member of its channel.
    """
    query = (
        select_messages()
        .where(messages.c.id == message_id, belongs(messages.c.channelId, user_id))
        .with_for_update(key_share=True, of=messages)
    )
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise MessageNotFound
    return to_message(row)
