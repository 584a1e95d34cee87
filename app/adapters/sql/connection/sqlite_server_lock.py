"""The mark of the one server that runs on an SQLite file."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.adapters.sql.connection.opening import DatabaseOpenError, explained_opening


@contextmanager
def sqlite_server_lock(file: Path) -> Iterator[None]:
    """Be the only server on this SQLite file; commands beside it are welcome.

    Two servers would share what is stored and hear nothing of each other's events: half of a
    channel would be silent. The mark is a lock on a file beside the database, not on the database
    itself, whose own locks closing a second handle would drop. It ends with this process, however
    that ends.

    Raises:
        DatabaseOpenError: Another server has the mark, or the folder cannot be used.
    """
    with explained_opening(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        mark = file.with_name(f"{file.name}.server").open("a+", encoding="ascii")
    with mark:
        with explained_opening(file):
            _take(mark.fileno(), file)
        yield


def _take(mark: int, file: Path) -> None:
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(mark, 20, 0).decode("ascii")
        message = (
            f"A server uses the database {file} already (process {owner}); "
            "stop it, or set DATA_DIR and PORT to others for this one."
        )
        raise DatabaseOpenError(message) from None
    os.ftruncate(mark, 0)
    os.write(mark, str(os.getpid()).encode("ascii"))
