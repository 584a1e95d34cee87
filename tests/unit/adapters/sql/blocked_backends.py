"""Blocks a PostgreSQL backend until the test releases it, however slow the machine is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text

from app.adapters.sql.connection.database import Database
from tests.contract.storage import UNHURRIED, opened
from tests.postgres_server import PostgresServer

LOCK = "pg_advisory_xact_lock(1)"
"""SQL that blocks while the test is inside `held_lock`."""


@asynccontextmanager
async def held_lock(url: str) -> AsyncIterator[None]:
    """Hold the lock that `LOCK` requests, in a transaction on another connection."""
    async with (
        opened(Database(url, migrate=False, limits=UNHURRIED)) as other,
        other.transaction() as connection,
    ):
        await connection.execute(text(f"SELECT {LOCK}"))
        yield


async def wait_for_row(server: PostgresServer, query: str, database: str = "postgres") -> None:
    """Poll until the query returns a row; pytest's timeout is the only limit."""
    while not await asyncio.to_thread(  # noqa: ASYNC110 - PostgreSQL cannot set an `Event`
        server.execute, query, database
    ):
        await asyncio.sleep(0.02)


async def wait_for_lock(server: PostgresServer) -> None:
    """Poll until a backend waits for a row or table that another transaction has locked."""
    await wait_for_row(server, "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
