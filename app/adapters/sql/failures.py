"""Turning what a database throws into the domain's one answer."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.domain.errors import Unavailable

logger = logging.getLogger(__name__)


@contextmanager
def translated_failures() -> Iterator[None]:
    """Raise `Unavailable` for any failure of the database; domain errors pass through.

    Only names of classes and codes are logged, and the cause is cut off: a driver's text may
    repeat parameters, and those are what people wrote.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as failure:  # OSError: TimeoutError too
        logger.warning("the database failed: %s", failure_name(failure))
        raise Unavailable from None


def failure_name(failure: BaseException) -> str:
    """A name for logs and people: SQLite's own code, else the class; never a driver's text."""
    if isinstance(failure, DBAPIError) and failure.driver_exception is not None:
        failure = failure.driver_exception
    if isinstance(failure, sqlite3.Error):
        # Set when the failure came from SQLite itself, and absent otherwise.
        return getattr(failure, "sqlite_errorname", type(failure).__name__)
    return type(failure).__name__
