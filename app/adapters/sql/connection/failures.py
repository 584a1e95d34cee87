"""Turning what a database throws into the domain's answers."""

import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.concurrency.circuit_breaker import CircuitBreaker
from app.domain.errors import StorageRejected, Unavailable, Unconfirmed

SLOW_SECONDS = 0.25
"""A failure that took longer opens the circuit breaker, so that later operations do not wait."""

_ROLLED_BACK_SQLSTATES = frozenset({"23", "40"})
"""Classes of SQLSTATE with which a server says that it has rolled back: constraints, conflicts."""

_INVALID_DATA_SQLSTATES = frozenset({"22", "23", "54", "P0"})
"""Those that say so of certain rows: values, constraints, sizes, a trigger's own word."""

_SQLITE_REJECTIONS = ("SQLITE_CONSTRAINT", "SQLITE_TOOBIG", "SQLITE_MISMATCH")

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Operation:
    """The progress of one operation on the database.

    Attributes:
        commits: Whether its commit has begun.
        has_turn_since: When it got its turn, by `time.monotonic`; None while it waits for one.
    """

    commits: bool = False
    has_turn_since: float | None = None

    def is_slow(self) -> bool:
        """Whether the database has worked on it for more than `SLOW_SECONDS`.

        The time before its turn does not count: the operation waited for others, not for the
        database.
        """
        since = self.has_turn_since
        return since is not None and time.monotonic() - since > SLOW_SECONDS


@contextmanager
def translated_failures(breaker: CircuitBreaker | None) -> Iterator[Operation]:
    """Raise `Unavailable` for any failure of the database; domain errors pass through.

    Raises `StorageRejected` if the database rejects the data. Raises `Unconfirmed` if the commit
    had begun, unless the database has answered that it rolled back.

    A success closes ``breaker``, and a failure that took longer than `SLOW_SECONDS` opens it. If
    the database did not even answer with an error, the linked circuit breaker opens, too.

    Logs only names of classes and codes, and raises without the cause: the text of a driver may
    repeat parameters, which contain what people wrote.
    """
    operation = Operation()
    try:
        yield operation
        if breaker is not None and not breaker.is_closed:
            breaker.close()
    except (SQLAlchemyError, sqlite3.Error, OSError) as failure:  # OSError includes TimeoutError
        logger.warning("the database failed: %s", failure_name(failure))
        if breaker is not None and operation.is_slow():
            breaker.open()
            if breaker.linked is not None and not sqlstate(failure):
                breaker.linked.open()
        if operation.commits and not _is_refusal(failure):
            raise Unconfirmed from None
        if _is_rejection(failure):
            raise StorageRejected from None
        raise Unavailable from None


def failure_name(failure: BaseException) -> str:
    """A name for logs and people: SQLite's own code, else the class; never a driver's text."""
    failure = driver_failure(failure)
    if isinstance(failure, sqlite3.Error):
        # Set when the failure came from SQLite itself, and absent otherwise.
        return getattr(failure, "sqlite_errorname", type(failure).__name__)
    return type(failure).__name__


def sqlstate(failure: BaseException) -> str:
    """PostgreSQL's code; empty for anything else."""
    return getattr(driver_failure(failure), "sqlstate", None) or ""


def driver_failure(failure: BaseException) -> BaseException:
    """What the driver raised, without what SQLAlchemy put around it."""
    if isinstance(failure, DBAPIError) and failure.driver_exception is not None:
        return failure.driver_exception
    return failure


def _is_rejection(failure: BaseException) -> bool:
    """Whether it is about what was to be stored, and not about the database."""
    if isinstance(driver_failure(failure), sqlite3.Error):
        return failure_name(failure).startswith(_SQLITE_REJECTIONS)
    return sqlstate(failure)[:2] in _INVALID_DATA_SQLSTATES


def _is_refusal(failure: BaseException) -> bool:
    """Whether a COMMIT that was answered with this has not happened.

    SQLite's errors say so: the disk is full, say. But when writing or syncing fails, the commit's
    frame may stand in the log all the same, and count when that is next recovered.
    """
    if isinstance(driver_failure(failure), sqlite3.Error):
        return not failure_name(failure).startswith("SQLITE_IOERR")
    return sqlstate(failure)[:2] in _ROLLED_BACK_SQLSTATES
