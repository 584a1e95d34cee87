"""Turning what goes wrong while a database is opened into a sentence for whoever starts it."""

import sqlite3
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from app.adapters.sql.connection.failures import driver_failure, failure_name, sqlstate

_MENDS = {
    "SQLITE_BUSY": "is locked by another program; close that one, then start again",
    "SQLITE_CANTOPEN": "cannot be opened; it must be a file in a folder that this user may write",
    "SQLITE_CORRUPT": "is damaged; put a copy of it in its place, or move it away",
    "SQLITE_FULL": "cannot be written: the disk is full; make room, then start again",
    "SQLITE_IOERR": "cannot be written: the disk is full or fails; make room, then start again",
    "SQLITE_NOTADB": "is no SQLite database; move the file away, or set DATABASE_URL to another",
    "SQLITE_READONLY": "may not be written; let this user write the file and its folder",
}
"""By SQLite's primary codes; its extended ones (``SQLITE_IOERR_WRITE``) begin with these."""

_SERVER_MENDS = {
    "25006": "is read only; set DATABASE_URL to the primary server",
    "28000": "refuses this user; correct the user and the password in DATABASE_URL",
    "28P01": "refuses this password; correct the user and the password in DATABASE_URL",
    "3D000": "does not exist on its server; create it, or correct DATABASE_URL",
    "3F000": "has no schema of this name; create it, or correct DATABASE_URL",
    "42501": "lets this user do too little; grant what is missing, and see `python -m app doctor`",
    "53300": "takes no more connections; close some, or lower DATABASE_POOL_SIZE",
    "55P03": "is locked by somebody's transaction; let that end, then start again",
    "57P03": "is starting or ending; wait a moment, then start again",
}
"""By PostgreSQL's SQLSTATE."""


class DatabaseOpenError(Exception):
    """The database cannot be opened. The text says how to mend it, and repeats no address."""


@contextmanager
def explained_opening(file: Path | None) -> Iterator[None]:
    """Raise `DatabaseOpenError` for any failure of the database, or of its file's folder.

    Args:
        file: SQLite's; None for a server's database.
    """
    try:
        yield
    except TimeoutError:
        message = "The database did not answer in time; look after it, then start again."
        raise DatabaseOpenError(message) from None
    except (SQLAlchemyError, sqlite3.Error, OSError) as failure:
        raise DatabaseOpenError(_sentence(failure, file)) from None


def _sentence(failure: Exception, file: Path | None) -> str:
    if file is None:
        return _server_sentence(failure)
    if isinstance(failure, OSError):
        return (
            f"The folder {file.parent} cannot be used ({failure.strerror}); "
            "let this user write there, or set DATA_DIR to another folder."
        )
    name = failure_name(failure)
    primary = "_".join(name.split("_")[:2])
    return f"The database {file} {_MENDS.get(primary, f'cannot be used ({name}); replace it')}."


def _server_sentence(failure: Exception) -> str:
    name = failure_name(failure)
    if state := sqlstate(failure):
        return f"The database {_SERVER_MENDS.get(state, f'cannot be used ({name}, {state})')}."
    if _is_about_encryption(failure):
        return (
            f"The database's server does not offer the TLS that DATABASE_URL asks for ({name}); "
            "set its TLS and certificate up, or correct sslmode and sslaccept in DATABASE_URL."
        )
    return f"The database cannot be reached ({name}); start it, or correct DATABASE_URL."


def _is_about_encryption(failure: Exception) -> bool:
    # For a server without TLS, asyncpg has no class of its own, and nothing but a text.
    refused = driver_failure(failure)
    return isinstance(refused, ssl.SSLError) or "rejected SSL upgrade" in str(refused)
