"""Makes the engines of a database, and explains why a database cannot be opened."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL

from app.adapters.sql.connection.engines import Engines
from app.adapters.sql.connection.failures import (
    DATABASE_FAILURES,
    driver_failure,
    failure_name,
    sqlstate,
)
from app.adapters.sql.connection.limits import DatabaseLimits
from app.adapters.sql.connection.postgres import postgres_engines
from app.adapters.sql.connection.sqlite import sqlite_engines
from app.adapters.sql.connection.url import sqlite_file

_SQLITE_FIXES = {
    "SQLITE_BUSY": "is locked by another program; close that one, then start again",
    "SQLITE_CANTOPEN": "cannot be opened; it must be a file in a folder that this user may write",
    "SQLITE_CORRUPT": "is damaged; replace the file with a backup, or move the file away",
    "SQLITE_FULL": "cannot be written: the disk is full; make room, then start again",
    "SQLITE_IOERR": "cannot be written: the disk is full or fails; make room, then start again",
    "SQLITE_NOTADB": "is no SQLite database; move the file away, or set DATABASE_URL to another",
    "SQLITE_READONLY": "may not be written; let this user write the file and its folder",
}
"""Problems and remedies, by the name of SQLite's primary error code.

The name of an extended error code begins with the name of its primary code.
"""

_SERVER_FIXES = {
    "25006": "is read only; set DATABASE_URL to the primary server",
    "28000": "refuses this user; correct the user and the password in DATABASE_URL",
    "28P01": "refuses this password; correct the user and the password in DATABASE_URL",
    "3D000": "does not exist on its server; create it, or correct DATABASE_URL",
    "3F000": "has no schema of this name; create it, or correct DATABASE_URL",
    "42501": "denies this user a privilege; grant those that `python -m app doctor` lists",
    "53300": "accepts no more connections; close some, or lower DATABASE_POOL_SIZE",
    "55P03": "is locked by another transaction; wait until that has ended, then start again",
    "57P03": "is starting or stopping; wait a moment, then start again",
}
"""Problems and remedies, by PostgreSQL's SQLSTATE."""


class DatabaseOpenError(Exception):
    """The database cannot be opened. The text explains how to fix this, without the URL."""


def make_engines(address: URL, limits: DatabaseLimits) -> Engines:
    """Make the engines without opening them; raise `DatabaseUrlError` for an invalid URL."""
    if sqlite_file(address) is None:
        return postgres_engines(address, limits)
    return sqlite_engines(address, limits)


@contextmanager
def explained_opening(file: Path | None) -> Iterator[None]:
    """Turn any failure of the database, or of an SQLite file's folder, into `DatabaseOpenError`."""
    try:
        yield
    except TimeoutError:
        message = "The database did not answer in time; check that it works, then start again."
        raise DatabaseOpenError(message) from None
    except DATABASE_FAILURES as failure:
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
    return (
        f"The database {file} {_SQLITE_FIXES.get(primary, f'cannot be used ({name}); replace it')}."
    )


def _server_sentence(failure: Exception) -> str:
    name = failure_name(failure)
    if state := sqlstate(failure):
        return f"The database {_SERVER_FIXES.get(state, f'cannot be used ({name}, {state})')}."
    if _is_tls_failure(failure):
        return (
            f"The database's server does not offer the TLS that DATABASE_URL asks for ({name}); "
            "set up TLS and a certificate there, or correct sslmode and sslaccept in DATABASE_URL."
        )
    return f"The database cannot be reached ({name}); start it, or correct DATABASE_URL."


def _is_tls_failure(failure: Exception) -> bool:
    # If the server has no TLS, asyncpg raises a `ConnectionError`; only its text names the reason.
    cause = driver_failure(failure)
    return isinstance(cause, ssl.SSLError) or "rejected SSL upgrade" in str(cause)
