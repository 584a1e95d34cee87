import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from app.adapters.sql.connection.database import Database
from app.adapters.sql.storage_probe import SqlStorageProbe
from app.domain.errors import Unavailable
from tests.contract.storage import opened
from tests.deadlines import ANSWER_SECONDS
from tests.postgres_server import PostgresServer

CUT_OFF = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = 'chat' AND pid <> pg_backend_pid()
"""


async def test_checking_is_refused_when_the_server_has_become_read_only(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    """After a failover, the server may answer queries, but reject writes."""
    async with opened(Database(postgres_url, migrate=False)) as database:
        probe = SqlStorageProbe(database)
        await probe.check()
        postgres_server.execute(
            f"ALTER DATABASE chat SET default_transaction_read_only = on; {CUT_OFF}"
        )
        with pytest.raises(Unavailable):
            await probe.check()
        async with database.reading() as connection:
            await connection.exec_driver_sql("SELECT 1 FROM channel_sequences")
        # The first failure was a lost connection; the second is an error that the server reports.
        with pytest.raises(Unavailable):
            await probe.check()


async def test_checking_is_refused_when_another_program_holds_sqlites_file(
    database: Database, file: Path
) -> None:
    """The check fails before a load balancer's timeout."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(Unavailable):
            await asyncio.wait_for(SqlStorageProbe(database).check(), timeout=ANSWER_SECONDS)


async def test_checking_writes_nothing_when_the_database_is_fine(
    database: Database, file: Path
) -> None:
    """Load balancers check often, so a check must not write to the disk."""
    log = file.with_name(f"{file.name}-wal")
    before = await asyncio.to_thread(log.stat)

    await SqlStorageProbe(database).check()

    after = await asyncio.to_thread(log.stat)
    assert (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
