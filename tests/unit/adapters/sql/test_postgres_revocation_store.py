"""Tests concurrent additions to the revocation store on PostgreSQL.

The tested module is app/adapters/sql/revocation_store.py.
"""

import asyncio

from app.adapters.sql.connection.database import Database
from app.adapters.sql.revocation_store import SqlRevocationStore
from app.domain.credential import Revocation
from tests.doubles.manual_clock import ManualClock
from tests.postgres_server import PostgresServer
from tests.unit.adapters.sql.blocked_backends import LOCK, held_lock, wait_for_row

BLOCKED_COMMIT_OF_SESSIONS = f"""
CREATE FUNCTION wait_for_lock() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN PERFORM {LOCK}; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER wait_for_lock AFTER INSERT ON revocations DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (NEW.kind = 'session') EXECUTE FUNCTION wait_for_lock();
"""
WAITING_BACKENDS = (
    "SELECT pid FROM pg_stat_activity WHERE datname = 'chat' AND wait_event = 'advisory'"
)


async def test_readers_miss_nothing_when_an_earlier_addition_commits_late(
    own_postgres_database: Database, postgres_server: PostgresServer, postgres_url: str
) -> None:
    """A revocation never becomes visible after a revocation with a higher position was read."""
    clock = ManualClock()
    adding, reading = (SqlRevocationStore(own_postgres_database, clock) for _ in range(2))
    early, late = Revocation.of_session("sess_1"), Revocation.of_token("a.b.c")
    postgres_server.execute(BLOCKED_COMMIT_OF_SESSIONS, "chat")
    async with held_lock(postgres_url):
        adding_early = asyncio.create_task(adding.add(early, ttl_seconds=60))
        await wait_for_row(postgres_server, WAITING_BACKENDS)
        adding_late = asyncio.create_task(adding.add(late, ttl_seconds=60))
        either = [wait_for_row(postgres_server, f"{WAITING_BACKENDS} OFFSET 1"), adding_late]
        await asyncio.wait(map(asyncio.ensure_future, either), return_when=asyncio.FIRST_COMPLETED)
        seen = [list(page) async for page in reading.missed(list)]

    await asyncio.gather(adding_early, adding_late)
    seen += [list(page) async for page in reading.missed(list)]

    assert [[early, late]] == seen
