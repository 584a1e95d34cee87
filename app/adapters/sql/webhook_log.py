"""Records processed webhook messages in the database."""

from datetime import timedelta

from sqlalchemy import delete, exists, select

from app.adapters.sql.connection.database import Database
from app.adapters.sql.schema.dialects import upsert
from app.adapters.sql.schema.tables import webhook_messages
from app.ports import Clock, WebhookLog


class SqlWebhookLog(WebhookLog):
    """Stores each id until it expires, by the wall clock. `add` deletes expired ids."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def contains(self, message_id: str) -> bool:
        found = exists().where(
            webhook_messages.c.id == message_id,
            webhook_messages.c.expires_at >= self._clock.now(),
        )
        async with self._database.asking() as connection:
            return bool(await connection.scalar(select(found)))

    async def add(self, message_id: str, ttl_seconds: int) -> None:
        """Store the message's id. If it is already stored, keep the later expiry time."""
        now = self._clock.now()
        is_expired = webhook_messages.c.expires_at < now
        expires_at = now + timedelta(seconds=ttl_seconds)
        async with self._database.transaction() as connection:
            await connection.execute(delete(webhook_messages).where(is_expired))
            await connection.execute(
                upsert(connection, webhook_messages)
                .values(id=message_id, expires_at=expires_at)
                .on_conflict_do_update(
                    index_elements=[webhook_messages.c.id],
                    set_={"expires_at": expires_at},
                    where=webhook_messages.c.expires_at < expires_at,
                )
            )
