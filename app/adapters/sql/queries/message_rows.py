"""Reading messages: the joins that make a `Message`, and the way from a row to it."""

from typing import Any

from sqlalchemy import BigInteger, RowMapping, Select, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.sql.queries.delivery_rows import to_state
from app.adapters.sql.queries.membership import belongs
from app.adapters.sql.schema.column_types import as_text
from app.adapters.sql.schema.tables import message_sequences, messages, users
from app.domain.errors import MessageNotFound
from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import Message
from app.domain.user import User

USER_COLUMNS = (
    users.c.id.label("user_id"),
    # A user whom the original backend knows by an e-mail address alone has no name.
    func.coalesce(users.c.name, users.c.id).label("user_name"),
    users.c.imageUrl.label("user_image_url"),
)


def select_messages() -> Select[*tuple[Any, ...]]:
    """Everything `to_message` needs, of every message; the caller says which.

    A column that is NULL, where the original's own tables allow none, is read as it would be for a
    new message: no content, changed when it was created.
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
    """One row of `select_messages` as the domain knows it."""
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
    """`USER_COLUMNS` as the domain knows them."""
    return User(id=row["user_id"], name=row["user_name"], image_url=row["user_image_url"])


async def read_date_range(
    connection: AsyncConnection, channel_id: ChannelId, after_seq: int, limit: int
) -> tuple[Message, ...]:
    """The first ``limit`` messages of a channel with ``seq > after_seq``, by ``seq``."""
    query = (
        select_messages()
        .where(message_sequences.c.channel_id == channel_id)
        # Clients say after what: it may be larger than any number in the column.
        .where(message_sequences.c.seq > literal(after_seq, BigInteger))
        .order_by(message_sequences.c.seq)
        .limit(limit)
    )
    rows = (await connection.execute(query)).mappings()
    return tuple(map(to_message, rows))


async def lock_message(
    connection: AsyncConnection, message_id: MessageId, user_id: UserId
) -> Message:
    """A message as a member of its channel may see it, unchanged until the transaction ends.

    Rows that refer to it, such as the original backend's receipts, may come meanwhile. SQLite has
    locked the whole database already and ignores FOR NO KEY UPDATE.

    Raises:
        MessageNotFound: Missing, or the user is not a member of its channel.
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
