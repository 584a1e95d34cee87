import asyncio

from app.adapters.memory.manual_clock import ManualClock
from app.adapters.sql.database import Database
from app.adapters.sql.sql_revocation_store import SqlRevocationStore
from app.domain.revocation import Revocation
from tests.postgres_server import PostgresServer

SLOW_COMMIT_OF_SESSIONS = """
CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER be_slow AFTER INSERT ON revocations DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (NEW.kind = 'session') EXECUTE FUNCTION be_slow();
"""
COMMITTING = "SELECT 1 FROM pg_stat_activity WHERE datname = 'chat' AND wait_event = 'PgSleep'"


async def test_readers_miss_nothing_when_an_earlier_addition_commits_late(
    own_postgres_database: Database, postgres_server: PostgresServer
) -> None:
    """None becomes visible behind one with a later position, which a reader has passed."""
    clock = ManualClock()
    adding, reading = (SqlRevocationStore(own_postgres_database, clock) for _ in range(2))
    early, late = Revocation.of_session("sess_1"), Revocation.of_token("a.b.c")
    postgres_server.execute(SLOW_COMMIT_OF_SESSIONS, "chat")
    adding_early = asyncio.create_task(adding.add(early, ttl_seconds=60))
    while not await asyncio.to_thread(postgres_server.execute, COMMITTING):
        pass

    await adding.add(late, ttl_seconds=60)
    missed = [list(portion) async for portion in reading.missed(list)]
    await adding_early
    missed += [list(portion) async for portion in reading.missed(list)]

    assert [[early, late]] == missed
