"""Makes engines for PostgreSQL, with time limits, durable commits and connection checks."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, cast

from sqlalchemy import URL, Executable, Table, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection
from sqlalchemy.util import greenlet_spawn

from app.adapters.sql.connection.engines import (
    POOL_OPTIONS,
    Engines,
    PostgresConnection,
    Query,
    Result,
    Write,
)
from app.adapters.sql.connection.limits import DatabaseLimits
from app.adapters.sql.connection.postgres_url import connect_arguments, is_pooled, session_settings
from app.adapters.sql.schema.tables import (
    channel_members,
    channel_sequences,
    channels,
    client_messages,
    delivered_ranges,
    message_receipts,
    message_sequences,
    messages,
    users,
)
from app.domain.time_limits import COMMIT_SECONDS

_SHORT_QUERIES = {
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "plan_cache_mode": "force_generic_plan",
}
"""Session settings for short queries: each query of this server reads a few rows by an index.

If the planner overestimates the number of rows, JIT compilation and parallel workers take ten times
longer than the query itself. A session caches its plans: with the default settings, a plan that was
made while the tables were small would still read whole tables after they have grown.
"""

_DURABLY = """
CASE current_setting('synchronous_commit')
WHEN 'off' THEN set_config('synchronous_commit', 'on', {in_transaction}) END
"""
"""An SQL expression that changes ``synchronous_commit`` from ``off`` to ``on``.

With ``off``, a crash could lose acknowledged commits. The differences between the other values
concern only replicas, so these values are not changed.
"""

_WRITTEN = (
    *(messages, message_sequences, channel_sequences, client_messages),
    *(delivered_ranges, message_receipts),
)
_READ = (users, channels, channel_members)
"""The tables that are read, but not written, when a message or receipt is stored."""


class _Driver(PostgresConnection, Protocol):
    def transaction(self) -> AbstractAsyncContextManager[object]: ...

    def is_closed(self) -> bool: ...

    def terminate(self) -> None: ...


def postgres_engines(url: URL, limits: DatabaseLimits) -> Engines:
    """Make engines for a server or a pooler; raise `DatabaseUrlError` for an invalid URL."""
    # In columns without a time zone, PostgreSQL stores the default CURRENT_TIMESTAMP in the zone of
    # the session, so the session must use UTC.
    settings = {"timezone": "UTC", **session_settings(url)}
    time_limits = _time_limits(limits)
    pooled = is_pooled(url)
    if not pooled:
        settings |= time_limits
        # The isolation level of statements that run outside the transactions of SQLAlchemy.
        settings["default_transaction_isolation"] = "read committed"
    engine = create_async_engine(
        url.set(query={}),
        pool_size=limits.pool_size,
        # Prefer the most recently used connection: the server may have closed idle connections.
        pool_use_lifo=True,
        isolation_level="READ COMMITTED",
        connect_args={**connect_arguments(url), "server_settings": settings},
        **POOL_OPTIONS,
    )
    # Behind a pooler, set the time limits in each transaction: a pooler accepts few settings for a
    # session, and shares sessions between clients.
    calls = (f"set_config('{name}', '{value}', true)" for name, value in time_limits.items())
    statement = f"SELECT {', '.join(calls)}, {_DURABLY.format(in_transaction='true')}"
    if pooled:
        event.listen(engine.sync_engine, "begin", lambda each: each.exec_driver_sql(statement))
    else:
        event.listen(engine.sync_engine, "connect", _commit_durably)
    event.listen(engine.sync_engine, "checkout", _reject_lost)
    event.listen(engine.sync_engine, "invalidate", _terminate)
    writers = limits.pool_size // 2
    set_limits = statement if pooled else None

    async def write(connection: PoolProxiedConnection, write: Write[Result]) -> Result:
        return await _run(set_limits, connection, write.on_postgres)

    async def fetch(
        connection: PoolProxiedConnection, query: Query, parameters: Sequence[object]
    ) -> Sequence[Sequence[Any]]:
        return await _run(
            set_limits, connection, lambda driver: driver.fetch(query.on_postgres, *parameters)
        )

    reading = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return Engines(
        writing=engine,
        reading=reading,
        # Behind a pooler, a query without a transaction would have no time limits.
        asking=reading if pooled else engine.execution_options(isolation_level="AUTOCOMMIT"),
        writers=writers,
        readers=limits.pool_size - writers,
        writing_checks=(_lock(_WRITTEN, "ROW EXCLUSIVE"), _lock(_READ, "ROW SHARE")),
        reading_checks=(_lock((*_WRITTEN, *_READ), "ACCESS SHARE"),),
        write=write,
        fetch=fetch,
    )


async def _run(
    set_limits: str | None,
    pooled: PoolProxiedConnection,
    operation: Callable[[PostgresConnection], Awaitable[Result]],
) -> Result:
    connection = cast("_Driver", pooled.driver_connection)
    try:
        if set_limits is None:
            return await operation(connection)
        async with connection.transaction():
            await connection.fetch(set_limits)
            return await operation(connection)
    except BaseException as error:
        # If the server reports an ERROR, the connection can be used again. After a FATAL error it
        # must not be used, although it may still be open.
        if getattr(error, "severity_en", None) != "ERROR":
            await greenlet_spawn(pooled.invalidate)
        raise
    finally:
        pooled.close()


def _lock(tables: Sequence[Table], mode: str) -> Executable:
    """Return a statement that locks tables as a query or write does, but fails if it must wait."""
    return text(f"LOCK TABLE {', '.join(table.name for table in tables)} IN {mode} MODE NOWAIT")


def _time_limits(limits: DatabaseLimits) -> dict[str, str]:
    """Return the settings for short queries and for time limits that the server enforces."""
    return {
        **_SHORT_QUERIES,
        "statement_timeout": str(round(limits.statement_timeout_seconds * 1000)),
        "lock_timeout": str(round(limits.lock_timeout_seconds * 1000)),
        "idle_in_transaction_session_timeout": str(round(COMMIT_SECONDS * 1000)),
    }


def _commit_durably(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    del entry
    cursor = connection.cursor()
    cursor.execute(f"SELECT {_DURABLY.format(in_transaction='false')}")
    cursor.close()
    connection.commit()


def _reject_lost(
    connection: DBAPIConnection, entry: ConnectionPoolEntry, proxy: PoolProxiedConnection
) -> None:
    # asyncpg detects at once that the server has closed a connection, so no test query is needed.
    del entry, proxy
    if _driver(connection).is_closed():
        raise DisconnectionError


def _terminate(
    connection: DBAPIConnection, entry: ConnectionPoolEntry, error: BaseException | None
) -> None:
    # Without this, SQLAlchemy would wait up to two seconds for the server to close the connection.
    del entry, error
    _driver(connection).terminate()


def _driver(connection: DBAPIConnection) -> _Driver:
    return cast("_Driver", connection.driver_connection)
