import pytest
from sqlalchemy import text

from app.adapters.sql.connection.database import Database
from app.adapters.sql.connection.limits import DatabaseLimits
from app.adapters.sql.connection.opening import DatabaseOpenError
from app.domain.errors import Unavailable
from tests.contract.storage import opened
from tests.postgres_server import PostgresServer

LIMITS = DatabaseLimits(
    pool_size=2,
    pool_timeout_seconds=1,
    statement_timeout_seconds=1.25,
    lock_timeout_seconds=0.75,
)
SESSION = """
SELECT current_setting('statement_timeout'), current_setting('lock_timeout'),
       current_setting('transaction_isolation'), current_setting('transaction_read_only'),
       CURRENT_TIMESTAMP::timestamp = now() AT TIME ZONE 'UTC'
"""
WRITES = ("1250ms", "750ms", "read committed", "off", True)
READS = ("1250ms", "750ms", "repeatable read", "on", True)


@pytest.mark.parametrize("query", ["", "?pgbouncer=true"])
async def test_every_session_gives_up_in_time_and_means_utc_when_it_is_opened(
    postgres_url: str, query: str
) -> None:
    """Every session has timeouts and uses UTC.

    Behind a pooler, every transaction sets the timeouts and the time zone.
    """
    database = Database(postgres_url + query, migrate=False, limits=LIMITS)

    async with (
        opened(database),
        database.transaction() as writing,
        database.reading() as reading,
    ):
        found = [
            tuple((await connection.execute(text(SESSION))).one())
            for connection in (writing, reading)
        ]

    assert [WRITES, READS] == found


@pytest.mark.parametrize("query", ["", "?pgbouncer=true"])
@pytest.mark.parametrize(("wanted", "found"), [("off", "on"), ("remote_apply", "remote_apply")])
async def test_every_commit_is_durable_when_the_database_asks_for_less(
    postgres_url: str, postgres_server: PostgresServer, query: str, wanted: str, found: str
) -> None:
    """Every transaction replaces ``synchronous_commit = off``; stricter values are kept."""
    postgres_server.execute(f"ALTER DATABASE chat SET synchronous_commit = {wanted}")

    settings = []
    async with opened(Database(postgres_url + query, migrate=False, limits=LIMITS)) as database:
        for _ in range(2):
            async with database.transaction() as connection:
                settings.append(await connection.scalar(text("SHOW synchronous_commit")))

    assert [found, found] == settings


async def test_a_reader_cannot_write_when_it_tries(postgres_database: Database) -> None:
    async def write() -> None:
        async with postgres_database.reading() as connection:
            await connection.execute(text("DELETE FROM users"))

    with pytest.raises(Unavailable):
        await write()


async def test_tables_stand_in_the_schema_when_the_address_names_one(
    empty_postgres_url: str, postgres_server: PostgresServer
) -> None:
    """The URL may name a schema with Prisma's ``?schema=``."""
    postgres_server.execute('CREATE SCHEMA "Chat"', "empty")

    async with opened(Database(f"{empty_postgres_url}?schema=Chat", migrate=True)):
        pass

    tables = "SELECT DISTINCT table_schema FROM information_schema.tables WHERE table_name = '{}'"
    assert [["Chat"]] == postgres_server.execute(tables.format("messages"), "empty")
    assert [["Chat"]] == postgres_server.execute(tables.format("alembic_version"), "empty")


async def test_opening_speaks_of_tls_when_the_server_has_none(postgres_url: str) -> None:
    """The error names the setting that requires TLS."""
    with pytest.raises(
        DatabaseOpenError, match="does not offer the TLS that DATABASE_URL asks for"
    ) as refused:
        async with opened(Database(f"{postgres_url}?sslmode=require", migrate=False)):
            pass

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("user", "database", "sentence"),
    [
        ("stranger", "chat", "refuses this password; correct the user and the password"),
        ("nobody", "chat", "refuses this user"),
        ("postgres", "missing", "does not exist on its server; create it, or correct DATABASE_URL"),
    ],
)
@pytest.mark.usefixtures("postgres_url")
async def test_opening_names_the_fix_when_the_server_refuses(
    postgres_server: PostgresServer, user: str, database: str, sentence: str
) -> None:
    """The error omits the URL, because it contains a password."""
    url = postgres_server.url(database, user)

    with pytest.raises(DatabaseOpenError, match=sentence) as caught:
        async with opened(Database(url, migrate=False)):
            pass

    assert "secret" not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)
