"""Reads the database directly, without a server."""

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy import NullPool, text
from sqlalchemy.ext.asyncio import create_async_engine

from app.adapters.sql.connection.url import parse_database_url
from tests.deadlines import ANSWER_SECONDS
from tests.reliability.evidence import MessageKey, Receipt, Stored, StoredMessage

_MESSAGES = """
    SELECT m.id, m."channelId", COALESCE(s.seq, 0), m."userId", m.content,
           CAST(m."deliveryStatus" AS TEXT), COALESCE(s.position, 0)
    FROM messages m LEFT JOIN message_sequences s ON s.message_id = m.id
"""
_LAST_SEQS = "SELECT channel_id, last_seq FROM channel_sequences"
_CLIENT_MESSAGES = "SELECT user_id, client_message_id, message_id FROM client_messages"
_DELIVERIES = """
    SELECT s.message_id, r.recipient_id, r.status
    FROM message_receipts r JOIN message_sequences s ON s.position = r.position
    UNION ALL
    SELECT s.message_id, b.user_id, 'SENT'
    FROM message_sequences s
    JOIN messages m ON m.id = s.message_id
    JOIN memberships b ON b.channel_id = s.channel_id AND b.user_id <> m."userId"
        AND COALESCE(b.left_after, s.seq) >= s.seq
    WHERE NOT EXISTS (
        SELECT 1 FROM delivered_ranges d
        WHERE d.channel_id = s.channel_id AND d.user_id = b.user_id
            AND d.first_seq <= s.seq AND d.end_seq > s.seq
    )
"""
_MEMBERS = 'SELECT "channelId", "userId" FROM channel_members'


class Storage:
    """The database of a running server. Each call opens a new connection.

    Args:
        url: The server's ``DATABASE_URL``.
    """

    def __init__(self, url: str) -> None:
        self._engine = create_async_engine(parse_database_url(url), poolclass=NullPool)

    async def everything(self) -> Stored:
        """Return all rows that the invariants need.

        The rows are consistent only if no writes are running.
        """
        return Stored(
            messages=[
                StoredMessage(MessageKey(*key), content, status, position)
                for *key, content, status, position in await self._rows(_MESSAGES)
            ],
            last_seqs=dict(await self._rows(_LAST_SEQS)),
            client_messages=await self._rows(_CLIENT_MESSAGES),
            deliveries=[Receipt(*row) for row in await self._rows(_DELIVERIES)],
            members=frozenset(await self._rows(_MEMBERS)),
        )

    async def last_seq(self, channel_id: str) -> int:
        last_seqs: dict[str, int] = dict(await self._rows(_LAST_SEQS))
        return last_seqs.get(channel_id, 0)

    async def _rows(self, statement: str) -> Sequence[Any]:
        async with asyncio.timeout(ANSWER_SECONDS), self._engine.connect() as connection:
            return [tuple(row) for row in await connection.execute(text(statement))]
