"""How PostgreSQL is set up: sessions that give up in time, and connections known to be gone."""

from collections.abc import Sequence
from typing import Protocol, cast

from sqlalchemy import URL, Executable, Table, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from app.adapters.sql.connection.engines import POOL_OPTIONS, Engines
from app.adapters.sql.connection.limits import DatabaseLimits
from app.adapters.sql.connection.postgres_url import connect_arguments, is_pooled, session_settings
from app.adapters.sql.schema.tables import (
    channel_members,
    channel_sequences,
    channels,
    client_messages,
    message_deliveries,
    message_sequences,
    messages,
    users,
)
from app.domain.time_limits import COMMIT_SECONDS

_SHORT_QUERIES = {"jit": "off", "max_parallel_workers_per_gather": "0"}
"""Every query here reads a few rows by an index. When the planner takes them for many, compiling
and parallel workers cost ten times what the query does."""

_DURABLY = """
CASE current_setting('synchronous_commit')
WHEN 'off' THEN set_config('synchronous_commit', 'on', {in_transaction}) END
"""
"""An ack means stored. Only ``off`` acknowledges what a crash may take back; what an operator wants
of replicas stays."""

_WRITTEN = (messages, message_sequences, channel_sequences, client_messages, message_deliveries)
_READ = (users, channels, channel_members)
"""By what stores messages and receipts, besides."""


class _Driver(Protocol):
    """What is used of asyncpg's connection."""

    def is_closed(self) -> bool: ...

    def terminate(self) -> None: ...


def postgres_engines(url: URL, limits: DatabaseLimits) -> Engines:
    """For one server, or the pooler before it.

    Raises:
        DatabaseUrlError: The address has parameters that mean nothing.
    """
    # CURRENT_TIMESTAMP fills columns that have no zone, and means UTC.
    settings = {"timezone": "UTC", **session_settings(url)}
    bounds = _bounds(limits)
    pooled = is_pooled(url)
    if not pooled:
        settings |= bounds
    engine = create_async_engine(
        url.set(query={}),
        pool_size=limits.pool_size,
        # The one used last: after a quiet night few are stale.
        pool_use_lifo=True,
        isolation_level="READ COMMITTED",
        connect_args={**connect_arguments(url), "server_settings": settings},
        **POOL_OPTIONS,
    )
    if pooled:
        # A pooler takes no other settings at the start, and a session's would be another's next.
        calls = (f"set_config('{name}', '{value}', true)" for name, value in bounds.items())
        statement = f"SELECT {', '.join(calls)}, {_DURABLY.format(in_transaction='true')}"
        event.listen(engine.sync_engine, "begin", lambda each: each.exec_driver_sql(statement))
    else:
        event.listen(engine.sync_engine, "connect", _commit_durably)
    event.listen(engine.sync_engine, "checkout", _refuse_lost)
    event.listen(engine.sync_engine, "invalidate", _cut_off)
    writers = limits.pool_size // 2
    reading = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return Engines(
        writing=engine,
        reading=reading,
        # Behind a pooler the bounds are those of a transaction.
        asking=reading if pooled else engine.execution_options(isolation_level="AUTOCOMMIT"),
        writers=writers,
        readers=limits.pool_size - writers,
        writing_checks=(_lock(_WRITTEN, "ROW EXCLUSIVE"), _lock(_READ, "ROW SHARE")),
        reading_checks=(_lock((*_WRITTEN, *_READ), "ACCESS SHARE"),),
    )


def _lock(tables: Sequence[Table], mode: str) -> Executable:
    """As statements on the tables' rows do by themselves, but at once or not at all."""
    return text(f"LOCK TABLE {', '.join(table.name for table in tables)} IN {mode} MODE NOWAIT")


def _bounds(limits: DatabaseLimits) -> dict[str, str]:
    """For sessions: the server gives up by itself, after milliseconds, what nobody waits for."""
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


def _refuse_lost(
    connection: DBAPIConnection, entry: ConnectionPoolEntry, proxy: PoolProxiedConnection
) -> None:
    # The driver hears of it at once when the server ends or is killed: no question is needed.
    del entry, proxy
    if _driver(connection).is_closed():
        raise DisconnectionError


def _cut_off(
    connection: DBAPIConnection, entry: ConnectionPoolEntry, error: BaseException | None
) -> None:
    # Before SQLAlchemy takes leave of a server that may not answer, for two seconds.
    del entry, error
    _driver(connection).terminate()


def _driver(connection: DBAPIConnection) -> _Driver:
    return cast("_Driver", connection.driver_connection)
