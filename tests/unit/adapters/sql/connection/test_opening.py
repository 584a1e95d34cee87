import os
import sqlite3
import ssl
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from app.adapters.sql.connection.opening import DatabaseOpenError, explained_opening

FILE = Path("data", "chat.db")


def failure_of_sqlite(name: str) -> sqlite3.OperationalError:
    failure = sqlite3.OperationalError("no such luck")
    failure.sqlite_errorname = name
    return failure


def sentence_of(failure: Exception, file: Path | None) -> str:
    """Return the message of the `DatabaseOpenError` for a failure."""
    with pytest.raises(DatabaseOpenError) as caught, explained_opening(file):
        raise failure
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("SQLITE_BUSY", "close that one"),
        ("SQLITE_BUSY_RECOVERY", "close that one"),
        ("SQLITE_CANTOPEN_ISDIR", "must be a file in a folder that this user may write"),
        ("SQLITE_CORRUPT", "replace the file with a backup"),
        ("SQLITE_FULL", "make room"),
        ("SQLITE_IOERR_WRITE", "make room"),
        ("SQLITE_NOTADB", "set DATABASE_URL to another"),
        ("SQLITE_READONLY_DIRECTORY", "let this user write the file and its folder"),
        ("SQLITE_TOOBIG", "cannot be used (SQLITE_TOOBIG)"),
    ],
)
def test_opening_names_file_and_fix_when_sqlite_fails(name: str, fix: str) -> None:
    """Extended error codes have the message of their primary code."""
    sentence = sentence_of(failure_of_sqlite(name), FILE)

    assert sentence.startswith(f"The database {FILE} ")
    assert fix in sentence


def test_opening_names_the_folder_when_it_may_not_be_written() -> None:
    """The error contains the operating system's reason."""
    denied = PermissionError(13, os.strerror(13))

    sentence = sentence_of(denied, FILE)

    assert sentence.startswith("The folder data cannot be used (Permission denied); let this user")


@pytest.mark.parametrize(
    "failure",
    [
        ConnectionRefusedError("secret"),
        OperationalError("secret", {}, ConnectionRefusedError("secret")),
    ],
)
def test_opening_asks_for_the_database_when_its_server_is_not_there(failure: Exception) -> None:
    """The error omits the URL, because it may contain a password."""
    assert (
        "The database cannot be reached (ConnectionRefusedError); "
        "start it, or correct DATABASE_URL."
    ) == sentence_of(failure, None)


def test_opening_speaks_of_tls_when_the_certificate_is_refused() -> None:
    """The error does not ask to start the server, because the server is running."""
    refused = ssl.SSLCertVerificationError("certificate verify failed")

    assert (
        "does not offer the TLS that DATABASE_URL asks for (SSLCertVerificationError)"
        in sentence_of(refused, None)
    )


@pytest.mark.parametrize("file", [FILE, None])
def test_opening_says_so_when_the_database_does_not_answer(file: Path | None) -> None:
    """A hanging disk or server has a separate error message."""
    assert sentence_of(TimeoutError(), file).startswith("The database did not answer in time")
