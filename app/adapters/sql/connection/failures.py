"""Translates the exceptions of SQLAlchemy and the drivers into those of the domain."""

import sqlite3
from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.adapters.sql.connection.limits import SLOW_SECONDS
from app.concurrency.circuit_breaker import CircuitBreaker
from app.domain.errors import StorageRejected, Unavailable, Unconfirmed

DATABASE_FAILURES: Final = (SQLAlchemyError, sqlite3.Error, OSError)
"""What a failing database raises; `OSError` includes `TimeoutError`."""

_ROLLED_BACK_SQLSTATES = frozenset({"23", "40"})
"""Classes of SQLSTATE that mean a rollback: constraints, conflicts."""

_INVALID_DATA_SQLSTATES = frozenset({"22", "23", "54", "P0"})
"""Classes of SQLSTATE that concern the data: values, constraints, sizes, errors of a trigger."""

_SQLITE_REJECTIONS = ("SQLITE_CONSTRAINT", "SQLITE_TOOBIG", "SQLITE_MISMATCH")


def domain_error(failure: Exception, *, commits: bool) -> Unavailable:
    """Return the domain's error for one of the `DATABASE_FAILURES`.

    It is `Unconfirmed` if the commit had begun, unless the database answered that it rolled back.
    Otherwise it is `StorageRejected` if the database rejects the data, and else `Unavailable`.

    Raise it without its cause: the text of a driver may repeat parameters, which contain messages.
    """
    if commits and not _is_rolled_back(failure):
        return Unconfirmed()
    return StorageRejected() if _is_rejection(failure) else Unavailable()


def open_if_slow(breaker: CircuitBreaker, seconds: float, failure: Exception) -> None:
    """Open a circuit breaker after a slow failure, and the linked one if the server is silent."""
    if seconds > SLOW_SECONDS:
        breaker.open()
        if breaker.linked is not None and not sqlstate(failure):
            breaker.linked.open()


def failure_name(failure: BaseException) -> str:
    """Return a name for logs: SQLite's code or the name of the class, never the driver's text."""
    failure = driver_failure(failure)
    if isinstance(failure, sqlite3.Error):
        # Only an error that SQLite itself reports has this attribute.
        return getattr(failure, "sqlite_errorname", type(failure).__name__)
    return type(failure).__name__


def sqlstate(failure: BaseException) -> str:
    """Return PostgreSQL's error code; empty if the server did not report this failure."""
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
    # An error of SQLite, such as a full disk, means that the commit failed. Except for a failure to
    # write or sync the log: the log may contain the commit, which a recovery would then restore.
    if isinstance(driver_failure(failure), sqlite3.Error):
        return not failure_name(failure).startswith("SQLITE_IOERR")
    return sqlstate(failure)[:2] in _ROLLED_BACK_SQLSTATES
