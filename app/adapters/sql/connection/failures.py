"""Translates the exceptions of SQLAlchemy and the drivers into those of the domain."""

import sqlite3
from typing import Final

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.adapters.sql.connection.limits import SLOW_SECONDS
from app.concurrency.circuit_breaker import CircuitBreaker
from app.domain.errors import StorageRejected, Unavailable, Unconfirmed

DATABASE_FAILURES: Final = (
    SQLAlchemyError,
    *(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError),
    sqlite3.Error,
    OSError,
)
"""The exceptions that a failing database raises. `OSError` includes `TimeoutError`."""

_ROLLED_BACK_SQLSTATES = frozenset({"23", "40"})
"""SQLSTATE classes that mean that a COMMIT was rolled back: constraint violations and conflicts."""

_UNKNOWN_SQLSTATES = frozenset({"08", "57P", "58", "XX"})
"""Prefixes of the SQLSTATEs after which it is unknown whether a statement was committed.

They mean a lost connection, a server that stops, or an internal error of the server.
"""

_INVALID_DATA_SQLSTATES = frozenset({"22", "23", "54", "P0"})
"""SQLSTATE classes for invalid data: values, constraints, sizes, and errors raised by a trigger."""

_SQLITE_REJECTIONS = ("SQLITE_CONSTRAINT", "SQLITE_TOOBIG", "SQLITE_MISMATCH")


def domain_error(failure: Exception, *, commits: bool) -> Unavailable:
    """Return the domain's error for one of the `DATABASE_FAILURES`.

    Returns `Unconfirmed` if the commit had begun and the database did not report a rollback.
    Returns `StorageRejected` if the database rejected the data, and `Unavailable` for any other
    failure.

    Raise the result ``from None``: the driver's text may contain the content of chat messages.
    """
    if commits and not _is_rolled_back(failure):
        return Unconfirmed()
    return StorageRejected() if _is_rejection(failure) else Unavailable()


def open_if_slow(
    breaker: CircuitBreaker, linked: CircuitBreaker | None, seconds: float, failure: Exception
) -> None:
    """Open a circuit breaker if the failure came after more than `SLOW_SECONDS`.

    If the server did not report this slow failure itself, also open the linked circuit breaker.
    """
    if seconds > SLOW_SECONDS:
        breaker.open()
        if linked is not None and not sqlstate(failure):
            linked.open()


def failure_name(failure: BaseException) -> str:
    """Return a name for logs: SQLite's error code or the exception's class."""
    failure = driver_failure(failure)
    if isinstance(failure, sqlite3.Error):
        # Only errors reported by SQLite itself have this attribute.
        return getattr(failure, "sqlite_errorname", type(failure).__name__)
    return type(failure).__name__


def sqlstate(failure: BaseException) -> str:
    """Return PostgreSQL's error code, or an empty text if the server did not report the failure."""
    return getattr(driver_failure(failure), "sqlstate", None) or ""


def driver_failure(failure: BaseException) -> BaseException:
    """Return the driver's exception, which SQLAlchemy may have wrapped."""
    if isinstance(failure, DBAPIError) and failure.driver_exception is not None:
        return failure.driver_exception
    return failure


def _is_rejection(failure: BaseException) -> bool:
    if isinstance(driver_failure(failure), sqlite3.Error):
        return failure_name(failure).startswith(_SQLITE_REJECTIONS)
    return sqlstate(failure)[:2] in _INVALID_DATA_SQLSTATES


def _is_rolled_back(failure: BaseException) -> bool:
    # Most errors of SQLite, such as a full disk, mean that the commit failed. But after a failure
    # to write or sync the write-ahead log, this log may contain the commit, and a recovery would
    # restore it.
    if isinstance(driver_failure(failure), sqlite3.Error):
        return not failure_name(failure).startswith("SQLITE_IOERR")
    state = sqlstate(failure)
    # SQLAlchemy wraps the driver's errors, except those of a `Write`. After most errors that
    # PostgreSQL reports, the statement of a `Write` is rolled back.
    if isinstance(failure, asyncpg.PostgresError):
        return not state.startswith(tuple(_UNKNOWN_SQLSTATES))
    return state[:2] in _ROLLED_BACK_SQLSTATES
