"""Turning what goes wrong while a database is opened into a sentence for whoever starts it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from app.adapters.sql.failures import failure_name, sqlstate

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
    name = failure_name(failure)
    if file is None and sqlstate(failure):
        mend = _SERVER_MENDS.get(sqlstate(failure), f"cannot be used ({name}, {sqlstate(failure)})")
        return f"The database {mend}."
    if file is None:
        return f"The database cannot be reached ({name}); start it, or correct DATABASE_URL."
    if isinstance(failure, OSError):
        return (
            f"The folder {file.parent} cannot be used ({failure.strerror}); "
            "let this user write there, or set DATA_DIR to another folder."
        )
    primary = "_".join(name.split("_")[:2])
    return f"The database {file} {_MENDS.get(primary, f'cannot be used ({name}); replace it')}."
