"""Turning what a database throws into the domain's answers."""

import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.adapters.sql.connection.circuit_breaker import CircuitBreaker
from app.domain.errors import StorageRejected, Unavailable, Unconfirmed

_ROLLED_BACK_SQLSTATES = frozenset({"23", "40"})
"""Classes of SQLSTATE with which a server says that it has rolled back: constraints, conflicts."""

_INVALID_DATA_SQLSTATES = frozenset({"22", "23", "54", "P0"})
"""Those that say so of certain rows: values, constraints, sizes, a trigger's own word."""

_SQLITE_REJECTIONS = ("SQLITE_CONSTRAINT", "SQLITE_TOOBIG", "SQLITE_MISMATCH")

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Operation:
    """How far an operation has come.

    Attributes:
        commits: Whether its commit was begun.
        has_turn_since: When it got its turn; None while it waits. That wait is not the database's
            fault: only so many operations are let in at once.
    """

    commits: bool = False
    has_turn_since: float | None = None


@contextmanager
def translated_failures(gate: CircuitBreaker | None) -> Iterator[Operation]:
    """Raise `Unavailable` for any failure of the database; domain errors pass through.

    It is `StorageRejected` when the database rejects the data. Once the operation commits it is
    `Unconfirmed`, unless the database itself has said no. The gate, if there is one, learns
    whether the database answers.

    Only names of classes and codes are logged, and the cause is cut off: a driver's text may
    repeat parameters, and those are what people wrote.
    """
    operation = Operation()
    try:
        yield operation
        if gate is not None:
            gate.succeeded()
    except (SQLAlchemyError, sqlite3.Error, OSError) as failure:  # OSError: TimeoutError too
        logger.warning("the database failed: %s", failure_name(failure))
        if gate is not None and operation.has_turn_since is not None:
            seconds = time.monotonic() - operation.has_turn_since
            gate.failed(seconds, is_silence=not sqlstate(failure))
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
