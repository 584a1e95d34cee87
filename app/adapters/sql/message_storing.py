"""The steps of storing a message, all inside `SqlMessageRepository.add`'s transaction."""

from datetime import datetime

from sqlalchemy import insert, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.sql.message_rows import USER_COLUMNS, to_user
from app.adapters.sql.tables import (
    channel_members,
    channel_sequences,
    client_messages,
    message_deliveries,
    message_sequences,
    messages,
    users,
)
from app.adapters.sql.upsert import upsert
from app.domain.delivery import DeliveryState
from app.domain.errors import NotAMember
from app.domain.ids import ChannelId, MessageId
from app.domain.message import Message, MessageDraft
from app.domain.user import User


async def find_sender(connection: AsyncConnection, draft: MessageDraft) -> User:
    """The sender, as a member of the channel.

    Raises:
        NotAMember: Is none.
    """
    query = (
        select(*USER_COLUMNS)
        .join(channel_members, channel_members.c.userId == users.c.id)
        .where(channel_members.c.channelId == draft.channel_id)
        .where(channel_members.c.userId == draft.user_id)
    )
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise NotAMember
    return to_user(row)


async def claim(connection: AsyncConnection, draft: MessageDraft) -> MessageId | None:
    """Take the draft's client message id, or return the message that has it.

    It is taken before anything is stored: of two sends at once, on any node, the second waits here
    for the end of the first.
    """
    if draft.client_message_id is None:
        return None
    statement = (
        upsert(connection, client_messages)
        .values(
            user_id=draft.user_id,
            client_message_id=draft.client_message_id,
            message_id=draft.id,
        )
        .on_conflict_do_nothing()
    )
    if (await connection.execute(statement)).rowcount:
        return None
    query = select(client_messages.c.message_id).where(
        client_messages.c.user_id == draft.user_id,
        client_messages.c.client_message_id == draft.client_message_id,
    )
    return MessageId((await connection.execute(query)).scalar_one())


async def insert_message(
    connection: AsyncConnection, draft: MessageDraft, sender: User, now: datetime
) -> Message:
    """Store the message, its place in the channel, and what is to be delivered."""
    message = Message(
        id=draft.id,
        content=draft.content,
        channel_id=draft.channel_id,
        user_id=draft.user_id,
        created_at=now,
        updated_at=now,
        delivery_status=DeliveryState.SENT,
        user=sender,
        seq=await _next_seq(connection, draft.channel_id),
    )
    await connection.execute(
        insert(messages).values(
            id=message.id,
            content=message.content,
            channelId=message.channel_id,
            userId=message.user_id,
            createdAt=message.created_at,
            updatedAt=message.updated_at,
            deliveryStatus=message.delivery_status,
        )
    )
    await connection.execute(
        insert(message_sequences).values(
            message_id=message.id, channel_id=message.channel_id, seq=message.seq
        )
    )
    recipients = (
        select(
            literal(message.id),
            channel_members.c.userId,
            literal(message.delivery_status),
            literal(now, message_deliveries.c.updated_at.type),
        )
        .where(channel_members.c.channelId == message.channel_id)
        .where(channel_members.c.userId != message.user_id)
    )
    await connection.execute(
        insert(message_deliveries).from_select(
            ["message_id", "recipient_id", "status", "updated_at"], recipients
        )
    )
    return message


async def _next_seq(connection: AsyncConnection, channel_id: ChannelId) -> int:
    # The row stays locked until the transaction ends, so that numbers are given in the order of
    # commits and one that was rolled back is given again.
    first = upsert(connection, channel_sequences).values(channel_id=channel_id, last_seq=1)
    statement = first.on_conflict_do_update(
        index_elements=[channel_sequences.c.channel_id],
        set_={"last_seq": channel_sequences.c.last_seq + 1},
    ).returning(channel_sequences.c.last_seq)
    return int((await connection.execute(statement)).scalar_one())
