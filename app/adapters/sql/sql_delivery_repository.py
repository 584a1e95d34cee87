"""Deliveries in the database."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import RowMapping, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.sql.database import Database
from app.adapters.sql.membership import belongs
from app.adapters.sql.message_rows import lock_message, select_messages, to_message
from app.adapters.sql.tables import message_deliveries, messages, read_receipts
from app.adapters.sql.upsert import upsert
from app.domain.delivery import DeliveryState, DeliveryStatus, overall_state
from app.domain.errors import MessageNotFound, NotARecipient
from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import Message
from app.ports import Advance, DeliveryRepository, UndeliveredPage


class SqlDeliveryRepository(DeliveryRepository):
    """One row per recipient in our table; what the original backend reads follows it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def advance(
        self, message_id: MessageId, recipient_id: UserId, state: DeliveryState, now: datetime
    ) -> Advance:
        """Move a recipient forward, and the message's own state with it.

        READ writes the original backend's receipt too.
        """
        mine = and_(
            message_deliveries.c.message_id == message_id,
            message_deliveries.c.recipient_id == recipient_id,
        )
        async with self._database.transaction() as connection:
            message = await lock_message(connection, message_id, recipient_id)
            # Read apart from the message, after its lock: PostgreSQL would answer a join from
            # before the wait, and a recipient could go back.
            rows = await connection.execute(select(message_deliveries).where(mine))
            row = rows.mappings().one_or_none()
            if row is None:
                raise NotARecipient
            before = _to_status(row)
            if not before.status.may_become(state):
                return Advance(before, message.user_id, changed=False)
            await connection.execute(
                update(message_deliveries).where(mine).values(status=state, updated_at=now)
            )
            if state is DeliveryState.READ:
                receipt = upsert(connection, read_receipts).on_conflict_do_nothing()
                await connection.execute(
                    receipt.values(messageId=message_id, userId=recipient_id, readAt=now)
                )
            await _follow(connection, message)
        after = replace(before, status=state, timestamp=now)
        return Advance(after, message.user_id, changed=True)

    async def statuses(
        self, message_id: MessageId, reader_id: UserId
    ) -> tuple[DeliveryStatus, ...]:
        """Every recipient's progress, sorted by recipient."""
        visible = select(messages.c.id).where(
            messages.c.id == message_id, belongs(messages.c.channelId, reader_id)
        )
        query = select(message_deliveries).where(message_deliveries.c.message_id == message_id)
        async with self._database.reading() as connection:
            if await connection.scalar(visible) is None:
                raise MessageNotFound
            rows = (await connection.execute(query)).mappings().all()
        return tuple(sorted(map(_to_status, rows), key=_recipient_of))

    async def undelivered_counts(self, user_id: UserId) -> dict[ChannelId, int]:
        """How many messages wait for the user, by channel."""
        query = (
            select(messages.c.channelId, func.count())
            .join(message_deliveries, message_deliveries.c.message_id == messages.c.id)
            .where(message_deliveries.c.recipient_id == user_id)
            .where(message_deliveries.c.status == DeliveryState.SENT)
            .where(belongs(messages.c.channelId, user_id))
            .group_by(messages.c.channelId)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return {ChannelId(channel_id): count for channel_id, count in rows}

    async def undelivered(self, user_id: UserId, after: int, limit: int) -> UndeliveredPage:
        """The first ``limit`` of them after a position."""
        query = (
            select_messages()
            .add_columns(message_deliveries.c.position)
            .join(message_deliveries, message_deliveries.c.message_id == messages.c.id)
            .where(message_deliveries.c.recipient_id == user_id)
            .where(message_deliveries.c.status == DeliveryState.SENT)
            .where(message_deliveries.c.position > after)
            .where(belongs(messages.c.channelId, user_id))
            .order_by(message_deliveries.c.position)
            .limit(limit)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return UndeliveredPage(
            messages=tuple(to_message(row) for row in rows),
            positions=tuple(row["position"] for row in rows),
        )


async def _follow(connection: AsyncConnection, message: Message) -> None:
    of_message = message_deliveries.c.message_id == message.id
    reached = select(message_deliveries.c.status).where(of_message).distinct()
    states = [DeliveryState(state) for state in (await connection.scalars(reached)).all()]
    overall = overall_state(states)
    if overall is not message.delivery_status:
        await connection.execute(
            update(messages).where(messages.c.id == message.id).values(deliveryStatus=overall)
        )


def _to_status(row: RowMapping) -> DeliveryStatus:
    return DeliveryStatus(
        message_id=row["message_id"],
        recipient_id=row["recipient_id"],
        status=DeliveryState(row["status"]),
        timestamp=row["updated_at"],
    )


def _recipient_of(status: DeliveryStatus) -> UserId:
    return status.recipient_id
