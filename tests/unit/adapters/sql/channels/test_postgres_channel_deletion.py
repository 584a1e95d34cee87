"""Tests deleting a channel with outdated query plans of PostgreSQL.

The tested module is app/adapters/sql/channels/deletion.py.
"""

from dataclasses import replace

from sqlalchemy import text

from app.adapters.sql.connection.database import Database
from app.adapters.sql.connection.limits import DEFAULT_LIMITS
from tests.contract.storage import ALICE, MEMBERSHIP, RANDOM, opened, sql_storage
from tests.postgres_server import PostgresServer

ONE_WRITER = replace(DEFAULT_LIMITS, pool_size=2)
"""Limits with one writer, so that one session runs every statement and keeps its query plans."""
GROWN = 2_000

STILL = "; ".join(
    f"ALTER TABLE {name} SET (autovacuum_enabled = off); ANALYZE {name}"
    for name in ("messages", "message_sequences", "message_receipts", "read_receipts")
)
"""SQL that analyzes the tables, and turns off later updates of their statistics."""
STORE = """
INSERT INTO messages (id, content, "channelId", "userId", "updatedAt")
SELECT 'm' || number, '', '{channel}', '{author}', now()
FROM generate_series({first}, {last}) AS number;
INSERT INTO message_sequences (message_id, channel_id, seq)
SELECT 'm' || number, '{channel}', number FROM generate_series({first}, {last}) AS number;
"""
DELETE_ONE = text("DELETE FROM messages WHERE id = :id")
COUNT_NOW = text("SELECT pg_stat_force_next_flush()")
READ_WHOLE = "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'message_sequences'"


async def rows_read(database: Database, server: PostgresServer) -> int:
    """Count the rows of message_sequences that sequential scans have read."""
    async with database.transaction() as connection:
        await connection.execute(COUNT_NOW)
    ((rows,),) = server.execute(READ_WHOLE, "chat")
    return int(rows)


async def test_tables_are_not_read_whole_when_plans_are_of_the_time_they_were_small(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    """PostgreSQL would scan the tables once per message if it used its outdated plans."""
    async with opened(Database(postgres_url, migrate=False, limits=ONE_WRITER)) as database:
        storage = sql_storage(database)
        await storage.channels.seed(MEMBERSHIP)
        few = STORE.format(channel=RANDOM, author=ALICE, first=1, last=20)
        postgres_server.execute(few + STILL, "chat")
        async with database.transaction() as connection:
            for number in range(1, 11):
                await connection.execute(DELETE_ONE, {"id": f"m{number}"})
        many = STORE.format(channel=RANDOM, author=ALICE, first=21, last=20 + GROWN)
        postgres_server.execute(many, "chat")
        before = await rows_read(database, postgres_server)

        await storage.channels.delete(RANDOM)

        assert await rows_read(database, postgres_server) - before < GROWN
        assert [["0"]] == postgres_server.execute("SELECT count(*) FROM messages", "chat")
