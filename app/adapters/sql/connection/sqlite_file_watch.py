"""Noticing that an SQLite file was deleted or replaced while it is open.

SQLite itself goes on, on a file that no path leads to any more: every commit succeeds, and all of
them are lost with the process.
"""

import logging
import sqlite3
from pathlib import Path

_SUFFIXES = ("-wal", "-shm")
"""The log, where commits stand first, and its index, which processes share."""

_logger = logging.getLogger(__name__)


class SqliteFileWatch:
    """The files of one SQLite database, and whether their paths still lead to them.

    A connection of its own holds them from `hold` to `release`, so that SQLite removes neither log
    nor index in between, and the file system gives their numbers to no other file. Nothing held is
    always in place. A file whose content is overwritten is not noticed.
    """

    def __init__(self) -> None:
        self._connection: sqlite3.Connection | None = None
        self._identities: dict[Path, tuple[int, int] | None] = {}
        self._was_in_place = True

    def hold(self, file: Path) -> None:
        """Hold the files of a database that is in WAL mode. Blocks; once only.

        Raises:
            sqlite3.Error: The file cannot be used.
            OSError: Likewise.
        """
        # Any thread may release it.
        self._connection = sqlite3.connect(file, check_same_thread=False)
        self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # opens the log
        target = file.resolve()  # SQLite puts the others beside what a link leads to
        beside = (target.with_name(f"{target.name}{suffix}") for suffix in _SUFFIXES)
        self._identities = {path: _identity(path) for path in (file, *beside)}

    def are_in_place(self) -> bool:
        """Whether every path leads to the file it led to in the beginning.

        A change is logged once. Calls of the file system and no more: a few microseconds.
        """
        gone = [path for path, held in self._identities.items() if _identity(path) != held]
        if gone and self._was_in_place:
            _logger.error(
                "%s was deleted or replaced while in use: nothing is read or stored any more; "
                "put it back if it was moved, and restart the server",
                gone[0],
            )
        self._was_in_place = not gone
        return not gone

    def release(self) -> None:
        """Close the connection; blocks while SQLite moves what is in the log to the file."""
        if self._connection is not None:
            self._connection.close()


def _identity(path: Path) -> tuple[int, int] | None:
    """Equal for the same file alone; None when the path leads nowhere."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
