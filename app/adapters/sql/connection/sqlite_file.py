"""Prepares an SQLite file before the server uses it."""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from app.adapters.sql.connection.opening import DatabaseOpenError, explained_opening

_BUSY_RETRY_SECONDS = 0.02


def prepare_file(file: Path, lock_timeout_seconds: float) -> None:
    """Create the file and its folder, and enable WAL so that readers do not block the writer.

    Blocks. Retries for up to ``lock_timeout_seconds``, because SQLite fails at once if several
    processes enable WAL at the same time, for example if two servers start with the same new file.

    Raises:
        sqlite3.Error: The file cannot be used, or was still locked at the timeout.
        OSError: The folder cannot be created.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    give_up_at = time.monotonic() + lock_timeout_seconds
    with closing(sqlite3.connect(file)) as connection:
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                is_busy = error.sqlite_errorcode == sqlite3.SQLITE_BUSY
                if not is_busy or time.monotonic() > give_up_at:
                    raise
                time.sleep(_BUSY_RETRY_SECONDS)
            else:
                return


@contextmanager
def sqlite_server_lock(file: Path) -> Iterator[None]:
    """Lock an SQLite file so that only one server uses it; commands may use it at the same time.

    Two servers would share the stored messages, but not send events to each other's clients. The
    lock is on a second file next to the database, so that it cannot conflict with SQLite's own
    locks. The operating system releases the lock when this process ends.

    Raises:
        DatabaseOpenError: Another server has the lock, or the folder cannot be used.
    """
    with explained_opening(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        lock_file = file.with_name(f"{file.name}.server").open("a+", encoding="ascii")
    with lock_file:
        with explained_opening(file):
            _lock(lock_file.fileno(), file)
        yield


def _lock(descriptor: int, file: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(descriptor, 20, 0).decode("ascii")
        message = (
            f"A server uses the database {file} already (process {owner}); "
            "stop it, or set DATA_DIR and PORT to other values for this server."
        )
        raise DatabaseOpenError(message) from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode("ascii"))
